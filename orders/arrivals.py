"""Orders of register services: what a service says of an order becomes rows of ours, merged three ways.

Here it is told apart what is new of what was told (`told.py`), what changed there, and what changed on both sides
(`three_ways.py`):

1. what was read before just so costs nothing but the note that it was read;
2. new orders are made in bulk, by SLICE; where a slice fails, each order of it by itself, so that a bad one is told and
   harms no other;
3. an order that changed there is merged with ours, both locked: changed there only, theirs is taken, and leaves for
   iRECA like an edit of ours; changed on both sides, a person decides (`resolve`). What is over here is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, connection, models, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync import clock, history
from backoffice.sync.apply import Applied
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import seen_by
from orders.actions import by_line
from orders.models import DeliveryStatus, Feed, Hold, Line, Order, Origin
from orders.phones import e164
from orders.three_ways import ENDED, WAY, decide, decide_outcome, decide_way, ended, hold_of
from orders.told import LINES, OUTCOME, Arrival, agreed_by, digest_of, plain, settled

SLICE = 100
BY_HAND = {  # of theirs, which are not taken over as they are, and why
    LINES: gettext_lazy("The lines of the service are taken over by hand."),
    WAY: gettext_lazy("The order has left for the couriers: its way of delivery is changed by hand."),
}
GONE = "gone"  # in `Origin.agreed`: the service told it no more when it was looked for
UNMERGED = "unmerged"  # in `Origin.agreed`: what was read last was not merged, for the order was over here


@dataclass
class Arrived(Applied):
    """What came of a batch, and why some orders could not be stored."""

    bad: list[str] = field(default_factory=list)


Claims = Callable[[Sequence[Arrival]], Mapping[str, str]]
"""Which of these orders, unknown here, may be ours, created there a moment ago: why none is to be made of it, by key.
Empty where it was found to be ours for sure and has its origin now.
"""


def _no_claims(fresh: Sequence[Arrival]) -> Mapping[str, str]:
    return {}


@seen_by(None)
def apply(
    feed: Feed,
    arrivals: Iterable[Arrival],
    *,
    again: bool = False,
    claims: Claims = _no_claims,
    asked: datetime | None = None,
) -> Arrived:
    """Store what a service says. Idempotent; HTTP is over by now.

    What was read before just so is passed over, unless it may mean something else by now (`again`). What was stored
    since this was `asked` for, by the database's clock, is `outdated`: this may be older, and would set it back.
    OperationalError where the database is at fault and not an order: whoever runs this runs it again.
    """
    result = Arrived()
    with history.by(reason=str(feed)):
        # Of two states of one order in one answer the later one counts.
        for some in chunks({arrival.key: arrival for arrival in arrivals}.values(), SLICE):
            _apply_slice(feed, some, result, again, claims, asked)
    return result


def _apply_slice(
    feed: Feed, arrivals: Sequence[Arrival], result: Arrived, again: bool, claims: Claims, asked: datetime | None
) -> None:
    now = clock.now()
    keys = [arrival.key for arrival in arrivals]
    origins = Origin.objects.filter(remote=feed.remote, key__in=keys)
    known = {row.key: row for row in origins.annotate(state=F("order__delivery_status"))}
    # Made here and sent there: its origin comes with the first look at it.
    ours = set(Order.objects.filter(source=feed.source, external_id__in=keys).values_list("external_id", flat=True))
    fresh, changed, quiet = [], [], []
    for arrival in arrivals:
        origin = known.get(arrival.key)
        if origin is None and arrival.key not in ours:
            fresh.append(arrival)
        elif again or origin is None or origin.data != arrival.data or origin.sync_conflict or _is_overdue(origin):
            changed.append(arrival)
        else:
            quiet.append(origin.pk)
    Origin.objects.filter(pk__in=quiet).update(read_at=now)
    result.unchanged += len(quiet)
    if fresh and (claimed := claims(fresh)):
        changed += [arrival for arrival in fresh if claimed.get(arrival.key) == ""]
        result.bad += [_("order %(key)s: %(why)s") % {"key": key, "why": why} for key, why in claimed.items() if why]
        fresh = [arrival for arrival in fresh if arrival.key not in claimed]
    if fresh:
        whole = Arrived()
        with _told_to(whole, _("a batch")):
            _create(feed, fresh, now)
        for arrival in fresh if whole.bad else ():
            with _told_to(result, arrival.key):
                # Another worker may have stored it in this moment.
                if Origin.objects.filter(remote=feed.remote, key=arrival.key).exists():
                    _count(arrival, _merge(feed, arrival, asked, now), result)
                else:
                    _create(feed, [arrival], now)
                    result.created += 1
        result.created += 0 if whole.bad else len(fresh)
    for arrival in changed:
        with _told_to(result, arrival.key):
            _count(arrival, _merge(feed, arrival, asked, now), result)


def _is_overdue(origin: Any) -> bool:
    """Whether the order changed there while it was over here, and is open again; or was gone there."""
    return GONE in origin.agreed or (UNMERGED in origin.agreed and origin.state not in ENDED)


def _count(arrival: Arrival, origin: Origin | None, result: Arrived) -> None:
    if origin is None:
        result.outdated.append(arrival.key)
        return
    result.updated += 1
    result.conflicts += origin.sync_state == SyncState.CONFLICT


@contextmanager
def _told_to(result: Arrived, key: str) -> Iterator[None]:
    """One transaction. What cannot be stored is told in `result.bad`, and nothing of it is stored."""
    try:
        with transaction.atomic():
            yield
    except OperationalError:
        raise  # a deadlock, a lock, a lost connection: no order's fault
    except (DatabaseError, ValidationError, ValueError, ArithmeticError) as error:
        result.bad.append(_("order %(key)s: %(why)s") % {"key": key, "why": f"{type(error).__name__}: {error}"})


def gone(feed: Feed, keys: Collection[str], text: str, asked: datetime | None = None) -> None:
    """Show on these orders that the service tells them no more, until it does. One that ended there may be gone, and
    one that was read since this was `asked` for is not.
    """
    is_shown = models.Q(agreed__has_key=GONE, sync_state__in=(SyncState.FAILED, SyncState.CONFLICT))
    rows = Origin.objects.filter(remote=feed.remote, is_open=True).exclude(is_shown)
    if asked is not None:
        rows = rows.exclude(read_at__gt=asked, read_at__lte=clock.now())
    for some in chunks(sorted(keys)):
        for pk in list(rows.filter(key__in=some).order_by("pk").values_list("pk", flat=True)):
            _show_gone(rows.filter(pk=pk), text)


def _show_gone(rows: models.QuerySet[Origin], text: str) -> None:
    with transaction.atomic():
        origin = _locked(rows)
        if origin is None:
            return
        origin.agreed = {**origin.agreed, GONE: True}
        if origin.sync_state != SyncState.CONFLICT:
            origin.sync_state, origin.sync_error = SyncState.FAILED, text
        origin.save(update_fields=["agreed", "sync_state", "sync_error"])


@seen_by(None)
def adopt(feed: Feed, order: Order, arrival: Arrival) -> Origin:
    """Note that an order of ours is at the service now, under `arrival.key`; what was told there is agreed."""
    origin = Origin(order=order, remote=feed.remote, key=arrival.key)
    _remember(origin, arrival, agreed_by(arrival), clock.now()).save()
    return origin


# new orders


def _create(feed: Feed, arrivals: Sequence[Arrival], now: datetime) -> None:
    orders = Order.objects.bulk_create([_new(feed, arrival) for arrival in arrivals])
    lines = [
        Line(order=order, position=position, **settled(Line, line))
        for order, arrival in zip(orders, arrivals, strict=True)
        for position, line in enumerate(arrival.lines or (), 1)
    ]
    if lines:
        Line.objects.bulk_create(lines)
    Origin.objects.bulk_create(
        [
            _remember(Origin(order=order, remote=feed.remote, key=arrival.key), arrival, agreed_by(arrival), now)
            for order, arrival in zip(orders, arrivals, strict=True)
        ]
    )


def _new(feed: Feed, arrival: Arrival) -> Order:
    values = settled(Order, arrival.columns)
    hold = hold_of(feed, arrival)
    if arrival.outcome is not None:
        values |= ended(feed, arrival.outcome)
        hold = hold or Hold.WAITS  # over before we met: no courier needs to hear of it
    order = Order(source=feed.source, external_id=arrival.key, number=arrival.number, hold=hold, **values)
    order.phone_e164 = e164(order.phone)
    return order


# orders that changed there


def _merge(feed: Feed, arrival: Arrival, asked: datetime | None, now: datetime) -> Origin | None:
    """None where it is outdated."""
    order = _locked(Order.objects.filter(source=feed.source, external_id=arrival.key))
    origin = _locked(Origin.objects.filter(remote=feed.remote, key=arrival.key)) if order is not None else None
    if order is None:
        # It was given to another source, or its number was changed: the origin still knows it.
        origin = _locked(Origin.objects.filter(remote=feed.remote, key=arrival.key))
        if origin is None:
            raise ValueError(_("it was deleted here in this moment"))
        order = _locked(Order.objects.filter(pk=origin.order_id))
        assert order is not None  # the origin goes with its order
    if origin is None:
        origin = Origin(order=order, remote=feed.remote, key=arrival.key)
    elif _is_overtaken(origin, asked):
        return None
    agreed, theirs = dict(origin.agreed), agreed_by(arrival)
    conflicts: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    if order.is_closed:
        agreed[UNMERGED] = True
    else:
        agreed.pop(UNMERGED, None)
        said = {*theirs, OUTCOME, *([WAY] if arrival.way is not None else [])}
        conflicts |= {name: sides for name, sides in origin.sync_conflict.items() if name not in said}
        taken = {
            name: value
            for name, value in settled(Order, arrival.columns).items()
            if decide(name, plain(Order, name, getattr(order, name)), theirs[name], agreed, conflicts)
        }
        if arrival.lines is not None and decide(LINES, digest_of(order), theirs[LINES], agreed, conflicts):
            _write_lines(order, arrival.lines)
    if (hold := decide_way(feed, order, arrival, agreed, conflicts)) is not None:
        taken["hold"] = hold
    taken |= decide_outcome(feed, order, arrival, agreed, conflicts)
    if agreed.pop(GONE, False) and origin.sync_state == SyncState.FAILED:
        origin.sync_state, origin.sync_error = SyncState.CLEAN, ""
    origin = _remember(origin, arrival, agreed, now)
    origin.sync_conflict = conflicts
    if conflicts:
        origin.sync_state = SyncState.CONFLICT
    elif origin.sync_state == SyncState.CONFLICT:
        origin.sync_state = SyncState.CLEAN
    # The origin first: who hears of the order's change compares it with what the service has.
    origin.save()
    _take(order, taken)
    return origin


def _is_overtaken(origin: Origin, asked: datetime | None) -> bool:
    """Whether it was read since; not where it will be, by a clock that ran ahead."""
    read_at: datetime | None = origin.read_at
    return asked is not None and read_at is not None and asked < read_at <= clock.now()


def _take(order: Order, taken: Mapping[str, Any]) -> None:
    """Write what was taken over. An address in one line takes the place of the exact one."""
    if not taken:
        return
    if "to_line" in taken and not any(name in taken for name in Order.TO_PARTS):
        taken = {**by_line(taken["to_line"]), **taken}
    for name, value in taken.items():
        setattr(order, name, value)
    order.save(update_fields=list(taken))


def _write_lines(order: Order, lines: Sequence[Mapping[str, Any]]) -> None:
    """The service's lines take the place of ours, which nobody has touched since they came."""
    Line.objects.filter(order=order).delete()
    Line.objects.bulk_create(
        [Line(order=order, position=position, **settled(Line, line)) for position, line in enumerate(lines, 1)]
    )


# a person decides


@seen_by(None)
def resolve(origin: Origin, choices: Mapping[str, str]) -> None:
    """Settle what changed on both sides: by column "ours" or "theirs". What is not chosen stays a conflict.

    ValueError for a column that is in no conflict (any more), or where theirs cannot be taken here.
    """
    with transaction.atomic():
        order = _locked(Order.objects.filter(pk=origin.order_id))
        current = _locked(Origin.objects.filter(pk=origin.pk))
        if order is None or current is None:
            raise ValueError(_("The order was deleted meanwhile."))
        taken: dict[str, Any] = {}
        for name, side in choices.items():
            if name not in current.sync_conflict or side not in ("ours", "theirs"):
                raise ValueError(_("This was settled or has changed meanwhile: %(field)s") % {"field": name})
            theirs = current.sync_conflict.pop(name)["theirs"]
            current.agreed[name] = theirs
            if side == "theirs" and name in BY_HAND:
                raise ValueError(str(BY_HAND[name]))
            if side == "theirs":
                column: Any = Order._meta.get_field(name)
                taken[name] = column.to_python(theirs)
        if OUTCOME in taken:
            taken["return_reason_id"] = None  # of an order that is open again
            taken |= ended(Feed.of(current.remote), DeliveryStatus(taken[OUTCOME]))
        if not current.sync_conflict:
            current.sync_state = SyncState.CLEAN
        current.save(update_fields=["agreed", "sync_conflict", "sync_state"])
        _take(order, taken)


# what is remembered


def _remember(origin: Origin, arrival: Arrival, agreed: dict[str, Any], now: datetime) -> Origin:
    origin.data, origin.agreed, origin.read_at = dict(arrival.data), agreed, now
    origin.status, origin.status_at = arrival.status, arrival.status_at
    origin.delivery, origin.tax_system = arrival.delivery, arrival.tax_system
    origin.is_open, origin.kin = arrival.outcome is None, arrival.kin
    return origin


def _locked(queryset: models.QuerySet[Any]) -> Any | None:
    return (queryset.select_for_update() if connection.features.has_select_for_update else queryset).first()
