"""Each machine of a company goes, while everybody works: who is not answered, for how long, and what is lost?

    python -m benchmarks.fleet.rehearsal [--events release,main-database …] [--without nginx pgbouncer rabbitmq-server]

Partners post orders, a dispatcher gives them to couriers, a manager reads a report, and couriers deliver, of whom
iRECA's callbacks tell. Then one machine after another is taken away (`EVENTS`). A line an event: how many requests
were not answered, each of which is asked again, and for how long nobody was answered. In the end all that was promised
must be on both sides, once (`benchmarks/promises.py`). Exit status 1 when a promise or a limit is broken.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backoffice.remotes.sandbox import Sandbox
from benchmarks.fleet.machines import PROGRAMS, Fleet, until

if TYPE_CHECKING:
    from benchmarks.fleet.people import Book, Person

TOKEN = SECRET = "rehearsal-on-loopback-0123456789"  # noqa: S105
BEFORE = AFTER = 2.0  # seconds of work before an event and after it
AWAY = 3.0  # seconds for which a machine is away
CALM = 150.0  # seconds until all is worked off: a lease of a machine that is gone, and some more


@dataclass(frozen=True)
class Event:
    """What happens; how many requests may go unanswered, and for how many seconds nobody need be answered."""

    title: str
    happen: Callable[[Fleet], None]
    failures: int
    silence: float


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
    "release": Event("a release: web machines one by one, then workers", release, failures=0, silence=3),
    "web": Event("a web machine is dead", killed("web1"), failures=40, silence=5),
    "worker": Event("a worker and Celery's are dead", killed("worker1", "celery1"), failures=0, silence=3),
    "broker": Event("the broker is dead", killed("broker"), failures=0, silence=5),
    "cache": Event("the cache is dead", killed("valkey"), failures=0, silence=5),
    "standby": Event("the copy for reports is away", standby, failures=0, silence=5),
    "pgbouncer": Event("pgbouncer is dead", killed("pgbouncer", away=1.0), failures=60, silence=8),
    "main-database": Event("the main database is dead, the copy takes over", main_database, failures=80, silence=20),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", nargs="*", choices=EVENTS, help="these, in this order; all when left out")
    parser.add_argument("--without", nargs="*", choices=PROGRAMS, default=[], help="as if it were not installed")
    parser.add_argument("--keep", action="store_true", help="leave the logs where they are")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="rehearsal-")
    environment = {"IRECA_TOKEN": TOKEN, "IRECA_RATE": "0", "CALLBACK_SECRET": SECRET, "LOGIN_FAILURES": "100"}
    with Sandbox(token=TOKEN, keep=1_000_000) as sandbox:
        fleet = Fleet(Path(directory), {**environment, "IRECA_URL": sandbox.url}, options.without)
        print(f"With {', '.join(name for name in PROGRAMS if fleet.programs[name]) or 'wheels only'}.", flush=True)
        with fleet:
            import django

            django.setup()
            wanted = options.events or [name for name in EVENTS if name != "pgbouncer" or fleet.programs["pgbouncer"]]
            broken = rehearse(fleet, sandbox, [EVENTS[name] for name in wanted])
    print(f"\n{len(broken)} promises broken." if broken else "\nAll was kept.")
    for line in broken[:40]:
        print(f"  {line}")
    if broken or options.keep:
        print(f"The logs: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if broken else 0


def rehearse(fleet: Fleet, sandbox: Sandbox, events: Sequence[Event]) -> list[str]:
    from django.core.management import call_command

    from benchmarks.fleet.people import Book

    call_command("pull", "all", verbosity=0)
    call_command("register_callbacks", verbosity=0)
    book = Book()
    people = employ(fleet, sandbox, book)
    for person in people:
        person.start()
    broken = []
    try:
        kinds = {person.kind for person in people} - {"courier"}
        until(lambda: kinds <= {row[0] for row in book.rows if not row[3]} or bool(book.broken), "everybody is at work")
        print(f"\n{'':<52}{'requests':>9}{'again':>7}{'silence':>9}", flush=True)
        for event in events:
            broken += one(fleet, event, book)
    finally:
        for person in people:
            person.ending.set()
        for person in people:
            person.join(CALM)
    return [*broken, *book.broken, *settled(sandbox, people)]


def employ(fleet: Fleet, sandbox: Sandbox, book: Book) -> list[Person]:
    from django.contrib.auth.models import User

    from backoffice.partners.models import Scope, Source, Token
    from benchmarks.fleet.people import PASSWORD, Couriers, Dispatcher, Manager, Partner

    source = Source.objects.create(title="Shop", scopes=Scope.values)
    _token, text = Token.make(source)
    for name in ("dispatcher", "manager"):
        User.objects.create_superuser(name, password=PASSWORD)
    common = (book, fleet.urls, fleet.certificate)
    return [
        *(Partner(nth, text, *common) for nth in (1, 2)),
        Dispatcher("dispatcher", *common),
        Manager("manager", "manager", *common),
        Couriers(sandbox, *common),
    ]


def one(fleet: Fleet, event: Event, book: Book) -> list[str]:
    """An event among people at work, and its line."""
    time.sleep(BEFORE)
    began = time.monotonic()
    event.happen(fleet)
    time.sleep(AFTER)
    # Whoever had no answer asks again; it is over when everybody has had one since.
    until(lambda: not unanswered(book), f"all are answered after: {event.title}", lambda: not book.broken)
    from benchmarks.fleet.people import silence

    rows, ended = book.since(began), time.monotonic()
    wrong = Counter(f"{kind}: {text}" for kind, _began, _ended, text in rows if text)
    quiet = silence(rows, began, ended)
    told = ", ".join(f"{count} × {what}" for what, count in wrong.most_common())
    print(f"{event.title:<52}{len(rows):>9}{wrong.total():>7}{quiet:>7.1f} s  {told}", flush=True)
    broken = []
    if wrong.total() > event.failures:
        broken.append(f"{event.title}: {wrong.total()} requests were not answered, {event.failures} may be")
    if quiet > event.silence:
        broken.append(f"{event.title}: nobody was answered for {quiet:.1f} s, {event.silence:.0f} are allowed")
    return broken


def unanswered(book: Book) -> set[str]:
    """The kinds of people whose last request was not answered."""
    last = {row[0]: row[3] for row in list(book.rows)}
    return {kind for kind, wrong in last.items() if wrong}


def settled(sandbox: Sandbox, people: Sequence[Person]) -> list[str]:
    """Wait until all is worked off, and compare: what people were promised, both sides, and the books."""
    from django.db import connections

    from backoffice.sync import pull
    from benchmarks.both_sides import hurry, is_reading, waiting
    from benchmarks.promises import Record, broken

    connections.close_all()
    sandbox.callbacks.wait_idle(CALM)
    pull.request("orders")

    def is_quiet() -> bool:
        hurry()
        return not waiting() and not is_reading()

    seconds = until(is_quiet, "all is worked off")
    print(f"\n{'; '.join(filter(None, (person.told() for person in people)))}; worked off {seconds:.0f} s later")
    return [*broken(Record(sandbox)), *(line for person in people for line in person.broken())]


if __name__ == "__main__":
    sys.exit(main())
