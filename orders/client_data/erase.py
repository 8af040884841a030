"""Erasing what is held of a client, in steps that can be repeated and go on where they were cut off.

1. **rows**: his columns, those of his orders, and their histories are emptied. It is a change like any other: the
   outbox tells the remotes, partners hear of it.
2. **logs**: every other text, JSON and file of every table is looked through, and what tells of him is emptied.
3. **remotes**: what both sides agreed on still has the old values, and must: with emptied ones the remote would look
   as if it had changed them, and they would come back. So it waits until the outbox has told it.
4. **rest**: all tables again, with what the remotes answered last and what was agreed on.

Sums, receipts, states and times stay, as the law on cash registers demands, and tell of nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backoffice.accounts import audit
from backoffice.accounts.models import Event
from backoffice.accounts.trail import histories
from backoffice.sync import lease, personal
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import MirroredPart
from backoffice.sync.models import Push
from orders.client_data import places
from orders.client_data.held import Held
from orders.client_data.traces import Traces
from orders.conditions import IS_OPEN
from orders.models import Client, DiscountCard, Erasure, Order, StatusChange
from orders.virtpos import cards

LOCATION = ("latitude", "longitude", "accuracy")  # of a change of state
PAUSE = timedelta(minutes=1)  # between looks at whether the remotes were told


class UnderWay(Exception):
    """So many orders of the client are not closed yet: a courier still needs the address."""


def still_open(held: Held) -> int:
    """How many orders keep an erasure from beginning."""
    return Order.objects.filter(IS_OPEN, pk__in=held.orders).count()


def ask(held: Held, person: Any = None) -> Erasure:
    """Begin, or find what was begun; begin again what is done only where something of him is there again. Nothing is
    erased yet: `advance` does, here or in the worker.

    Raises UnderWay.
    """
    if count := still_open(held):
        raise UnderWay(count)
    with personal.seen_by(None):  # whoever asks may not see what is looked for
        known = places.traces(held).dumps()
    row, is_new = Erasure.objects.get_or_create(
        client_id=held.client.pk,
        defaults={
            "clients": list(held.clients),
            "orders": list(held.orders),
            "known": known,
            "asked_by": person.pk if person is not None else None,
        },
    )
    if not is_new and row.done_at is not None and _is_anything_left(held):
        row.clients, row.orders, row.known = list(held.clients), list(held.orders), known
        row.step, row.swept, row.done_at, row.due_at = Erasure.Step.ROWS, [], None, timezone.now()
        row.save()
    return row


def advance(row: Erasure) -> Erasure:
    """Go on until it is done, or waits for the remotes. What is done stays as it is."""
    if row.done_at is not None:
        return row
    steps: dict[str, Callable[[Erasure], bool]] = {
        Erasure.Step.ROWS: _rows,
        Erasure.Step.LOGS: lambda row: _sweep(row, with_agreed=False),
        Erasure.Step.REMOTES: _is_told,
        Erasure.Step.REST: lambda row: _sweep(row, with_agreed=True),
    }
    order = list(Erasure.Step)
    while row.step != Erasure.Step.DONE:
        if not steps[row.step](row):
            row.due_at = timezone.now() + PAUSE
            row.save(update_fields=["due_at"])
            return row
        row.step, row.swept = order[order.index(Erasure.Step(row.step)) + 1], []
        row.save(update_fields=["step", "swept"])
    _finish(row)
    return row


def due(now: datetime) -> Iterator[QuerySet[Erasure]]:
    """What waits for a step that nobody is at."""
    yield Erasure.objects.filter(lease.is_free(), done_at=None, due_at__lte=now)


def drain(holder: str) -> int:
    """The worker's step: one step of what is due. Returns how many came further."""
    done = 0
    for rows in due(timezone.now()):
        for row in lease.claim(rows.order_by("due_at"), holder, 5):
            before = row.step
            try:
                advance(row)
            finally:
                Erasure.objects.filter(pk=row.pk, lease_owner=holder).update(**lease.RELEASED)
            done += row.step != before
    return done


def preview(held: Held) -> dict[str, int]:
    """How many rows of which tables `advance` would touch. Nothing is written."""
    found: dict[str, set[Any]] = defaultdict(set)
    for rows in _own_rows(held.roots):
        found[rows.model._meta.label_lower].update(rows.values_list("pk", flat=True))
    for model, key in _telling(held):
        found[model._meta.label_lower].add(key)
    return {label: len(keys) for label, keys in found.items() if keys}


def _is_anything_left(held: Held) -> bool:
    """Whether `advance` would touch a row."""
    if any(rows.exists() for rows in _own_rows(held.roots)):
        return True
    with personal.seen_by(None):  # as `ask`
        return next(_telling(held), None) is not None


def _telling(held: Held) -> Iterator[tuple[Any, Any]]:
    """What `_sweep` would touch: tables and keys."""
    his = places.traces(held)
    for model in places.tables():
        for key, _changes in places.telling(model, his, held, with_agreed=True):
            yield model, key


def _own_rows(roots: Mapping[Any, Sequence[int]]) -> Iterator[QuerySet]:
    """What `_rows` would touch of these clients and orders: where something stands that is to go."""
    yield DiscountCard.objects.filter(client__in=roots[Client], is_deleted=False)
    for model, keys in roots.items():
        history = histories()[model]
        about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        for some in chunks(keys):
            yield _filled(model.objects.filter(pk__in=some), places.EMPTIED[model])
            kept = {f.name for f in history._meta.concrete_fields}
            names = [name for name in places.EMPTIED[model] if name in kept]
            yield _filled(history._base_manager.filter(**{f"{model._meta.pk.attname}__in": some}), names)
            yield _filled(about.filter(object_id__in=[str(key) for key in some]), ["object_repr"])
    for some in chunks(roots[Order]):
        yield _filled(StatusChange.objects.filter(order__in=some), LOCATION)


def _filled(rows: QuerySet, names: Iterable[str]) -> QuerySet:
    """Those of the rows in which one of these columns is not empty."""
    filled = Q()
    for name in names:
        is_text = isinstance(rows.model._meta.get_field(name), models.CharField | models.TextField)
        filled |= ~Q(**{name: ""}) & Q(**{f"{name}__isnull": False}) if is_text else Q(**{f"{name}__isnull": False})
    return rows.filter(filled)


def _rows(row: Erasure) -> bool:
    """His own columns, as a change that the remotes and partners are told; histories without one."""
    for card in DiscountCard.objects.filter(client__in=row.clients, is_deleted=False):
        cards.delete(card)
    for model, keys in ((Client, row.clients), (Order, row.orders)):
        empty = {name: _empty(model, name) for name in places.EMPTIED[model]}
        for some in chunks(keys):
            with transaction.atomic():
                # What is empty is passed over: a change of nothing would be told to the remotes, too.
                count = _filled(model.objects.filter(pk__in=some), empty).update(**empty)
                history = histories()[model]
                kept = {f.name for f in history._meta.concrete_fields}
                known = {name: value for name, value in empty.items() if name in kept}
                history._base_manager.filter(**{f"{model._meta.pk.attname}__in": some}).update(
                    **known, history_change_reason=None
                )
                row.counts[model._meta.label_lower] = row.counts.get(model._meta.label_lower, 0) + count
    for some in chunks(row.orders):
        StatusChange.objects.filter(order__in=some).update(**dict.fromkeys(LOCATION))
    for model, keys in ((Client, row.clients), (Order, row.orders)):
        about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
        for some in chunks(keys):
            about.filter(object_id__in=[str(key) for key in some]).update(object_repr="")
    row.save(update_fields=["counts"])
    return True


def _empty(model: type[models.Model], name: str) -> Any:
    field = model._meta.get_field(name)
    return None if field.null else ""


def _is_told(row: Erasure) -> bool:
    """Whether no change of these rows is on its way to a remote that has them."""
    for model, keys in ((Client, row.clients), (Order, row.orders)):
        mirror = registry.for_model(model)
        assert mirror is not None
        for some in chunks(keys):
            there = model._base_manager.filter(pk__in=some, remote_data__isnull=False).values("pk")
            if Push.objects.filter(
                entity=mirror.entity, object_id__in=list(there.values_list("pk", flat=True)), state__in=Push.OPEN
            ).exists():
                return False
    return True


def _sweep(row: Erasure, *, with_agreed: bool) -> bool:
    """Empty what tells of him, table by table; a table that is done is noted."""
    traces = Traces.loads(row.known)
    held = Held(Client.objects.get(pk=row.client_id), tuple(row.clients), tuple(row.orders))
    for model in places.tables():
        label = model._meta.label_lower
        if label in row.swept:
            continue
        count = 0
        # Lines go with their order to the remotes, so they change as anything does.
        manager = model.objects if issubclass(model, MirroredPart) else model._base_manager
        for found, changes in places.telling(model, traces, held, with_agreed=with_agreed):
            count += manager.filter(pk=found).update(**changes)
        if count:
            row.counts[label] = row.counts.get(label, 0) + count
        row.swept.append(label)
        row.save(update_fields=["counts", "swept"])
    return True


def _finish(row: Erasure) -> None:
    row.known, row.done_at = "", timezone.now()
    row.save(update_fields=["known", "done_at"])
    asked_by = User.objects.filter(pk=row.asked_by).first() if row.asked_by is not None else None
    audit.note(Event.Kind.CLIENT_ERASED, Client.objects.get(pk=row.client_id), actor=asked_by, rows=row.counts)
