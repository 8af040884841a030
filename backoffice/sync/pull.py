"""Reading from a remote: readers by name, runs with progress, schedules as rows.

Every mirror is a reader under its wire name; apps register the rest (dictionaries, licences, receipts) with `reader`.
A run is a `Pull` row that a person can watch. Where the list has pages, the row keeps the page, so that a run whose
worker was killed, or whose remote went out, goes on from there; the next run is a row of its own and starts at the
first page. Follow-ups are short reads that a change calls for (the receipt of an order that was just closed); they
keep their own due times in their app.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from django.db import OperationalError, models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from backoffice import trace
from backoffice.remotes.http import Refused, RemoteError, Retry
from backoffice.sync import arrive, clock, connection, lease, wakeups
from backoffice.sync.apply import Applied
from backoffice.sync.connection import IRECA
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.models import Pull, Schedule

log = logging.getLogger(__name__)

BATCH = 500  # objects merged in one transaction
ATTEMPTS = 8  # failures of one request that the remote answers with an error, until the run is given up


class Lost(Exception):
    """The lease of this run ran out and somebody else carries it out."""


@dataclass(frozen=True)
class Reader:
    """`read(client, progress, params)` reads everything of one kind. It may be repeated at any time: what was applied
    already changes nothing. `since`, `ids`: whether it takes the parameter of that name.
    """

    name: str
    rank: int
    every: int  # seconds between scheduled runs; 0: only when asked
    read: Callable[[Any, Progress, dict[str, Any]], None]
    since: bool = False
    ids: bool = False
    remote: str = IRECA


@dataclass(frozen=True)
class FollowUp:
    """`read(client)` reads what `due(now)` are the rows of, and returns how many it read."""

    read: Callable[[Any], int]
    due: Callable[[datetime], models.QuerySet]


READERS: dict[str, Reader] = {}
FOLLOW_UPS: list[FollowUp] = []  # of iRECA


def reader(
    name: str, *, rank: int, every: int = 0, since: bool = False, ids: bool = False, remote: str = IRECA
) -> Callable[[Any], Any]:
    """Register a reader. It takes the place of a mirror's own where it has the same name."""

    def register(function: Callable[[Any, Progress, dict[str, Any]], None]) -> Any:
        READERS[name] = Reader(name, rank, every, function, since, ids, remote)
        return function

    return register


def readers() -> list[Reader]:
    """All readers in the order in which a full pull runs them: what others refer to comes first."""
    mirrored = [
        Reader(mirror.entity, mirror.rank, mirror.cadence, mirror_reader(mirror), remote=mirror.remote)
        for mirror in registry.ranked()
        if mirror.entity not in READERS
    ]
    return sorted([*READERS.values(), *mirrored], key=lambda r: (r.rank, r.name))


def active_readers() -> list[Reader]:
    """Those whose remote is on; and iRECA's, which this back office is made for."""
    return [r for r in readers() if r.remote == IRECA or connection.is_on(r.remote)]


def find(name: str) -> Reader | None:
    return next((r for r in readers() if r.name == name), None)


def mirror_reader(mirror: Mirror) -> Callable[[Any, Progress, dict[str, Any]], None]:
    """Reads a mirror's list: by pages, resumable, or streamed from the start where the list has none (T05)."""

    def read(client: Any, progress: Progress, params: dict[str, Any]) -> None:
        resource, asked = getattr(client, mirror.resource), clock.now()
        if getattr(resource, "paged", False):
            for page, objects in resource.pages(progress.page(client)):
                progress.merge(mirror, client, objects, asked, cursor={"page": page + 1, "size": client.api.page_size})
                asked = clock.now()
        else:
            for batch in chunks(mirror.list(client), BATCH):
                progress.merge(mirror, client, batch, asked)

    return read


def parse_since(text: str) -> datetime:
    """A moment or a day (its start), in local time unless it says otherwise. Raises ValueError."""
    if (moment := parse_datetime(text)) is None:
        if (day := parse_date(text)) is None:
            raise ValueError(f"{text!r} is neither a date (2026-07-01) nor a moment (2026-07-01T09:30)")
        moment = datetime.combine(day, time_of_day.min)
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


class Progress:
    """Counts of a run, written to its Pull row a few times a second and shown to whoever runs it in a terminal."""

    EVERY = 0.5  # seconds
    COLUMNS = (
        *("state", "attempts", "total", "read", "created_count", "updated_count", "conflict_count", "bad_count"),
        *("error", "cursor", "open_key", "due_at", "started_at", "finished_at", "lease_owner"),
    )

    def __init__(self, pull: Pull, holder: str, show: Callable[[Pull], None] | None = None) -> None:
        self.pull, self.holder, self.show = pull, holder, show
        self._saved = 0.0

    def page(self, client: Any) -> int | None:
        """The page to go on from; None for the first, also where pages had another size then."""
        cursor = self.pull.cursor or {}
        return cursor.get("page") if cursor.get("size") == client.api.page_size else None

    def add(self, applied: Applied, read: int, cursor: dict[str, Any] | None = None) -> None:
        """Count what was applied. With `cursor`, a run that is interrupted later goes on from there."""
        self.pull.read += read
        self.pull.created_count += applied.created
        self.pull.updated_count += applied.updated
        self.pull.conflict_count += applied.conflicts
        if cursor is not None:
            self.pull.cursor, self.pull.attempts = cursor, 0
        self.save(force=cursor is not None)

    def merge(
        self,
        mirror: Mirror,
        client: Any,
        objects: Sequence[Any],
        asked: datetime,
        *,
        read: int | None = None,
        cursor: dict[str, Any] | None = None,
    ) -> None:
        """Merge objects of a mirror that were asked for at that moment (`arrive.py`), and count them; `read`: how many
        these were chosen from. What cannot be stored is told as what cannot be read is.
        """
        applied = arrive.merge(mirror, client, objects, asked)
        self.bad(applied.unstored.values())
        self.add(applied, len(objects) if read is None else read, cursor)

    def bad(self, rows: Iterable[Any]) -> None:
        """Rows that could not be read: counted, and told in the run's error text."""
        texts = [str(row) for row in rows]
        self.pull.bad_count += len(texts)
        self.pull.error = "\n".join(filter(None, [self.pull.error, *texts]))[:5000]

    def save(self, *, force: bool = False) -> None:
        """Raises Lost when the run is somebody else's by now."""
        if force or time.monotonic() - self._saved > self.EVERY:
            self._saved = time.monotonic()
            values = {name: getattr(self.pull, name) for name in self.COLUMNS}
            values["lease_until"] = lease.until() if self.pull.lease_owner else None
            if not Pull.objects.filter(pk=self.pull.pk, lease_owner=self.holder).update(**values):
                raise Lost(self.pull.what)
        if self.show is not None:
            self.show(self.pull)


def request(what: str, user: Any = None, *, since: datetime | None = None, ids: Iterable[str] = ()) -> Pull:
    """Ask for a run; one that is asked for already, with the same parameters, is returned instead.

    Where a person asks (`user`), a run that was postponed is due at once. `since` (aware) and `ids` are for readers
    that take them. LookupError where nothing is read under that name.
    """
    if (reader_ := find(what)) is None:
        raise LookupError(what)
    params: dict[str, Any] = {} if since is None else {"since": since.isoformat()}
    if wanted := list(dict.fromkeys(ids)):
        params["ids"] = wanted
    said = json.dumps(params, sort_keys=True) if params else ""
    key = ":".join(filter(None, [reader_.remote, what, said and hashlib.sha256(said.encode()).hexdigest()]))
    with transaction.atomic():
        pull, is_new = Pull.objects.get_or_create(
            open_key=key,
            defaults={"remote": reader_.remote, "what": what, "params": params, "requested_by": user},
        )
        if user is not None and not is_new:
            now = timezone.now()
            if Pull.objects.filter(pk=pull.pk, state=Pull.State.QUEUED, due_at__gt=now).update(due_at=now):
                pull.due_at = now
    wakeups.ring(f"{reader_.remote}-pulls")
    return pull


def run(pull: Pull, client: Any, holder: str, show: Callable[[Pull], None] | None = None) -> Pull:
    """Carry out a run that this holder has claimed, from where it was interrupted.

    A remote that is out postpones the run, as does a request that it answers with an error, which after ATTEMPTS
    without progress fails it. What the remote refuses fails at once.
    """
    reader_ = find(pull.what)
    if reader_ is None:
        raise LookupError(pull.what)
    pull.state, pull.started_at, pull.error = Pull.State.RUNNING, timezone.now(), ""
    if pull.cursor is None:
        pull.read = pull.created_count = pull.updated_count = pull.conflict_count = pull.bad_count = 0
    Pull.objects.filter(pk=pull.pk).update(lease_owner=holder)
    pull.lease_owner = holder
    progress = Progress(pull, holder, show)
    progress.save(force=True)
    try:
        with _bad_rows_to(progress, client), trace.bound([f"pull-{pull.pk}"]):
            reader_.read(client, progress, pull.params)
    except Lost:
        log.warning("pull of %s: the lease ran out, somebody else carries on", pull.what)
        return pull
    except RemoteError as error:
        _interrupted(pull, error, client.session.remote)
    except OperationalError as error:
        # The database stumbled (a deadlock, a restart): nothing is wrong with what was read.
        _interrupted(pull, Retry(f"{type(error).__name__}: {error}", down=False), client.session.remote)
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
    return pull


@contextmanager
def _bad_rows_to(progress: Progress, client: Any) -> Iterator[None]:
    """What cannot be decoded is told in the run instead of being kept by the client."""
    before, client.on_bad_row = client.on_bad_row, lambda row: progress.bad([row])
    try:
        yield
    finally:
        client.on_bad_row = before


def _interrupted(pull: Pull, error: RemoteError, remote: str) -> None:
    pull.attempts += 1
    is_outage = connection.is_outage(error)
    if isinstance(error, Refused) or (pull.attempts >= ATTEMPTS and not is_outage):
        pull.state, pull.open_key = Pull.State.FAILED, None
        pull.error = "\n".join(filter(None, [pull.error, str(error)]))
        return
    if is_outage:
        connection.failed(remote, error)
    pull.state = Pull.State.QUEUED
    pull.error = "\n".join(filter(None, [pull.error, str(error), how_it_goes_on(pull)]))
    pull.due_at = timezone.now() + timedelta(seconds=connection.backoff(pull.attempts))


def how_it_goes_on(pull: Pull) -> str:
    """The last line of the error of a run that was interrupted."""
    return _("It will go on where it stopped.") if pull.cursor else _("It will start from the beginning.")


def due(remote: str, now: datetime) -> Iterator[models.QuerySet]:
    """What waits for `run_due`; nothing while the remote is off."""
    if connection.is_on(remote):
        yield _due_runs(remote, now).filter(lease.is_free())
        yield _due_schedules([r.name for r in readers() if r.remote == remote], now).filter(lease.is_free())


def _due_runs(remote: str, now: datetime) -> models.QuerySet[Pull]:
    states = (Pull.State.QUEUED, Pull.State.RUNNING)
    return Pull.objects.filter(remote=remote, state__in=states, due_at__lte=now)


def _due_schedules(names: Iterable[str], now: datetime) -> models.QuerySet[Schedule]:
    return Schedule.objects.filter(enabled=True, due_at__lte=now, name__in=list(names))


def run_due(client: Any, holder: str) -> int:
    """Run one pull that is due, and ask for those that the schedules call for."""
    if connection.is_blocked(client.session.remote):
        return 0
    _request_scheduled(client.session.remote, holder)
    claimed = lease.claim(_due_runs(client.session.remote, timezone.now()).order_by("due_at", "id"), holder, 1)
    for pull in claimed:
        run(pull, client, holder)
        is_failed = pull.state == Pull.State.FAILED
        Schedule.objects.filter(name=pull.what).update(
            last_started_at=pull.started_at,
            last_finished_at=pull.finished_at,
            last_result=summary(pull)[:300],
            failures=F("failures") + 1 if is_failed else 0,
            error=pull.error if is_failed else "",
        )
    return len(claimed)


def summary(pull: Pull) -> str:
    return _(
        "%(state)s: %(read)s read, %(created)s new, %(updated)s changed, %(conflicts)s in conflict, %(bad)s unreadable"
    ) % {
        "state": pull.get_state_display(),
        "read": pull.read,
        "created": pull.created_count,
        "updated": pull.updated_count,
        "conflicts": pull.conflict_count,
        "bad": pull.bad_count,
    }


def ensure_schedules() -> None:
    """A schedule for each reader that has a cadence; what a person changed stays."""
    known = set(Schedule.objects.values_list("name", flat=True))
    for r in active_readers():
        if r.every and r.name not in known:
            Schedule.objects.get_or_create(name=r.name, defaults={"every": r.every})


def _request_scheduled(remote: str, holder: str) -> None:
    rank = {r.name: r.rank for r in readers() if r.remote == remote}
    claimed = lease.claim(_due_schedules(rank, timezone.now()).order_by("due_at"), holder, 50)
    for schedule in sorted(claimed, key=lambda s: rank[s.name]):
        request(schedule.name)
        Schedule.objects.filter(pk=schedule.pk).update(
            due_at=timezone.now() + timedelta(seconds=schedule.every), **lease.RELEASED
        )


def follow_up(client: Any) -> int:
    """Short reads that earlier changes called for. Returns how many objects were read."""
    if connection.is_blocked(client.session.remote):
        return 0
    handled = 0
    for each in FOLLOW_UPS:
        try:
            handled += each.read(client)
        except RemoteError as error:
            if not connection.is_outage(error):
                raise
            connection.failed(client.session.remote, error)
            return handled
    return handled
