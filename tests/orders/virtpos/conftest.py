"""VirtPos as the sandbox over real HTTP, and a feed that knows payment types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.sync import clients, lease, pull, push, worker
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.models import Pull
from fiscal.models import PaymentType, Tax
from orders.models import Feed
from tests.orders import builders


@pytest.fixture
def virtpos(sandbox: Sandbox, settings: Any, transactional_db: None) -> Virtpos:
    settings.VIRTPOS_URL, settings.VIRTPOS_API_KEY = sandbox.virtpos.url, sandbox.virtpos.api_key
    settings.VIRTPOS_RATE, settings.VIRTPOS_DAYS = 0, 0  # all orders, also the sample's of 2017
    return sandbox.virtpos


@pytest.fixture
def feed(virtpos: Virtpos) -> Feed:
    feed = Feed.of(VIRTPOS)
    feed.payment_type = builders.known(PaymentType, "cash", title="Наличные")
    feed.paid_type = builders.known(PaymentType, "online", title="Онлайн")
    feed.good_tax = builders.known(Tax, "vat", title="22%")
    feed.save()
    return feed


@pytest.fixture
def read(feed: Feed) -> Callable[..., Pull]:
    """Run a reader once, whatever comes of it."""

    def run(what: str = "virtpos", **asked: Any) -> Pull:
        return pull.run(pull.request(what, **asked), clients.client(VIRTPOS), lease.owner())

    return run


@pytest.fixture
def tell() -> Callable[[], int]:
    """Send what is due to VirtPos, once."""
    return lambda: push.drain(clients.client(VIRTPOS), lease.owner())


@pytest.fixture
def drain() -> Callable[[], int]:
    """Whatever the worker has to do for VirtPos's messages, until nothing is due."""

    def until_quiet() -> int:
        total = 0
        while handled := worker.drain_messages(lease.owner(), VIRTPOS):
            total += handled
        return total

    return until_quiet
