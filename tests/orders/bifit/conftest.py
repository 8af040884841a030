"""BIFIT Kassa of the sandbox beside iRECA, switched on; and orders of it in our tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import connection, lease, worker
from tests.orders.bifit import steps


@pytest.fixture
def bifit(sandbox: Sandbox, settings: Any, db: None) -> Bifit:
    """BIFIT Kassa alone, switched on and with the sample order only."""
    steps.switch_on(sandbox.bifit, settings)
    worker.start()
    return sandbox.bifit


@pytest.fixture
def both(ireca: Sandbox, settings: Any) -> Sandbox:
    """iRECA, pulled, and BIFIT Kassa."""
    steps.switch_on(ireca.bifit, settings)
    return ireca


@pytest.fixture
def bifit_settle() -> Callable[[], None]:
    """Do all that is due at BIFIT Kassa until nothing is."""

    def until_quiet() -> None:
        holder = lease.owner("test")
        while worker.drain_messages(holder, connection.BIFIT) + worker.drain_pulls(holder, connection.BIFIT):
            pass

    return until_quiet
