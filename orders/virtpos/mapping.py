"""What VirtPos's codes mean here: rows of Mapping, made when a code is met for the first time.

A code is matched by its title: with a good, a warehouse or a payment type where exactly one is called so, with a way of
delivery where the words leave no doubt. An item that matches no good becomes one, so that its order can leave; anything
else waits for a person, who may change every row (`orders/admin/mapping.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from backoffice.remotes.virtpos.contract import Item, Order
from catalog.models import Good, Warehouse
from fiscal.models import PaymentType
from orders.models import Feed, Mapping
from orders.told import Way

Kind = Mapping.Kind
SEEN_EVERY = timedelta(hours=1)  # `seen_at` is for people: nobody needs it to the minute
_PICKUP = re.compile(r"самовывоз|пункт\w* выдачи|забер[уе]|pick[ -]?up", re.IGNORECASE)
_COURIER = re.compile(r"курьер|courier|на дом\b|до двери|^\s*(?:доставка|delivery)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Code:
    """A code of VirtPos. `price` is for the good that an item may become."""

    kind: str
    external_id: str
    title: str = ""
    price: Decimal | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.external_id


def code(kind: Kind, id_: str | None, title: str | None, price: Decimal | None = None) -> Code | None:
    """None where VirtPos says nothing. What has a title only is known by it."""
    title = title or ""
    external_id = id_ or (f"={title}" if title else "")
    return Code(kind.value, external_id[:191], title, price) if external_id else None


def of_item(item: Item) -> Code | None:
    return code(Kind.GOOD, item.item_id, item.item_name, item.unit_base_price)


def of_delivery(order: Order) -> Code | None:
    return code(Kind.DELIVERY, order.delivery_type_id, order.delivery_type_name)


def of_payment(order: Order) -> Code | None:
    return code(Kind.PAYMENT, order.payment_type_id, order.payment_type_name)


def of_warehouse(order: Order) -> Code | None:
    return code(Kind.WAREHOUSE, order.pickup_from_warehouse_id, order.pickup_from_warehouse_name)


def codes(order: Order) -> list[Code]:
    """All that an order names."""
    named = [of_delivery(order), of_payment(order), of_warehouse(order), *map(of_item, order.items)]
    return [one for one in named if one is not None]


class Targets:
    """The mappings that some orders need, read at once; rows that lack are made, with a fixed number of statements."""

    def __init__(self, feed: Feed, orders: Iterable[Order]) -> None:
        self.feed = feed
        named = {one.key: one for order in orders for one in codes(order)}
        try:
            self.rows = self._settle(named)
        except IntegrityError:
            # Another worker met one of them in the same moment; now it is there, and what we made is not.
            self.rows = self._settle(named)

    def good(self, item: Item) -> Good | None:
        return self._target(of_item(item))

    def warehouse(self, order: Order) -> Warehouse | None:
        return self._target(of_warehouse(order))

    def payment_type(self, order: Order) -> PaymentType | None:
        return self._target(of_payment(order))

    def way(self, order: Order) -> Way:
        ways = {Mapping.Delivery.COURIER.value: Way.COURIER, Mapping.Delivery.PICKUP.value: Way.PICKUP}
        return ways.get(self._target(of_delivery(order)) or "", Way.UNKNOWN)

    def _target(self, one: Code | None) -> Any:
        row = self.rows.get(one.key) if one is not None else None
        return row.target if row is not None else None

    def _settle(self, named: dict[tuple[str, str], Code]) -> dict[tuple[str, str], Mapping]:
        with transaction.atomic():
            rows = self._known(named)
            if missing := [one for key, one in named.items() if key not in rows]:
                Mapping.objects.bulk_create(self._matched(missing))
                rows |= self._known({one.key for one in missing})
            self._note(rows, named)
        return rows

    def _known(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Mapping]:
        found = Mapping.objects.filter(source=self.feed.source, external_id__in={id_ for _kind, id_ in keys})
        rows = found.select_related("good", "warehouse", "payment_type")
        return {(row.kind, row.external_id): row for row in rows if (row.kind, row.external_id) in keys}

    def _note(self, rows: dict[tuple[str, str], Mapping], named: dict[tuple[str, str], Code]) -> None:
        now = timezone.now()
        renamed = [row for key, row in rows.items() if named[key].title and row.title != named[key].title]
        for row in renamed:
            row.title = named[row.kind, row.external_id].title
        Mapping.objects.bulk_update(renamed, ["title"], batch_size=100)
        old = [row.pk for row in rows.values() if row.seen_at is None or row.seen_at < now - SEEN_EVERY]
        if old:
            Mapping.objects.filter(pk__in=old).update(seen_at=now)

    # what is met for the first time

    def _matched(self, missing: Sequence[Code]) -> list[Mapping]:
        made = [
            Mapping(source=self.feed.source, kind=one.kind, external_id=one.external_id, title=one.title)
            for one in missing
        ]
        by_title: dict[Kind, Callable[[set[str]], dict[str, Any]]] = {
            Kind.GOOD: lambda titles: _only(Good.objects.filter(is_active=True, title__in=titles)),
            Kind.WAREHOUSE: lambda titles: _only(Warehouse.objects.filter(is_active=True, title__in=titles)),
            Kind.PAYMENT: lambda titles: _only(PaymentType.objects.filter(title__in=titles)),
            Kind.DELIVERY: lambda titles: {title: way for title in titles if (way := way_called(title))},
        }
        for kind, match in by_title.items():
            rows = [row for row in made if row.kind == kind and row.title]
            found = match({row.title for row in rows}) if rows else {}
            for row in rows:
                if row.title in found:
                    setattr(row, Mapping.TARGETS[kind], found[row.title])
        self._make_goods([(row, one) for row, one in zip(made, missing, strict=True) if row.kind == Kind.GOOD])
        return made

    def _make_goods(self, rows: Sequence[tuple[Mapping, Code]]) -> None:
        """Items without a good become goods, those of one title one good."""
        titles = {one.title: one for row, one in rows if row.good is None and one.title}
        if not titles:
            return
        goods = Good.objects.bulk_create(
            [Good(title=title, price=one.price, tax=self.feed.good_tax) for title, one in titles.items()]
        )
        by_title = {good.title: good for good in goods}
        for row, one in rows:
            if row.good is None and one.title:
                row.good = by_title[one.title]


def way_called(title: str) -> str:
    """The way of delivery that a title leaves no doubt about, or nothing."""
    if _PICKUP.search(title):
        return Mapping.Delivery.PICKUP.value
    return Mapping.Delivery.COURIER.value if _COURIER.search(title) else ""


def _only(rows: models.QuerySet[Any]) -> dict[str, Any]:
    """By title, the rows whose title no other one has."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.title, []).append(row)
    return {title: some[0] for title, some in found.items() if len(some) == 1}
