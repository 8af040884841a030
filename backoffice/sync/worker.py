"""The worker: empties the inbox, the outbox and what is due to be read, again and again.

`drain()` is all of it; an embedded worker calls it in a loop, and any other engine just wakes it. Pulls, and the TASKS
of apps, run in threads of their own, so that a long one holds up no order.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import OperationalError, close_old_connections, models
from django.utils import timezone

from backoffice import trace
from backoffice.sync import callbacks, clients, connection, lease, presence, pull, push
from backoffice.sync.connection import IRECA
from backoffice.sync.models import AccessToken, Callback, Exchange, Pull, Push, Schedule, Sent, Worker

log = logging.getLogger(__name__)

IDLE = 0.5  # seconds between two looks when nothing was due
BEAT = 5.0  # seconds between heartbeats
PRUNE_EVERY = 60.0  # seconds between looks for old rows
PATIENCE = 8.0  # seconds that a stopping worker gives to what is under way
PRUNE = 500  # rows of a kind at a time


@dataclass(frozen=True)
class Task:
    """What an app above adds to the worker: `step(holder)` does what is due, and returns how much; 0 when nothing is.

    It runs in threads of its own, so that it holds up no order, with its `leased` rows freed when their holder dies;
    `old(before)` are rows whose time is over.
    """

    name: str
    step: Callable[[str], int]
    threads: int = 1
    leased: tuple[type[models.Model], ...] = ()
    old: Callable[[datetime], Iterable[models.QuerySet]] = lambda before: ()


TASKS: list[Task] = []


def drain_messages(holder: str, remote: str = IRECA) -> int:
    """One round of inbox, outbox and follow-ups of a remote. Returns how much was handled; 0 means nothing is due."""
    client = clients.client(remote)
    handled = callbacks.process(client, holder, remote)
    if client is not None:
        handled += push.drain(client, holder)
        if remote == IRECA:
            handled += pull.follow_up(client)
    return handled


def drain_pulls(holder: str, remote: str = IRECA) -> int:
    client = clients.client(remote)
    return pull.run_due(client, holder) if client is not None else 0


def drain(holder: str) -> int:
    """All that is due, until nothing is. Returns how much was handled."""
    total = 0
    with trace.bound([trace.current() or trace.new()]):
        while handled := sum(step(holder) for _role, step, _threads in _steps()):
            total += handled
    return total


def _steps() -> list[tuple[str, Callable[[str], int], int]]:
    """All that a worker does: role, step, threads. Each remote has steps of its own, so that none waits for another."""
    steps: list[tuple[str, Callable[[str], int], int]] = [(task.name, task.step, task.threads) for task in TASKS]
    for remote in connection.TITLES:
        steps.append((f"{remote}-messages", partial(drain_messages, remote=remote), 1))
        steps.append((f"{remote}-pulls", partial(drain_pulls, remote=remote), 1))
    return steps


def start() -> str:
    """Before the first round: free what dead processes hold, and try blocked remotes at once. Returns this worker's
    name.
    """
    _release_dead()
    for remote in connection.TITLES:
        connection.unblock(remote)
    pull.ensure_schedules()
    name = lease.owner()
    Worker.objects.update_or_create(name=name, defaults={"started_at": timezone.now(), "beat_at": timezone.now()})
    return name


def run_forever(stop: threading.Event) -> None:
    """Work until `stop` is set; the round that is under way is finished, unless it takes longer than PATIENCE.

    A pull that is cut off goes on where it stopped, with the next worker.
    """
    name = start()
    threads = [
        threading.Thread(target=_loop, args=(step, lease.owner(name), stop), name=name, daemon=True)
        for role, step, count in _steps()
        for name in (f"{role}-{number}" for number in range(count))
    ]
    for thread in threads:
        thread.start()
    pruned = 0.0
    while not stop.wait(BEAT):
        _guarded(_beat, name)
        if time.monotonic() - pruned > PRUNE_EVERY:
            pruned = time.monotonic()
            _guarded(_prune, name)
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    Worker.objects.filter(name=name).update(stopped_at=timezone.now())


def _loop(step: Any, holder: str, stop: threading.Event) -> None:
    while not stop.is_set():
        if not _guarded(step, holder):
            stop.wait(IDLE)
        close_old_connections()


def _guarded(step: Any, argument: str) -> int:
    """A round that fails is told in the log and tried again: a worker that died of one bad moment would lose every
    later one.
    """
    with trace.bound([trace.new()]):
        try:
            return step(argument) or 0
        except OperationalError:
            log.warning("the database did not answer; trying again", exc_info=True)
        except Exception:
            log.exception("a round of %s failed", threading.current_thread().name)
    return 0


def _beat(name: str) -> None:
    now = timezone.now()
    Worker.objects.filter(name=name).update(beat_at=now)
    _release_dead()


def _release_dead() -> None:
    lease.release_dead(
        (Push, Callback, Pull, Schedule, AccessToken, *(model for task in TASKS for model in task.leased))
    )


def _prune(name: str) -> None:
    """Old rows of what is over go a few at a time; whatever is open stays for ever."""
    before = timezone.now() - timedelta(days=settings.EXCHANGE_DAYS)
    for old in (
        Exchange.objects.filter(started_at__lt=before),
        Push.objects.filter(state=Push.State.DONE, done_at__lt=before),
        Callback.objects.filter(state=Callback.State.DONE, received_at__lt=before),
        Sent.objects.filter(at__lt=before, taken__isnull=True),
        Pull.objects.filter(state__in=(Pull.State.DONE, Pull.State.FAILED), created_at__lt=before),
        Worker.objects.filter(beat_at__lt=before),
        presence.expired(),
        *(rows for task in TASKS for rows in task.old(before)),
    ):
        old.model._base_manager.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNE])).delete()
