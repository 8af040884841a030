"""An order of VirtPos in our terms (seed 001:32-67). No table is read here; `mapping` and `customers` do that.

Sums as in the document's sample: a line's `amount` is what is left after its discount, and the order's `amount` is the
sum of its lines without the cost of delivery. Ours are before discounts, and a discount is negative (CONTRACT, T71).

`shipped` says that the shop has sent the order off; our courier may be the one who carries it. So it is shown, and
closes nothing. VirtPos tells no time of delivery: the window begins when the order was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from backoffice.remotes.errors import ContractError
from backoffice.remotes.virtpos.contract import Item, Order, key
from catalog.models import Warehouse
from orders.models import Client, DeliveryStatus, Feed, PaymentStatus
from orders.told import Arrival
from orders.virtpos.clock import zone
from orders.virtpos.mapping import Targets, of_item
from orders.virtpos.succession import kin_of

KOPECK = Decimal("0.01")
NEW, SHIPPED, CANCELLED = "new", "shipped", "cancelled"  # `Origin.status`; words in pages.py


@dataclass(frozen=True)
class Owner:
    """Whose an order is, once it is known here. `client` is None where only his id is known."""

    client_id: int
    client: Client | None = None


def arrival(feed: Feed, order: Order, targets: Targets, owner: Owner | None) -> Arrival:
    """Raises ContractError for an order that cannot be delivered as it is told: a line without a count or a price."""
    lines = [_line(index, item, targets) for index, item in enumerate(order.items)]
    discounts = sum((-line["discount_total"] for line in lines), Decimal(0))
    lines += _delivery(feed, order)
    goods = order.amount if order.amount is not None else _sum(order)
    columns: dict[str, Any] = {
        "to_line": order.shipping_address,
        "description": order.comment,
        "amount_to_pay": goods + discounts + sum((line["total"] for line in lines[len(order.items) :]), Decimal(0)),
        "payment_type_id": _payment_type(feed, order, targets),
        **_window(feed, order),
        **_owner(owner),
        **_from(targets.warehouse(order)),
    }
    if order.paid is not None:
        columns["status"] = (PaymentStatus.PAID if order.paid else PaymentStatus.UNPAID).value
    return Arrival(
        key=key(order),
        number=number(order),
        data=order.raw,
        columns=columns,
        way=targets.way(order),
        lines=lines,
        outcome=DeliveryStatus.CANCELLED if order.cancelled else None,
        status=CANCELLED if order.cancelled else SHIPPED if order.shipped else NEW,
        kin=kin_of(order),
        delivery=" · ".join(filter(None, [order.delivery_type_name, order.pickup_from_warehouse_name])),
    )


def number(order: Order) -> str:
    """What people read: VirtPos numbers no orders, so it is when the order was made and by which customer."""
    if order.created_date is None:
        return key(order)
    return "-".join(filter(None, [f"VP-{order.created_date:%y%m%d-%H%M%S}", order.customer_id]))


def _line(index: int, item: Item, targets: Targets) -> dict[str, Any]:
    path = f"items[{index}]"
    if of_item(item) is None:
        raise ContractError(path, "neither an id nor a name")
    if item.quantity is None or item.quantity <= 0:
        raise ContractError(f"{path}.quantity", f"{item.quantity} cannot be delivered")
    if item.unit_base_price is None:
        raise ContractError(f"{path}.unit_base_price", "missing")
    good, discount = targets.good(item), item.discount or Decimal(0)
    before = (item.quantity * item.unit_base_price).quantize(KOPECK, ROUND_HALF_UP)
    return {
        "good_id": good.pk if good is not None else None,
        "title": item.item_name or "",
        "count": item.quantity,
        "price": item.unit_base_price,
        # So that what is left is the amount that VirtPos tells, to the kopeck.
        "total": before if item.amount is None else item.amount + discount,
        "discount_total": -discount,
        "unit": good.unit if good is not None else "",
    }


def _delivery(feed: Feed, order: Order) -> Iterator[dict[str, Any]]:
    """The cost of delivery as a line, where a good stands for it."""
    good = feed.delivery_good
    if good is None or not order.shipping_cost:
        return
    yield {
        "good_id": good.pk,
        "title": good.title,
        "count": Decimal(1),
        "price": order.shipping_cost,
        "total": order.shipping_cost,
        "discount_total": Decimal(0),
        "unit": good.unit,
    }


def _sum(order: Order) -> Decimal:
    amounts = [item.reckoned if item.amount is None else item.amount for item in order.items]
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def _payment_type(feed: Feed, order: Order, targets: Targets) -> int | None:
    if (mapped := targets.payment_type(order)) is not None:
        return mapped.pk
    return feed.paid_type_id if order.paid and feed.paid_type_id else feed.payment_type_id


def _window(feed: Feed, order: Order) -> dict[str, Any]:
    start = order.created_at(zone())
    if start is None:
        return {}
    return {"delivery_time_from": start, "delivery_time_to": start + timedelta(minutes=feed.window_minutes)}


def _owner(owner: Owner | None) -> Mapping[str, Any]:
    if owner is None:
        return {}
    if owner.client is None:
        return {"client_id": owner.client_id}
    client = owner.client
    return {
        "client_id": client.pk,
        "client_firstname": client.firstname,
        "client_lastname": client.lastname,
        "client_email": client.email,
        "phone": client.phone,
    }


def _from(warehouse: Warehouse | None) -> Mapping[str, Any]:
    """Where it is taken from."""
    if warehouse is None:
        return {}
    return {
        "from_city": warehouse.city,
        "from_street": warehouse.street,
        "from_home": warehouse.house,
        "from_apartment": warehouse.apartment,
        "from_latitude": warehouse.latitude,
        "from_longitude": warehouse.longitude,
    }
