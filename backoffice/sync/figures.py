"""How synchronisation is doing, in figures: for the page *Sync health*, `/readyz`, `/metrics` and `manage.py doctor`,
which show the same ones.

Each function runs a fixed number of queries, and each query reads what is open, or a window of time, along an index:
the millions of pushes that are done and of exchanges that are logged cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, Subquery, Value
from django.db.models.functions import Substr
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backoffice.secrets import matches
from backoffice.sync import connection, pull
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Callback, Exchange, Pull, Push, RemoteState, Schedule, Worker
from backoffice.sync.outbox import DUE_STATES

SILENCE = timedelta(seconds=60)  # without a heartbeat, after which a worker counts as dead
RECENT, HOUR, DAY = timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)
FAILURES = 20  # groups of failures
TEXT = 200  # characters of an error by which failures are grouped: the whole would not fit into an address
SAMPLE = 5_000  # exchanges, the latest ones, of which the durations are taken
WORKERS = 20


@dataclass(frozen=True)
class Remote:
    """A remote as all workers see it. `state` is None until the first exchange."""

    name: str
    is_on: bool
    state: RemoteState | None

    @property
    def is_paused(self) -> bool:
        return self.state is not None and self.state.paused

    @property
    def is_blocked(self) -> bool:
        """Workers leave it alone until `state.blocked_until`."""
        return self.state is not None and bool(self.state.block)


@dataclass
class Kind:
    """The pushes of one entity to one remote: the open ones by state, and how many were done in the last hour."""

    remote: str
    entity: str
    by_state: dict[str, int] = field(default_factory=dict)
    oldest_by_state: dict[str, datetime] = field(default_factory=dict)
    done: int = 0

    @property
    def oldest(self) -> datetime | None:
        return min(self.oldest_by_state.values(), default=None)

    @property
    def open(self) -> int:
        return sum(self.by_state.values())


@dataclass(frozen=True)
class Queue:
    """The outbox. `oldest` is when the oldest open push was made."""

    kinds: Sequence[Kind]
    done_recently: int
    done_hour: int

    @property
    def depth(self) -> int:
        return sum(kind.open for kind in self.kinds)

    @property
    def oldest(self) -> datetime | None:
        return min((kind.oldest for kind in self.kinds if kind.oldest is not None), default=None)

    @property
    def waiting(self) -> int:
        """What waits for its turn, for another object, or for a decision on a conflict: not refused, not unknown."""
        return sum(self.count(state) for state in DUE_STATES)

    @property
    def oldest_waiting(self) -> datetime | None:
        ages = (kind.oldest_by_state.get(state) for kind in self.kinds for state in DUE_STATES)
        return min((age for age in ages if age is not None), default=None)

    def count(self, state: str) -> int:
        return sum(kind.by_state.get(state, 0) for kind in self.kinds)


@dataclass(frozen=True)
class Failure:
    """Open pushes of one entity with the same beginning of an error."""

    entity: str
    state: str
    text: str
    count: int
    oldest: datetime

    @property
    def digest(self) -> str:
        """Of the text, which an address must not tell, nor be guessed by."""
        return salted_hmac("backoffice.sync.figures.Failure", self.text).hexdigest()[:16]

    def is_named(self, digest: str) -> bool:
        return matches(digest, self.digest)

    @property
    def alike(self) -> dict[str, str]:
        """Which errors: just this one, or all that begin so."""
        return {"error" if len(self.text) < TEXT else "error__startswith": self.text}

    @property
    def can_be_retried(self) -> bool:
        """What came of a command whose answer was lost is for a person to tell, one by one."""
        return self.state != Push.State.UNKNOWN


@dataclass(frozen=True)
class Inbox:
    """Callbacks since midnight, and the oldest that waits, whenever it came."""

    received: int
    processed: int
    failed: int
    waiting: int
    oldest_waiting: datetime | None


@dataclass(frozen=True)
class Reading:
    """A reader: when it is due, its last run, and when a run of it went well for the last time."""

    name: str
    remote: str
    schedule: Schedule | None
    last: Pull | None
    ok_at: datetime | None = None

    def lag(self, now: datetime) -> timedelta:
        """How long its run is overdue. Nothing is where it is switched off, or its remote is."""
        if self.schedule is None or not self.schedule.enabled or not connection.is_on(self.remote):
            return timedelta(0)
        return max(now - self.schedule.due_at, timedelta(0))


@dataclass(frozen=True)
class Traffic:
    """Exchanges with all remotes in the last hour; durations in milliseconds, of the latest SAMPLE of them."""

    requests: int
    errors: int
    median: int | None
    slow: int | None  # the 95th percentile


@dataclass(frozen=True)
class Exchanges:
    """What was exchanged with a remote lately with one outcome: ok, refused (4xx), broken (5xx) or none (no answer).
    Durations in milliseconds.
    """

    remote: str
    outcome: str
    count: int
    median: int
    slow: int  # the 95th percentile


def remotes() -> list[Remote]:
    states = RemoteState.objects.in_bulk()
    return [Remote(name, connection.is_on(name), states.get(name)) for name in connection.TITLES]


def queue(now: datetime) -> Queue:
    """Two queries: what is open, and what was done within the last hour."""
    kinds: dict[tuple[str, str], Kind] = {}
    waiting = Push.objects.filter(state__in=Push.OPEN).order_by().values("remote", "entity", "state")
    for group in waiting.annotate(count=Count("pk"), oldest=Min("created_at")):
        kind = kinds.setdefault((group["remote"], group["entity"]), Kind(group["remote"], group["entity"]))
        kind.by_state[group["state"]] = group["count"]
        kind.oldest_by_state[group["state"]] = group["oldest"]
    done_recently = done_hour = 0
    done = Push.objects.filter(done_at__gte=now - HOUR).order_by().values("remote", "entity")
    for sent in done.annotate(hour=Count("pk"), recent=Count("pk", filter=Q(done_at__gte=now - RECENT))):
        kind = kinds.setdefault((sent["remote"], sent["entity"]), Kind(sent["remote"], sent["entity"]))
        kind.done = sent["hour"]
        done_hour += sent["hour"]
        done_recently += sent["recent"]
    ordered = sorted(kinds.values(), key=lambda kind: (kind.remote, -kind.open, kind.entity))
    return Queue(ordered, done_recently, done_hour)


def failures() -> list[Failure]:
    """The most frequent troubles of open pushes, by text."""
    troubled = Push.objects.filter(state__in=Push.OPEN).exclude(error="").annotate(text=Substr("error", 1, TEXT))
    groups = troubled.order_by().values("entity", "state", "text").annotate(count=Count("pk"), oldest=Min("created_at"))
    return [Failure(**group) for group in groups.order_by("-count", "entity", "text")[:FAILURES]]


def inbox(now: datetime) -> Inbox:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Callback.objects.filter(received_at__gte=midnight).aggregate(
        received=Count("pk"),
        processed=Count("pk", filter=Q(state=Callback.State.DONE)),
        failed=Count("pk", filter=Q(state=Callback.State.FAILED)),
    )
    waiting = Callback.objects.filter(state=Callback.State.NEW).aggregate(
        waiting=Count("pk"), oldest_waiting=Min("received_at")
    )
    return Inbox(**today, **waiting)


def readings() -> list[Reading]:
    """All readers in their order."""
    last = Pull.objects.filter(what=OuterRef("name")).order_by("-id").values("pk")[:1]
    well = Pull.objects.filter(what=OuterRef("name"), state=Pull.State.DONE).order_by("-id").values("finished_at")[:1]
    rows = Schedule.objects.annotate(last_pull=Subquery(last), ok_at=Subquery(well))
    schedules = {row.name: row for row in rows}
    runs = Pull.objects.in_bulk([row.last_pull for row in schedules.values() if row.last_pull])
    return [
        Reading(reader.name, reader.remote, schedule, runs.get(schedule.last_pull), schedule.ok_at)
        if schedule is not None
        else Reading(reader.name, reader.remote, None, None)
        for reader in pull.readers()
        for schedule in [schedules.get(reader.name)]
    ]


def is_alive(worker: Worker) -> bool:
    return worker.stopped_at is None and worker.beat_at > timezone.now() - SILENCE


def workers(now: datetime) -> list[Worker]:
    """Those that were seen within a day, the liveliest first."""
    return list(Worker.objects.filter(beat_at__gte=now - DAY).order_by("-beat_at", "-pk")[:WORKERS])


def last_beat() -> datetime | None:
    """The latest heartbeat of any worker that was not stopped."""
    beat: datetime | None = Worker.objects.filter(stopped_at=None).aggregate(beat=Max("beat_at"))["beat"]
    return beat


def traffic(now: datetime) -> Traffic:
    window = Exchange.objects.filter(started_at__gte=now - HOUR).order_by()
    counts: dict[str, int] = window.aggregate(
        requests=Count("pk"), errors=Count("pk", filter=Q(status=None) | Q(status__gte=400))
    )
    durations = sorted(window.order_by("-started_at").values_list("duration_ms", flat=True)[:SAMPLE])
    return Traffic(**counts, median=_percentile(durations, 50), slow=_percentile(durations, 95))


def exchanges(now: datetime) -> list[Exchanges]:
    """Of the last minutes, and of no more than SAMPLE: one query."""
    window = Exchange.objects.filter(started_at__gte=now - RECENT).order_by("-started_at")
    durations: dict[tuple[str, str], list[int]] = {}
    for remote, status, duration in window.values_list("remote", "status", "duration_ms")[:SAMPLE]:
        durations.setdefault((remote, _outcome(status)), []).append(duration)
    return [
        Exchanges(remote, outcome, len(some), _nearest(some, 50), _nearest(some, 95))
        for (remote, outcome), values in sorted(durations.items())
        for some in [sorted(values)]
    ]


def _outcome(status: int | None) -> str:
    if status is None:
        return "none"
    return "ok" if status < 400 else "refused" if status < 500 else "broken"


def conflicts() -> dict[str, int]:
    """How many rows of each entity wait for a person to choose; entities without any are not told. One query."""
    counts = [
        mirror.model._base_manager.filter(sync_state=SyncState.CONFLICT)
        .order_by()
        .annotate(entity=Value(mirror.entity))
        .values("entity")
        .annotate(count=Count("pk"))
        .values_list("entity", "count")
        for mirror in registry.ranked()
    ]
    found = counts[0].union(*counts[1:], all=True)
    return {entity: count for entity, count in found if count}


def _percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile; None of nothing."""
    return _nearest(ordered, percent) if ordered else None


def _nearest(ordered: Sequence[int], percent: int) -> int:
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(rank, 1) - 1]


def lines(now: datetime) -> list[str]:
    """Queue and heartbeat for machines, a line each."""
    outbox, beat = queue(now), last_beat()
    return [
        f"queue_open {outbox.depth}",
        f"queue_oldest_seconds {_age(outbox.oldest, now)}",
        f"worker_beat_seconds {_age(beat, now)}",
    ]


def _age(moment: datetime | None, now: datetime) -> Any:
    return "-" if moment is None else max(0, int((now - moment).total_seconds()))
