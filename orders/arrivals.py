"""Orders of register services: what a service says of an order becomes rows of ours, merged three ways.

A service speaks its own language; `orders/bifit` and `orders/virtpos` put it into ours, as an `Arrival`. Here it is
told apart what is new, what changed there, and what changed on both sides:

1. what was read before just so costs nothing but the note that it was read;
2. new orders are made in bulk, by SLICE; where a slice fails, each order of it by itself, so that a bad one is told and
   harms no other;
3. an order that changed there is merged with ours, both locked: changed there only, theirs is taken, and leaves for
   iRECA like an edit of ours; changed on both sides, a person decides (`resolve`). What is over here is left as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, connection, models, transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import UNSET

from backoffice.sync import clock, history
from backoffice.sync.apply import Applied
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import seen_by
from orders.actions import by_line
from orders.models import DeliveryStatus, Feed, Hold, Line, Order, Origin
from orders.phones import e164

SLICE = 100
OUTCOME = "delivery_status"
LINES = "lines"
WAY = "hold"
BY_HAND = {  # of theirs, which are not taken over as they are, and why
    LINES: gettext_lazy("The lines of the service are taken over by hand."),
    WAY: gettext_lazy("The order has left for the couriers: its way of delivery is changed by hand."),
}
GONE = "gone"  # in `Origin.agreed`: the service told it no more when it was looked for
UNMERGED = "unmerged"  # in `Origin.agreed`: what was read last was not merged, for the order was over here
IN_HAND = (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)
ENDED = (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


class Way(Enum):
    """How the client gets the order, as far as its service tells."""

    COURIER = "courier"
    PICKUP = "pickup"
    UNKNOWN = ""


@dataclass(frozen=True)
class Arrival:
    """An order as its service tells it, in our terms.

    `columns` are of Order: what the service says and both may change. `lines` are columns of Line, None where the
    service tells none; `way` is None where it says nothing of it. `outcome` is what became of it there: CANCELLED,
    CLOSED, or None while it goes on. `kin` is what an order keeps in common with its former self where its `key` may
    change.
    """

    key: str
    number: str
    data: Mapping[str, Any]
    columns: Mapping[str, Any]
    way: Way | None
    lines: Sequence[Mapping[str, Any]] | None = None
    outcome: DeliveryStatus | None = None
    status: str = ""
    status_at: datetime | None = None
    delivery: str = ""
    tax_system: str = ""
    kin: str = ""


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
    Origin.objects.filter(pk__in=quiet).update(read_at=clock.now())
    result.unchanged += len(quiet)
    if fresh and (claimed := claims(fresh)):
        changed += [arrival for arrival in fresh if claimed.get(arrival.key) == ""]
        result.bad += [_("order %(key)s: %(why)s") % {"key": key, "why": why} for key, why in claimed.items() if why]
        fresh = [arrival for arrival in fresh if arrival.key not in claimed]
    if fresh:
        whole = Arrived()
        with _told_to(whole, _("a batch")):
            _create(feed, fresh)
        for arrival in fresh if whole.bad else ():
            with _told_to(result, arrival.key):
                # Another worker may have stored it in this moment.
                if Origin.objects.filter(remote=feed.remote, key=arrival.key).exists():
                    _count(arrival, _merge(feed, arrival, asked), result)
                else:
                    _create(feed, [arrival])
                    result.created += 1
        result.created += 0 if whole.bad else len(fresh)
    for arrival in changed:
        with _told_to(result, arrival.key):
            _count(arrival, _merge(feed, arrival, asked), result)


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
    _remember(origin, arrival, _agreed(arrival), clock.now()).save()
    return origin


# new orders


def _create(feed: Feed, arrivals: Sequence[Arrival]) -> None:
    now = clock.now()
    orders = Order.objects.bulk_create([_new(feed, arrival) for arrival in arrivals])
    lines = [
        Line(order=order, position=position, **_settled(Line, line))
        for order, arrival in zip(orders, arrivals, strict=True)
        for position, line in enumerate(arrival.lines or (), 1)
    ]
    if lines:
        Line.objects.bulk_create(lines)
    Origin.objects.bulk_create(
        [
            _remember(Origin(order=order, remote=feed.remote, key=arrival.key), arrival, _agreed(arrival), now)
            for order, arrival in zip(orders, arrivals, strict=True)
        ]
    )


def _new(feed: Feed, arrival: Arrival) -> Order:
    values = _settled(Order, arrival.columns)
    hold = _hold(feed, arrival)
    if arrival.outcome is not None:
        values |= _ended(feed, arrival.outcome)
        hold = hold or Hold.WAITS  # over before we met: no courier needs to hear of it
    order = Order(source=feed.source, external_id=arrival.key, number=arrival.number, hold=hold, **values)
    order.phone_e164 = e164(order.phone)
    return order


def _hold(feed: Feed, arrival: Arrival) -> Hold:
    if arrival.way is Way.PICKUP:
        return Hold.PICKUP
    if arrival.way is Way.COURIER and not feed.source.waits_for_dispatcher:
        return Hold.NO
    return Hold.WAITS


def _ended(feed: Feed, outcome: DeliveryStatus) -> dict[str, Any]:
    reason = {"return_reason_id": feed.return_reason_id} if outcome == DeliveryStatus.CANCELLED else {}
    return {OUTCOME: outcome.value, **reason}


# orders that changed there


def _merge(feed: Feed, arrival: Arrival, asked: datetime | None) -> Origin | None:
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
    agreed, theirs = dict(origin.agreed), _agreed(arrival)
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
            for name, value in _settled(Order, arrival.columns).items()
            if decide(name, _plain(Order, name, getattr(order, name)), theirs[name], agreed, conflicts)
        }
        if arrival.lines is not None and decide(LINES, _digest_of(order), theirs[LINES], agreed, conflicts):
            _write_lines(order, arrival.lines)
    if (hold := _decide_way(feed, order, arrival, agreed, conflicts)) is not None:
        taken["hold"] = hold
    taken |= _decide_outcome(feed, order, arrival, agreed, conflicts)
    if agreed.pop(GONE, False) and origin.sync_state == SyncState.FAILED:
        origin.sync_state, origin.sync_error = SyncState.CLEAN, ""
    origin = _remember(origin, arrival, agreed, clock.now())
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


def decide(name: str, ours: Any, theirs: Any, agreed: dict[str, Any], conflicts: dict[str, Any]) -> bool:
    """Three ways for one column: whether theirs is taken. `agreed` and `conflicts` are brought up to date."""
    base = agreed.get(name, UNSET)
    if theirs == ours:
        agreed[name] = theirs
        return False
    if theirs == base:
        return False
    if ours == base or (base is UNSET and ours in (None, "")):
        agreed[name] = theirs
        return True
    conflicts[name] = {"base": None if base is UNSET else base, "theirs": theirs}
    return False


def _decide_way(
    feed: Feed, order: Order, arrival: Arrival, agreed: dict[str, Any], conflicts: dict[str, Any]
) -> Hold | None:
    """An order that no courier has heard of follows what its service says of the way of delivery; of any other a person
    is told.
    """
    if arrival.way is None:
        return None
    if arrival.way.value == agreed.get("way") or order.is_closed:
        if not order.is_closed:
            agreed.pop(WAY, None)
        return None
    if order.remote_data is not None or not order.hold:
        theirs = Hold.PICKUP if arrival.way is Way.PICKUP else Hold.NO
        if arrival.way is Way.UNKNOWN or order.hold == theirs:
            agreed["way"] = arrival.way.value
        elif agreed.get(WAY) != theirs.value:
            base = Hold.PICKUP if agreed.get("way") == Way.PICKUP.value else Hold.NO
            conflicts[WAY] = {"base": base.value, "theirs": theirs.value}
        return None
    agreed["way"] = arrival.way.value
    return _hold(feed, arrival)


def _decide_outcome(
    feed: Feed, order: Order, arrival: Arrival, agreed: dict[str, Any], conflicts: dict[str, Any]
) -> dict[str, Any]:
    """Cancelled or finished there: it ends here too, unless a courier has it in hand or it ended otherwise. Opened
    again there after both had ended it: a person decides.
    """
    outcome = arrival.outcome
    if outcome is None:
        if agreed.get(OUTCOME) in ENDED and order.delivery_status == agreed[OUTCOME]:
            conflicts[OUTCOME] = {"base": agreed[OUTCOME], "theirs": DeliveryStatus.PREPARED.value}
        else:
            agreed.pop(OUTCOME, None)
        return {}
    if agreed.get(OUTCOME) == outcome.value:
        return {}
    if order.delivery_status == outcome:
        agreed[OUTCOME] = outcome.value
        return {}
    if outcome == DeliveryStatus.CANCELLED and not order.is_closed and order.delivery_status not in IN_HAND:
        agreed[OUTCOME] = outcome.value
        return _ended(feed, outcome)
    conflicts[OUTCOME] = {"base": agreed.get(OUTCOME), "theirs": outcome.value}
    return {}


def _write_lines(order: Order, lines: Sequence[Mapping[str, Any]]) -> None:
    """The service's lines take the place of ours, which nobody has touched since they came."""
    Line.objects.filter(order=order).delete()
    Line.objects.bulk_create(
        [Line(order=order, position=position, **_settled(Line, line)) for position, line in enumerate(lines, 1)]
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
            taken |= _ended(Feed.of(current.remote), DeliveryStatus(taken[OUTCOME]))
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


def _agreed(arrival: Arrival) -> dict[str, Any]:
    """What the service says, as JSON has it."""
    said = _plainly(Order, _settled(Order, arrival.columns))
    if arrival.lines is not None:
        said[LINES] = _digest([_plainly(Line, _settled(Line, line)) for line in arrival.lines])
    if arrival.outcome is not None:
        said[OUTCOME] = arrival.outcome.value
    return {**said, "way": (arrival.way or Way.UNKNOWN).value}


LINE_COLUMNS = ("good_id", "title", "count", "price", "total", "discount_total", "description")


def _digest_of(order: Order) -> str:
    rows = Line.objects.filter(order=order).order_by("position", "id").values(*LINE_COLUMNS)
    return _digest([_plainly(Line, row) for row in rows])


def _digest(lines: Sequence[Mapping[str, Any]]) -> str:
    """What lines say, as `_plainly` gives it. What is not said is the column's default; a good has its own title."""
    unsaid = _plainly(Line, {name: _default(name) for name in LINE_COLUMNS})
    whole = [{**unsaid, **{name: line[name] for name in LINE_COLUMNS if name in line}} for line in lines]
    for line in whole:
        if line["good_id"] is not None:
            line["title"] = ""
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def _default(name: str) -> Any:
    column: Any = Line._meta.get_field(name)
    return column.get_default()


def _settled(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the columns hold them: what is not said is the column's default."""
    settled: dict[str, Any] = {}
    for name, value in values.items():
        column: Any = model._meta.get_field(name)
        if value is None and not column.null:
            value = column.get_default()
        if isinstance(value, Decimal):
            value = value.quantize(Decimal(1).scaleb(-column.decimal_places))
        settled[name] = value
    return settled


def _plainly(model: type[models.Model], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(model, name, value) for name, value in values.items()}


def _plain(model: type[models.Model], name: str, value: Any) -> Any:
    """A column's value as JSON has it, the same however it is spelt."""
    if isinstance(value, Decimal):
        column: Any = model._meta.get_field(name)
        return str(value.quantize(Decimal(1).scaleb(-column.decimal_places)))
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0).isoformat()
    return value


def _locked(queryset: models.QuerySet[Any]) -> Any | None:
    return (queryset.select_for_update() if connection.features.has_select_for_update else queryset).first()
