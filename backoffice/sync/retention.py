"""What is over goes after its time: a few rows at a time, along an index, so that nobody waits for it.

A `Kind` tells which rows, and the setting that says for how many days they are kept (0: for ever). Whatever is open
stays, however old. The row "retention" of the schedules says when it is looked at, and shows what went; people change
it in the admin. Who wants to keep old rows elsewhere runs `manage.py archive`, which writes the same kinds to files.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from backoffice.sync import lease, presence
from backoffice.sync.models import Callback, Exchange, Pull, Push, Schedule, Sent, Worker
from backoffice.sync.tasks import TASKS

NAME = "retention"
EVERY = 3600  # seconds
BATCH = 500  # rows in one transaction
PAUSE = 0.02  # seconds between two of them, in which others get to write
TURN = 30.0  # seconds of one turn: less than a lease


@dataclass(frozen=True)
class Kind:
    """Rows that are over `before` a moment, in querysets that each go along an index, oldest first; kept for so many
    days as `setting` says.

    `parts` are names of relations whose rows go with them, and into their archive.
    """

    name: str
    setting: str
    over: Callable[[datetime], Iterable[models.QuerySet]]
    parts: tuple[str, ...] = ()

    @property
    def days(self) -> int:
        days: int = getattr(settings, self.setting)
        return days


def _exchanges(before: datetime) -> Iterator[models.QuerySet]:
    yield Exchange.objects.filter(started_at__lt=before).order_by("started_at")


def _pushes(before: datetime) -> Iterator[models.QuerySet]:
    yield Push.objects.filter(state=Push.State.DONE, done_at__lt=before).order_by("done_at")


def _callbacks(before: datetime) -> Iterator[models.QuerySet]:
    yield Callback.objects.filter(state=Callback.State.DONE, received_at__lt=before).order_by("received_at")


def _sent(before: datetime) -> Iterator[models.QuerySet]:
    yield Sent.objects.filter(at__lt=before, taken__isnull=True).order_by("pk")


def _pulls(before: datetime) -> Iterator[models.QuerySet]:
    ends = (Pull.State.DONE, Pull.State.FAILED)
    yield Pull.objects.filter(state__in=ends, created_at__lt=before).order_by("created_at")


def _history(before: datetime) -> Iterator[models.QuerySet]:
    for model in apps.get_models():
        if hasattr(model, "history_date"):
            yield model._base_manager.filter(history_date__lt=before).order_by("history_date")


KINDS: list[Kind] = [
    Kind("exchanges", "EXCHANGE_DAYS", _exchanges, ("subjects",)),
    Kind("pushes", "PUSH_DAYS", _pushes),
    Kind("sent", "PUSH_DAYS", _sent),
    Kind("callbacks", "CALLBACK_DAYS", _callbacks),
    Kind("pulls", "PULL_DAYS", _pulls),
    Kind("history", "HISTORY_DAYS", _history),
]


def due(now: datetime) -> Iterator[models.QuerySet]:
    yield _due(now).filter(lease.is_free())


def _due(now: datetime) -> models.QuerySet[Schedule]:
    return Schedule.objects.filter(name=NAME, enabled=True, due_at__lte=now)


def ensure_schedule() -> None:
    Schedule.objects.get_or_create(name=NAME, defaults={"every": EVERY})


def step(holder: str) -> int:
    """One turn, when it is time for one. Returns how many rows went. What is left then goes with the next turn."""
    total = 0
    for schedule in lease.claim(_due(timezone.now()), holder, 1):
        started = timezone.now()
        gone, is_all = prune(TURN)
        total = gone.total()
        finished = timezone.now()
        Schedule.objects.filter(pk=schedule.pk).update(
            last_started_at=started,
            last_finished_at=finished,
            last_result=", ".join(f"{name}: {count}" for name, count in sorted(gone.items()))[:300],
            due_at=finished + timedelta(seconds=schedule.every) if is_all else finished,
            **lease.RELEASED,
        )
    return total


def prune(seconds: float = float("inf")) -> tuple[Counter[str], bool]:
    """Delete what is over, for so many seconds. Returns how many rows of a name went, and whether that was all."""
    deadline = time.monotonic() + seconds
    gone: Counter[str] = Counter()
    for rows in _over():
        while count := delete(rows):
            gone[str(rows.model._meta.verbose_name_plural)] += count
            if time.monotonic() > deadline:
                return gone, False
            if count < BATCH:
                break
            time.sleep(PAUSE)
    return gone, True


def _over() -> Iterator[models.QuerySet]:
    now = timezone.now()
    for kind in KINDS:
        if kind.days > 0:
            yield from kind.over(now - timedelta(days=kind.days))
    # Kept for ever is kept: nothing is older than that. What has a time of its own goes all the same.
    before = (
        now - timedelta(days=settings.EXCHANGE_DAYS) if settings.EXCHANGE_DAYS > 0 else datetime(1970, 1, 1, tzinfo=UTC)
    )
    yield Worker.objects.filter(beat_at__lt=before)
    yield presence.expired()
    for task in TASKS:
        yield from task.old(before)


def delete(rows: models.QuerySet) -> int:
    """Delete a batch of the rows, in a transaction of its own. Returns how many went."""
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    if keys:
        with transaction.atomic():
            rows.model._base_manager.filter(pk__in=keys).delete()
    return len(keys)
