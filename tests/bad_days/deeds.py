"""What the children of the undertaker do. `watch` begins to count their steps."""

from __future__ import annotations

from collections.abc import Callable

from django.test import Client

from backoffice.partners.webhooks import delivery
from backoffice.sync import lease, worker


def messages(watch: Callable[[], None], remote: str = "ireca") -> None:
    """A worker that empties inbox and outbox of a remote."""
    watch()
    while worker.drain_messages(lease.owner("dying"), remote):
        pass


def pulls(watch: Callable[[], None], remote: str = "ireca") -> None:
    """A worker that reads what is due."""
    watch()
    while worker.drain_pulls(lease.owner("dying"), remote):
        pass


def webhooks(watch: Callable[[], None]) -> None:
    """A worker that tells partners."""
    watch()
    while delivery.work(lease.owner("dying")):
        pass


def post(watch: Callable[[], None], path: str, body: str, headers: dict[str, str], status: int) -> None:
    """A web server that is asked something, and answers `status` if it lives."""
    watch()
    answer = Client().post(path, body, content_type="application/json", headers=headers)
    if answer.status_code != status:
        raise RuntimeError(f"{answer.status_code}: {answer.content.decode()}")
