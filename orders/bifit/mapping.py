"""An online order in our terms (seed 000:14-47): `arrivals` for what was read, `online_order` for what is created.

What the document does not explain (discount and its type, the cost of delivery, route sheets) takes part in no
arithmetic: it is kept in `Origin.data` and shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.remotes.bifit.contract import DeliveryType, OnlineOrder, Status, dump
from backoffice.sync.enqueue import chunks
from couriers.models import Courier
from fiscal.models import PaymentType
from orders.bifit.statuses import ENDS
from orders.models import Client, Feed, Hold, Line, Order, PaymentStatus
from orders.phones import e164
from orders.told import Arrival, Way

WAYS: dict[str, Way] = {  # 70-72: SERVICE is "not used", so that it is none of these
    DeliveryType.COURIER: Way.COURIER,
    DeliveryType.SELF: Way.PICKUP,
}
# The kinds of payment types that an order, and one that is paid already, may get: the first that is there.
PAID_BY = {
    "payment_type": (PaymentType.CASH, PaymentType.CARD),
    "paid_type": (PaymentType.PREPAYMENT, PaymentType.CARD),
}


@dataclass(frozen=True)
class People:
    """Who the orders of a batch name: our clients by their id there, couriers by their phone."""

    clients: Mapping[str, int]
    couriers: Mapping[str, int]


def arrivals(feed: Feed, orders: Sequence[OnlineOrder]) -> tuple[list[Arrival], list[str]]:
    """Orders as arrivals, and why some cannot be put so. Clients are made where they are new. The same few queries for
    any number.
    """
    if not orders:
        return [], []
    people = People(_clients(feed, orders), couriers_by_phone())
    found: list[Arrival] = []
    bad: list[str] = []
    for order in orders:
        try:
            found.append(arrival(feed, order, people))
        except (ValueError, ArithmeticError) as error:
            bad.append(_("order %(key)s: %(why)s") % {"key": order.id, "why": f"{type(error).__name__}: {error}"})
    return found, bad


def arrival(feed: Feed, order: OnlineOrder, people: People) -> Arrival:
    """ValueError for an order without its status: nothing could be told of what has become of it."""
    if order.current_status_type is UNSET:
        raise ValueError("currentStatusType: missing")
    key, amount = str(order.id), _said(order.total_amount) or Decimal(0)
    start = _said(order.delivery_time)
    # Absent is not null: what the answer leaves out is not said, so that nothing of ours is emptied.
    columns = {
        name: value
        for wire, name, value in (
            (order.total_amount, "amount_to_pay", amount),
            (order.delivery_time, "delivery_time_from", start),
            (order.delivery_time, "delivery_time_to", start and start + timedelta(minutes=feed.window_minutes)),
            (order.address, "to_line", _said(order.address) or ""),
            (order.comment, "description", _said(order.comment) or ""),
            (order.client_id, "client_id", people.clients.get(_said(order.client_id) or "")),
            (order.client_name, "client_firstname", _said(order.client_name) or ""),
            *_payment(feed, order.paid),
        )
        if wire is not UNSET
    }
    # Nor is who is not known here.
    courier = people.couriers.get(e164(_said(order.responsible_person_login) or ""))
    columns |= {"courier_id": courier} if courier else {}
    status = _said(order.current_status_type) or ""
    delivery = _said(order.delivery_type) or ""
    return Arrival(
        key=key,
        number=_said(order.external_id) or key,
        data=dump(order),
        columns=columns,
        way=None if order.delivery_type is UNSET else WAYS.get(delivery, Way.UNKNOWN),
        lines=_lines(feed, amount) if order.total_amount is not UNSET else None,
        outcome=ENDS.get(status),
        status=status,
        status_at=_said(order.current_status_time),
        delivery=delivery,
        tax_system=_said(order.tax_system) or "",
    )


def _payment(feed: Feed, paid: Any) -> Iterator[tuple[Any, str, Any]]:
    yield paid, "status", (PaymentStatus.PAID if _said(paid) else PaymentStatus.UNPAID).value
    if payment_type := feed.paid_type_id if _said(paid) else feed.payment_type_id:
        yield paid, "payment_type_id", payment_type


def _lines(feed: Feed, amount: Decimal) -> list[dict[str, Any]] | None:
    """An online order holds no goods: one that stands for all, where the feed has one."""
    good = feed.good
    if good is None:
        return None
    unit = {"unit": good.unit, "calc_id": good.calc_id, "tax_id": good.tax_id, "article": good.article}
    return [{"good_id": good.pk, "title": good.title, "count": Decimal(1), "price": amount, "total": amount, **unit}]


def _said(value: Any) -> Any:
    return None if value is UNSET else value


# whom an order names


def couriers_by_phone() -> dict[str, int]:
    """Couriers by phone in E.164, without phones that several have."""
    phones = [(e164(phone), pk) for pk, phone in Courier.objects.exclude(phone="").values_list("pk", "phone")]
    times = Counter(phone for phone, _pk in phones)
    return {phone: pk for phone, pk in phones if phone and times[phone] == 1}


def _clients(feed: Feed, orders: Iterable[OnlineOrder]) -> dict[str, int]:
    """Our clients by their id there. New ones are made, nameless where no name is told; a name that comes later stays
    for a person to note.
    """
    names = {id_: _said(order.client_name) or "" for order in orders if (id_ := _said(order.client_id))}
    if not names:
        return {}
    for is_last in (False, True):
        known = _known(feed, names)
        missing = [Client(source=feed.source, external_id=id_, firstname=names[id_]) for id_ in names.keys() - known]
        if not missing:
            return known
        try:
            with transaction.atomic():
                Client.objects.bulk_create(missing)
        except IntegrityError:
            if is_last:
                raise  # twice in a row it is not another worker that made the same client
        else:
            return known | {client.external_id: client.pk for client in missing}
    raise AssertionError("unreachable")


def _known(feed: Feed, ids: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(ids):
        rows = Client.objects.filter(source=feed.source, external_id__in=some)
        # Of one that was merged into another, the other.
        found |= dict(rows.values_list("external_id", Coalesce("merged_into", "pk")))
    return found


def settle_payment_types(feed: Feed) -> None:
    """Fill in what iRECA requires of every order and nobody has chosen yet; the feed's page shows it and lets it be
    changed. Cash on delivery, and for what is paid already a set-off of the prepayment or, without one, a card.
    """
    chosen: dict[str, Any] = {}
    for name, kinds in PAID_BY.items():
        if getattr(feed, f"{name}_id") is None:
            known = PaymentType.objects.filter(close_type__in=kinds).order_by("pk")
            by_kind = {found.close_type: found for found in reversed(known)}
            chosen[name] = next((by_kind[kind] for kind in kinds if kind in by_kind), None)
    for name, found in chosen.items():
        setattr(feed, name, found)
    if any(chosen.values()):
        feed.save(update_fields=list(chosen))


# ours, to be created there


def online_order(feed: Feed, order: Order) -> OnlineOrder:
    """An order of ours as it is created there (seed 000:69-74). ValueError, in words, where it cannot be."""
    is_pickup = order.hold == Hold.PICKUP
    if not is_pickup and not order.address:
        raise ValueError(_("An order for a courier needs an address."))
    client = order.client
    discounts = sum((line.discount_total for line in order.lines.all()), Decimal(0))
    is_theirs = client is not None and client.source_id == feed.source_id and client.external_id
    return OnlineOrder(
        external_id=str(order),
        delivery_type=(DeliveryType.SELF if is_pickup else DeliveryType.COURIER).value,
        delivery_time=order.delivery_time_from,
        paid=order.status == PaymentStatus.PAID,
        address=None if is_pickup else order.address,
        total_amount=order.amount_to_pay + discounts,
        comment=order.description or None,
        client_name=order.client_name or None,
        client_id=client.external_id if client is not None and is_theirs else None,
        current_status_type=Status.ACCEPTED.value,
    )


def item(line: Line) -> dict[str, str]:
    """A line as an item of a new order, quantities and sums as text. Its keys are nowhere documented."""
    return {
        "name": str(line),
        "quantity": f"{line.count:f}",
        "price": f"{line.price:f}",
        "total": f"{line.total + line.discount_total:f}",
    }
