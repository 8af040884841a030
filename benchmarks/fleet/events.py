"""What happens to the machines of a rehearsal, one event after another, and what people may notice of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.fleet.machines import Fleet

FEW = 4
SILENCE = 60.0  # seconds in which somebody must have been answered; how long it took is of the machine, and is told
AWAY = 3.0  # seconds for which a machine is away
BEFORE = 2.0  # seconds in which the copy of the database is waited for


@dataclass(frozen=True)
class Event:
    """What happens, and whether but a FEW requests may go unanswered at first: a connection that was kept may end in
    the moment in which it is used again. How many there are while nobody can answer is of how fast one asks.
    """

    title: str
    happen: Callable[[Fleet], None]
    few: bool


def release(fleet: Fleet) -> None:
    """As docs/operations.md has it: web machine by web machine, then the workers."""
    for name in ("web1", "web2"):
        fleet[name].tell(signal.SIGHUP)
        time.sleep(AWAY)
    for name in ("worker1", "celery1", "beat1"):
        fleet[name].stop()
        fleet[name].start()


def killed(*names: str, away: float = AWAY) -> Callable[[Fleet], None]:
    def happen(fleet: Fleet) -> None:
        for name in names:
            fleet[name].kill()
        time.sleep(away)
        for name in names:
            fleet[name].start()

    return happen


def stopped(name: str) -> Callable[[Fleet], None]:
    def happen(fleet: Fleet) -> None:
        fleet[name].stop()
        time.sleep(AWAY)
        fleet[name].start()

    return happen


def standby(fleet: Fleet) -> None:
    fleet["postgres2"].stop(signal.SIGINT)
    time.sleep(AWAY)
    fleet["postgres2"].start()


def main_database(fleet: Fleet) -> None:
    """The one that takes writes is gone for good, and the other takes its place. Commits have waited for it before."""
    fleet.wait_for_standby(True)
    time.sleep(BEFORE)
    fleet["postgres1"].tell(signal.SIGQUIT)  # no word to anybody, and nothing written
    fleet["postgres1"].kill()
    time.sleep(1)  # until somebody or something has noticed
    fleet.promote()


EVENTS = {
    "release": Event("a release: web machines one by one, then workers", release, few=True),
    "web": Event("a web machine is dead", killed("web1"), few=False),
    "worker": Event("a worker and Celery's are dead", killed("worker1", "celery1"), few=True),
    "broker": Event("the broker is dead", killed("broker"), few=True),
    "cache": Event("the cache is dead", killed("valkey"), few=True),
    "standby": Event("the copy for reports is away", standby, few=True),
    "pgbouncer": Event("pgbouncer is dead", killed("pgbouncer", away=1.0), few=False),
    "main-database": Event("the main database is dead, the copy takes over", main_database, few=False),
}
