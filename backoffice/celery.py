"""Celery wakes the same loops that `manage.py worker` runs: the extra `celery`, and CELERY_BROKER_URL.

    celery -A backoffice worker            all queues; -Q ireca: those of one remote only
    celery -A backoffice beat -s /run/beat

A message says no more than which loop to look at: the rows say what is due, and their leases who does it. Hence:

- it is acknowledged when it comes: a worker that dies loses a message, no row, and no broker delivers it again later;
- it expires, and there are no results: a queue that nobody has emptied for a day is not a day's work;
- `heartbeat`, the one entry of beat, wakes whatever is due every HEARTBEAT, so that a lost message costs seconds.

The workers of Celery are threads of one process, because a worker that runs one loop twice would keep the others
waiting: a loop has as many places here as it has threads in `manage.py worker`, a message for one that has no place
left makes it look again, and there is a thread for every place. So no remote waits for another, however slow that is.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from typing import Any

import celery
import django
from celery.signals import celeryd_init, worker_ready, worker_shutdown, worker_shutting_down
from django.apps import apps
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
if not apps.ready:  # in a web process they are
    django.setup()

from django.conf import settings

from backoffice import garbage
from backoffice.sync import connection, lease, worker
from backoffice.sync.lookout import Lookout

HEARTBEAT = 5.0  # seconds
OFFICE = "office"  # the queue of all loops that are no remote's
LOOPS = {task.name: task for task in worker.loops() if task.threads}

app = celery.Celery("backoffice", broker=settings.CELERY_BROKER_URL or None)
app.conf.update(
    accept_content=["json"],
    beat_schedule={"heartbeat": {"task": "backoffice.heartbeat", "schedule": HEARTBEAT}},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    task_acks_late=False,
    task_default_queue=OFFICE,
    task_ignore_result=True,
    task_queues=[Queue(name, Exchange(name), name) for name in (OFFICE, *connection.TITLES)],
    timezone=settings.TIME_ZONE,
    worker_concurrency=sum(task.threads for task in LOOPS.values()) + 2,  # and two that say: I am at it already
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    worker_pool="threads",
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
)
if settings.CELERY_BROKER_URL.startswith("redis"):
    # What a dead worker had fetched comes again after the first of these; it has expired by then.
    timeouts = {"socket_connect_timeout": 3, "socket_timeout": 10}
    app.conf.broker_transport_options = {"visibility_timeout": 300, "queue_order_strategy": "round_robin", **timeouts}


def send(loop: str) -> None:
    """Wake a loop, wherever it runs. Raises what the transport raises when the broker cannot be told."""
    queue = LOOPS[loop].remote or OFFICE
    wake.apply_async((loop,), queue=queue, expires=60, retry=False)


@app.task(name="backoffice.wake")
def wake(loop: str) -> None:
    """Do what this loop has to do. May come twice, late or never."""
    if loop in LOOPS:  # a message of an older or newer version of ours may name one that we do not have
        _crew.run(LOOPS[loop])


@app.task(name="backoffice.heartbeat", expires=HEARTBEAT)
def heartbeat() -> None:
    """Wake whatever is due, and what no row tells of."""
    for name in sorted(_lookout.due() | _lookout.unseen):
        send(name)


class Crew:
    """What this process is at."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.heart: threading.Thread | None = None
        self._lock = threading.Lock()
        self._busy: dict[str, set[int]] = defaultdict(set)
        self._asked: set[str] = set()

    def run(self, task: worker.Task) -> None:
        """Rounds of a loop until nothing is due; where it has no place left, whoever is at it looks once more."""
        place = self._take(task)
        if place is None:
            return
        holder = lease.owner(f"{task.name}-{place}")
        while self._goes_on(task, place, handled=worker.turn(task, holder)):
            pass

    def _take(self, task: worker.Task) -> int | None:
        with self._lock:
            free = set(range(task.threads)) - self._busy[task.name]
            if not free:
                self._asked.add(task.name)
                return None
            place = min(free)
            self._busy[task.name].add(place)
            return place

    def _goes_on(self, task: worker.Task, place: int, *, handled: int) -> bool:
        """Whether there may be more to do. If not, the place is left, in one step: a message that finds it taken is
        heard.
        """
        with self._lock:
            goes_on = not self.stop.is_set() and (handled > 0 or task.name in self._asked)
            self._asked.discard(task.name)
            if not goes_on:
                self._busy[task.name].discard(place)
            return goes_on


_crew = Crew()
_lookout = Lookout(LOOPS.values())


@celeryd_init.connect
def _check(instance: Any = None, options: Any = None, **_: Any) -> None:
    """`--pool prefork` would be many crews that know nothing of each other."""
    pool = (options or {}).get("pool_cls") or app.conf.worker_pool
    if "thread" not in str(getattr(pool, "__module__", pool)):
        raise SystemExit(f"The pool of workers must be threads, not {pool}: see backoffice/celery.py.")


@worker_ready.connect
def _started(**_: Any) -> None:
    garbage.settle()
    name = worker.start()
    _crew.heart = threading.Thread(target=worker.stay_alive, args=(name, _crew.stop), name="heartbeat")
    _crew.heart.start()


@worker_shutting_down.connect
def _stopping(**_: Any) -> None:
    _crew.stop.set()


@worker_shutdown.connect
def _stopped(**_: Any) -> None:
    _crew.stop.set()
    if _crew.heart is not None:
        _crew.heart.join()
