"""What bad days share: a record of what is promised, recovery, and children that may be killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import worker
from backoffice.sync.models import Push
from benchmarks.both_sides import hurry, is_quiet
from benchmarks.promises import Record
from tests.bad_days.undertaker import Undertaker
from tests.conftest import database_url


@pytest.fixture
def record(listening: Sandbox) -> Record:
    """iRECA, pulled, posting callbacks to us; and nothing promised yet."""
    return Record(listening)


@pytest.fixture
def recover(sandbox: Sandbox) -> Callable[[], None]:
    """What happens the morning after: a worker starts, and works until both sides are quiet."""

    def until_quiet() -> None:
        holder = worker.start()
        for _ in range(20):
            sandbox.callbacks.wait_idle(10)
            hurry()
            worker.drain(holder)
            if is_quiet(sandbox):
                return
        open_ = Push.objects.filter(state__in=Push.OPEN)
        raise AssertionError(f"it never ends: {[(push, push.state, push.error, push.waits_for) for push in open_]}")

    return until_quiet


@pytest.fixture(scope="session")
def undertaker(django_db_setup: None) -> Iterator[Undertaker]:
    running = Undertaker(
        {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "TEST_DATABASE_URL": database_url()}
    )
    yield running
    running.close()
