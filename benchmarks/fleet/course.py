"""The course of a rehearsal: people come, machines go, and in the end all is compared. Django has to be set up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from backoffice.partners.models import Scope, Source, Token
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import outbox, pull
from backoffice.sync.models import Callback, Pull, Push
from benchmarks.both_sides import hurry, is_quiet
from benchmarks.fleet.events import FEW, SILENCE, Event
from benchmarks.fleet.machines import Fleet, until
from benchmarks.fleet.people import PASSWORD, Book, Couriers, Dispatcher, Manager, Partner, Person, is_stocked, silence
from benchmarks.promises import Record, broken

BEFORE = AFTER = 2.0  # seconds of work before an event and after it
CALM = 150.0  # seconds until all is worked off: a lease of a machine that is gone, and some more


def rehearse(fleet: Fleet, sandbox: Sandbox, events: Sequence[Event]) -> list[str]:
    """Everybody works while one event follows the other. Returns the promises and limits that were broken."""
    until(is_stocked, "the workers have read by schedule what orders refer to")
    sandbox.callbacks.certificate = str(fleet.certificate)
    call_command("register_callbacks", verbosity=0)
    book, began = Book(), timezone.now()
    people = employ(fleet, sandbox, book)
    for person in people:
        person.start()
    found = []
    try:
        kinds = {person.kind for person in people} - {"courier"}
        until(lambda: kinds <= {row[0] for row in book.rows if not row[3]} or bool(book.broken), "everybody is at work")
        print(f"\n{'':<52}{'requests':>9}{'again':>7}{'silence':>9}", flush=True)
        for event in events:
            found += one(fleet, event, book)
    finally:
        for person in people:
            person.end()
        for person in people:
            person.join(CALM)
    return [*found, *book.broken, *settled(fleet, sandbox, people, began)]


def employ(fleet: Fleet, sandbox: Sandbox, book: Book) -> list[Person]:
    source = Source.objects.create(title="Shop", scopes=Scope.values)
    _token, text = Token.make(source)
    for name in ("dispatcher", "manager"):
        User.objects.create_superuser(name, password=PASSWORD)
    common = (book, fleet.urls, fleet.certificate)
    return [
        *(Partner(nth, text, *common) for nth in (1, 2)),
        Dispatcher("dispatcher", *common),
        Manager("manager", *common),
        Couriers(sandbox, *common),
    ]


def one(fleet: Fleet, event: Event, book: Book) -> list[str]:
    """An event among people at work, and its line."""
    time.sleep(BEFORE)
    began = time.monotonic()
    event.happen(fleet)
    time.sleep(AFTER)
    # Whoever had no answer asks again; it is over when everybody has had one since.
    until(lambda: not any(book.last.values()), f"all are answered after: {event.title}", lambda: not book.broken)
    rows, ended = book.since(began), time.monotonic()
    wrong = Counter(f"{kind}: {text}" for kind, _began, _ended, text in rows if text)
    quiet = silence(rows, began, ended)
    told = ", ".join(f"{count} × {what}" for what, count in wrong.most_common())
    print(f"{event.title:<52}{len(rows):>9}{wrong.total():>7}{quiet:>7.1f} s  {told}", flush=True)
    found = []
    if event.few and wrong.total() > FEW:
        found.append(f"{event.title}: {wrong.total()} requests were not answered, {FEW} may be")
    if quiet > SILENCE:
        found.append(f"{event.title}: nobody was answered for {quiet:.1f} s, {SILENCE:.0f} are allowed")
    return found


def left() -> list[str]:
    """What is not worked off, and why."""
    pushes = Push.objects.filter(state__in=outbox.DUE_STATES)
    callbacks = Callback.objects.filter(state=Callback.State.NEW)
    pulls = Pull.objects.filter(state__in=(Pull.State.QUEUED, Pull.State.RUNNING))
    found = [
        f"{push} is {push.state} for {push.lease_owner or 'nobody'}: {push.error or push.waits_for}" for push in pushes
    ]
    found += [f"{callback} waits for {callback.lease_owner or 'nobody'}: {callback.error}" for callback in callbacks]
    return found + [f"{pull} is {pull.state} for {pull.lease_owner or 'nobody'}: {pull.error}" for pull in pulls]


def settled(fleet: Fleet, sandbox: Sandbox, people: Sequence[Person], began: datetime) -> list[str]:
    """Wait until all is worked off, and compare: what people were promised, both sides, and the books."""
    connections.close_all()

    def is_settled() -> bool:
        hurry()
        return is_quiet(sandbox)

    seconds = 0.0
    for _ in range(2):  # what iRECA fills in is read once all is there, where no callback tells
        sandbox.callbacks.wait_idle(CALM)
        pull.request("orders")
        try:
            seconds += until(is_settled, "all is worked off")
        except RuntimeError as error:
            return [str(error), *left()]
    # What our own writes took away, in the same moment, is found in the journal.
    pull.request("journal", since=began)
    seconds += until(is_settled, "the journal is read")
    for name in ("beat1", "celery1", "worker1"):
        fleet[name].stop()
    print(f"\n{'; '.join(filter(None, (person.told() for person in people)))}; worked off {seconds:.0f} s later")
    return [*broken(Record(sandbox)), *(line for person in people for line in person.broken())]
