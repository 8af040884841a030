"""The worker: empties the inbox, the outbox and what is due to be read, again and again.

`turn()` is one round of one loop, whoever calls it: `run_forever` in threads, which a look at the rows wakes, or
Celery, which a message wakes (`backoffice/celery.py`). `drain()` is all loops until nothing is due. Each remote, pulls,
and the TASKS of apps have loops of their own, so that a long one holds up no order.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connections, models, reset_queries
from django.utils import timezone

from backoffice import trace
from backoffice.database import is_gone
from backoffice.sync import callbacks, clients, connection, lease, outbox, pull, push, retention
from backoffice.sync.connection import IRECA
from backoffice.sync.lookout import Lookout
from backoffice.sync.models import AccessToken, Callback, Pull, Push, Schedule, Worker
from backoffice.sync.tasks import BLIND, TASKS, Task

log = logging.getLogger(__name__)

LOOK = 0.5  # seconds between two looks at what is due
STARTS = 10  # times that a worker tries to start; then whoever watches it starts another
REST = 2.0  # seconds that a loop rests that was woken for nothing
BEAT = 5.0  # seconds between heartbeats
BEATS_A_MINUTE = 12
PATIENCE = 8.0  # seconds that a stopping worker gives to what is under way


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
        while handled := sum(task.step(holder) for task in loops()):
            total += handled
    return total


def once() -> int:
    """A worker that ends when nothing is due any more. Returns how much was handled."""
    name = start()
    try:
        return drain(name)
    finally:
        Worker.objects.filter(name=name).update(stopped_at=timezone.now())


def loops() -> list[Task]:
    """All that a worker does. Each remote has loops of its own, so that none waits for another; and several senders, of
    which one builds a batch, or records what became of it, while another's is in the air.
    """
    tasks = list(TASKS)
    senders = settings.PUSH_SENDERS
    for remote in connection.TITLES:
        messages, pulls = partial(drain_messages, remote=remote), partial(drain_pulls, remote=remote)
        waiting, to_read = partial(_due_messages, remote), partial(pull.due, remote)
        tasks.append(Task(f"{remote}-messages", messages, senders, due=waiting, every=BLIND, remote=remote))
        tasks.append(Task(f"{remote}-pulls", pulls, due=to_read, every=BLIND, remote=remote))
    return tasks


def _due_messages(remote: str, now: datetime) -> Iterable[models.QuerySet]:
    yield callbacks.due(remote, now).filter(lease.is_free())
    if connection.is_on(remote):
        yield outbox.due(remote, now).filter(lease.is_free())
        if remote == IRECA:
            yield from (follow_up.due(now) for follow_up in pull.FOLLOW_UPS)


_cut_off: set[str] = set()  # holders of this process that the database left in the middle of a round
_giving_back = threading.Lock()  # so that nobody takes rows while those that he had are given back


def turn(task: Task, holder: str) -> int:
    """One round of a loop. Returns how much was handled.

    A round that fails is told in the log and tried again: a worker that died of one bad moment would lose every later
    one. What a holder had when the database left him he cannot have given back: that is done before his next round, or
    with the next heartbeat.
    """
    with trace.bound([trace.new()]):
        try:
            if holder in _cut_off:
                _give_back([holder])
            return task.step(holder)
        except (OperationalError, InterfaceError) as error:
            log.warning("the database did not answer; trying again", exc_info=True)
            if is_gone(error):  # what else it may say, it says again of the same rows: they wait for their lease
                _cut_off.add(holder)
        except Exception:
            log.exception("a round of %s failed", task.name)
        finally:
            close_old_connections()
            reset_queries()  # with DEBUG Django keeps the last 9,000, of which one may be half a megabyte
    return 0


def start() -> str:
    """Before the first round: free what dead processes hold, and try blocked remotes at once. Returns this worker's
    name.
    """
    _release_dead()
    outbox.bring_forward()
    for remote in connection.TITLES:
        connection.unblock(remote)
    pull.ensure_schedules()
    retention.ensure_schedule()
    name = lease.owner()
    Worker.objects.update_or_create(name=name, defaults={"started_at": timezone.now(), "beat_at": timezone.now()})
    return name


def stay_alive(name: str, stop: threading.Event) -> None:
    """Tell every few seconds that this worker lives, and free what dead ones hold, until `stop` is set."""
    beat, clock = Task("heartbeat", _beat), Task("clock", lambda _holder: outbox.bring_forward())
    for count in itertools.count():
        if stop.wait(BEAT):
            break
        turn(beat, name)
        if count % BEATS_A_MINUTE == 0:
            turn(clock, name)
    Worker.objects.filter(name=name).update(stopped_at=timezone.now())


def run_forever(stop: threading.Event) -> None:
    """Work until `stop` is set; the round that is under way is finished, unless it takes longer than PATIENCE.

    A pull that is cut off goes on where it stopped, with the next worker.
    """
    name = _start(stop)
    threads = [_Loop(task, number, stop) for task in loops() for number in range(task.threads)]
    heart = threading.Thread(target=stay_alive, args=(name, stop), name="heartbeat")
    for thread in (heart, *threads):
        thread.start()
    lookout = Lookout(thread.task for thread in threads)
    look = Task("lookout", lambda _holder: _look(lookout, threads))
    while not stop.wait(LOOK):
        turn(look, name)
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.rung.set()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0))
    heart.join()


def _start(stop: threading.Event) -> str:
    """As `start`; a database that stumbles in that moment is tried again for some seconds."""
    for _attempt in range(STARTS - 1):
        try:
            return start()
        except (OperationalError, InterfaceError) as error:
            log.warning("the database was away when the worker started: %s", error)
            connections.close_all()
            if stop.wait(LOOK):
                break
    return start()


class _Loop(threading.Thread):
    """A loop in a thread of its own: works while there is something, then sleeps until it is rung."""

    def __init__(self, task: Task, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"{task.name}-{number}", daemon=True)
        self.task, self.stop = task, stop
        self.rung = threading.Event()
        self.rests_until = 0.0

    def run(self) -> None:
        holder = lease.owner(self.name)
        while not self.stop.is_set():
            was_rung = self.rung.is_set()
            self.rung.clear()
            if turn(self.task, holder):
                continue
            if was_rung:
                # What waits cannot be done now, or another worker does it.
                self.rests_until = time.monotonic() + REST
            self.rung.wait(self.task.every)


def _look(lookout: Lookout, threads: Sequence[_Loop]) -> int:
    due, now = lookout.due(), time.monotonic()
    for thread in threads:
        if thread.task.name in due and thread.rests_until <= now:
            thread.rung.set()
    return len(due)


def _give_back(holders: Iterable[str]) -> None:
    """Free what these had when the database left them; what somebody has locked just now, the next time."""
    with _giving_back:
        for holder in _cut_off.intersection(holders):
            if lease.release(_leased(), holder):
                _cut_off.discard(holder)


def _beat(name: str) -> int:
    _release_dead()
    _give_back(list(_cut_off))
    return Worker.objects.filter(name=name).update(beat_at=timezone.now())


def _release_dead() -> None:
    lease.release_dead(_leased())


def _leased() -> Iterable[type[models.Model]]:
    return (Push, Callback, Pull, Schedule, AccessToken, *(model for task in TASKS for model in task.leased))
