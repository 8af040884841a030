"""Reading from a remote: readers by name, runs with progress, schedules as rows.

Every mirror is a reader under its wire name; apps register the rest (dictionaries, licences, receipts) with `reader`.
A run is a `Pull` row
that a person can watch. Follow-ups are short reads that a change calls for (the receipt of an order that was just
closed); they keep their
own due times in their app.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from backoffice.remotes.http import RemoteError
from backoffice.sync import connection, lease
from backoffice.sync.apply import Applied, apply
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Pull, Schedule

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reader:
    """`read(client, progress, params)` reads everything of one kind."""

    name: str
    rank: int
    every: int  # seconds between scheduled runs; 0: only when asked
    read: Callable[[Any, Progress, dict[str, Any]], None]


READERS: dict[str, Reader] = {}
FOLLOW_UPS: list[Callable[[Any], int]] = []


def reader(name: str, *, rank: int, every: int = 0) -> Callable[[Any], Any]:
    def register(function: Callable[[Any, Progress, dict[str, Any]], None]) -> Any:
        READERS[name] = Reader(name, rank, every, function)
        return function

    return register


def readers() -> list[Reader]:
    """All readers in the order in which a full pull runs them: what others refer to comes first."""
    mirrored = [
        Reader(mirror.entity, mirror.rank, mirror.cadence, mirror_reader(mirror))
        for mirror in registry.ranked()
        if mirror.entity not in READERS
    ]
    return sorted([*READERS.values(), *mirrored], key=lambda r: (r.rank, r.name))


def find(name: str) -> Reader | None:
    return next((r for r in readers() if r.name == name), None)


def mirror_reader(mirror: Mirror) -> Callable[[Any, Progress, dict[str, Any]], None]:
    def read(client: Any, progress: Progress, params: dict[str, Any]) -> None:
        for batch in chunks(mirror.list(client, **params), 500):
            progress.add(apply(mirror, batch), len(batch))

    return read


class Progress:
    """Counts of a run, written to its Pull row a few times a second and shown to whoever runs it in a terminal."""

    EVERY = 0.5  # seconds

    def __init__(self, pull: Pull, holder: str, show: Callable[[Pull], None] | None = None) -> None:
        self.pull, self.holder, self.show = pull, holder, show
        self._saved = 0.0

    def add(self, applied: Applied, read: int) -> None:
        self.pull.read += read
        self.pull.created_count += applied.created
        self.pull.updated_count += applied.updated
        self.pull.conflict_count += applied.conflicts
        self.save()

    def bad(self, rows: Iterable[Any]) -> None:
        """Rows that could not be read: counted, and told in the run's error text."""
        texts = [str(row) for row in rows]
        self.pull.bad_count += len(texts)
        self.pull.error = "\n".join(filter(None, [self.pull.error, *texts]))[:5000]

    def save(self, *, force: bool = False) -> None:
        if force or time.monotonic() - self._saved > self.EVERY:
            self._saved = time.monotonic()
            self.pull.lease_until = timezone.now() + lease.LEASE
            self.pull.save()
        if self.show is not None:
            self.show(self.pull)


def request(what: str, user: Any = None, **params: Any) -> Pull:
    """Ask for a run; one that is asked for already, with the same parameters, is returned instead."""
    key = ":".join(["ireca", what, *(f"{name}={value}" for name, value in sorted(params.items()))])[:200]
    with transaction.atomic():
        pull, _created = Pull.objects.get_or_create(
            open_key=key, defaults={"what": what, "params": params, "requested_by": user}
        )
    return pull


def run(pull: Pull, client: Any, holder: str, show: Callable[[Pull], None] | None = None) -> Pull:
    """Carry out a run that this holder has claimed. A remote that is out postpones it; it starts over, since applying
    is idempotent.
    """
    reader_ = find(pull.what)
    if reader_ is None:
        raise LookupError(pull.what)
    pull.state, pull.started_at, pull.error = Pull.State.RUNNING, timezone.now(), ""
    pull.read = pull.created_count = pull.updated_count = pull.conflict_count = pull.bad_count = 0
    progress = Progress(pull, holder, show)
    progress.save(force=True)
    try:
        reader_.read(client, progress, pull.params)
    except RemoteError as error:
        pull.attempts += 1
        pull.error = str(error)
        if connection.is_outage(error):
            connection.failed(client.session.remote, error)
            pull.state = Pull.State.QUEUED
            pull.due_at = timezone.now() + timedelta(seconds=connection.backoff(pull.attempts))
        else:
            pull.state, pull.open_key = Pull.State.FAILED, None
    except Exception as error:
        # A bug of ours: the run is over and says so, and the log has the trace.
        log.exception("pull of %s failed", pull.what)
        pull.state, pull.open_key, pull.error = Pull.State.FAILED, None, f"{type(error).__name__}: {error}"
    else:
        connection.worked(client.session.remote)
        pull.state, pull.open_key = Pull.State.DONE, None
    pull.finished_at = timezone.now()
    pull.lease_owner = ""
    progress.save(force=True)
    Pull.objects.filter(pk=pull.pk).update(**lease.RELEASED)
    return pull


def run_due(client: Any, holder: str) -> int:
    """Run one pull that is due, and ask for those that the schedules call for."""
    if connection.is_blocked(client.session.remote):
        return 0
    _request_scheduled(holder)
    due = Pull.objects.filter(
        remote=client.session.remote, state__in=(Pull.State.QUEUED, Pull.State.RUNNING), due_at__lte=timezone.now()
    ).order_by("due_at", "id")
    claimed = lease.claim(due, holder, 1)
    for pull in claimed:
        run(pull, client, holder)
        Schedule.objects.filter(name=pull.what).update(
            last_started_at=pull.started_at,
            last_finished_at=pull.finished_at,
            last_result=summary(pull)[:300],
            error=pull.error if pull.state == Pull.State.FAILED else "",
        )
    return len(claimed)


def summary(pull: Pull) -> str:
    return (
        f"{pull.state}: {pull.read} read, {pull.created_count} new, {pull.updated_count} changed, "
        f"{pull.conflict_count} in conflict, {pull.bad_count} unreadable"
    )


def ensure_schedules() -> None:
    """A schedule for each reader that has a cadence; what a person changed stays."""
    known = set(Schedule.objects.values_list("name", flat=True))
    for r in readers():
        if r.every and r.name not in known:
            Schedule.objects.get_or_create(name=r.name, defaults={"every": r.every})


def _request_scheduled(holder: str) -> None:
    due = Schedule.objects.filter(enabled=True, due_at__lte=timezone.now()).order_by("due_at")
    known = {r.name: r.rank for r in readers()}
    for schedule in sorted(lease.claim(due, holder, 50), key=lambda s: known.get(s.name, 0)):
        if schedule.name in known:
            request(schedule.name)
        Schedule.objects.filter(pk=schedule.pk).update(
            due_at=timezone.now() + timedelta(seconds=schedule.every), **lease.RELEASED
        )


def follow_up(client: Any) -> int:
    """Short reads that earlier changes called for. Returns how many objects were read."""
    if connection.is_blocked(client.session.remote):
        return 0
    handled = 0
    for function in FOLLOW_UPS:
        try:
            handled += function(client)
        except RemoteError as error:
            connection.failed(client.session.remote, error)
            return handled
    return handled
