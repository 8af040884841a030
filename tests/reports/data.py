"""Orders of some weeks, random but the same for a seed: with lines, payments, returns, states, people and places."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.test import override_settings
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.sync.enqueue import untracked
from catalog.models import Good, Stock, Warehouse
from couriers.models import Courier
from fiscal.models import PaymentType, Receipt
from orders.models import (
    CanceledItem,
    Client,
    DeliveryStatus,
    Line,
    LineWarehouse,
    Order,
    Payment,
    PaymentStatus,
    Refund,
    RefundGood,
    RefundPayment,
    ReturnReason,
)
from tests.orders.builders import known
from tests.reports import data_couriers, data_fiscal, data_sync

DAYS = 40


def _money(chance: random.Random, most: int = 100_000) -> Decimal:
    return Decimal(chance.randint(1, most)) / 100


def _count_rows() -> None:
    """PostgreSQL takes the tables for empty until it counts, which it does by itself after a transaction only; and then
    it joins all rows with all.
    """
    if connection.vendor == "postgresql":
        tables = [model._meta.db_table for model in (Order, Line, LineWarehouse, CanceledItem, Payment, Receipt)]
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(tables)}")


class World:
    """The directories that random orders refer to, and the orders."""

    def __init__(self, seed: int = 1, orders: int = 60) -> None:
        self.chance = random.Random(seed)
        self.road = random.Random(seed)  # of its own, so that what couriers do changes nothing else
        with untracked(), override_settings(SIMPLE_HISTORY_ENABLED=False):  # which no report reads
            self.sources = [Source.objects.create(title=f"Shop {nth}") for nth in range(3)]
            self.couriers = [known(Courier, f"c{nth}", title=f"Courier {nth}") for nth in range(3)]
            self.types = [
                known(PaymentType, f"p{nth}", title=title, close_type=nth)
                for nth, title in enumerate(("Cash", "Card", "Advance"), 1)
            ]
            self.reasons = [known(ReturnReason, f"r{nth}", title=f"Reason {nth}") for nth in range(2)]
            self.unsold = [known(Good, f"u{nth}", title=f"Unsold {nth}", article=f"U-{nth}") for nth in range(3)]
            self.warehouses = [known(Warehouse, f"w{nth}", title=f"Warehouse {nth}") for nth in range(2)]
            self.goods = [known(Good, f"g{nth}", title=f"Good {nth}", article=f"A-{nth}") for nth in range(5)]
            Stock.objects.bulk_create(
                Stock(good=good, warehouse=warehouse, count=self.chance.randint(0, 9))
                for good in [*self.goods[:4], self.unsold[0]]
                for warehouse in self.warehouses
            )
            self.clients = [
                known(Client, f"k{nth}", lastname=f"Petrov{nth}", firstname="Anna", phone=f"+7916000000{nth}")
                for nth in range(4)
            ]
            self.orders = [self.order(nth) for nth in range(1, orders + 1)]
            sold = [row for row in self.orders if row.payments.exists() and not row.is_refund]
            for row in self.chance.sample(sold, min(6, len(sold))):
                self.give_back(row)
            data_fiscal.hand_in(self)
            data_couriers.shifts(self.couriers, self.road)
        _count_rows()

    def order(self, nth: int, **fields: Any) -> Order:
        chance = self.chance
        begins = timezone.now() + timedelta(minutes=chance.randint(-DAYS * 24 * 60, 24 * 60))
        status = chance.choice(PaymentStatus.values)
        client = chance.choice([None, *self.clients])
        row: Order = known(
            Order,
            f"o{nth}",
            number=f"N-{nth}",
            source=chance.choice([None, *self.sources]),
            courier=chance.choice([None, *self.couriers]),
            client=client,
            phone=client.phone if client is not None else "",
            delivery_status=chance.choice([*DeliveryStatus.values, 8]),
            status=status,
            payment_type=chance.choice(self.types),
            return_reason=chance.choice([None, None, *self.reasons]),
            delivery_time_from=begins,
            delivery_time_to=begins + timedelta(minutes=chance.choice((15, 90, 240))),
            amount_to_pay=_money(chance),
            to_city=chance.choice(("", "Moscow", "Tula")),
            to_street="Arbat",
            to_home=str(nth),
            **fields,
        )
        data_couriers.happen(row, self.road)
        for position in range(chance.randint(0, 3)):
            good = chance.choice(self.goods)
            count, price = Decimal(chance.randint(1, 4)), _money(chance, 9_999)
            line = Line.objects.create(
                order=row,
                position=position,
                good=good,
                title=good.title,
                mark_value=f"0104601234567890215{nth:08}" if chance.random() < 0.3 else "",
                count=count,
                price=price,
                total=count * price,
                discount_total=-_money(chance, 500) if chance.random() < 0.5 else Decimal(0),
            )
            if chance.random() < 0.2:
                CanceledItem.objects.create(line=line, count=1, return_reason=chance.choice(self.reasons))
            for warehouse in chance.sample(self.warehouses, chance.randint(0, 2)):
                LineWarehouse.objects.create(line=line, warehouse=warehouse, count=1)
        if status == PaymentStatus.PAID:
            for _each in range(chance.randint(1, 2)):
                Payment.objects.create(
                    order=row, price=_money(chance), payment_type=chance.choice(self.types), paid_in=begins
                )
        data_fiscal.print_receipts(self, row)
        data_sync.talk(self, nth)
        return row

    def give_back(self, row: Order) -> None:
        """By a return that was made here, by the courier in his app, or by a return that iRECA tells with the order."""
        way = self.chance.choice(("here", "app", "both"))
        returned = ""
        if way in ("here", "both"):
            refund = self.order(1000 + row.pk, is_refund=True, refund_of=row)
            Payment.objects.create(order=refund, price=_money(self.chance), payment_type=self.types[0])
            returned = refund.ireca_id if way == "both" else ""
        if way in ("app", "both"):
            told = Refund.objects.create(order=row, returned_order_ireca_id=returned, return_reason=self.reasons[0])
            RefundPayment.objects.create(refund=told, sum=-_money(self.chance), payment_type=self.types[0])
            for good in {line.good for line in row.lines.all()}:
                RefundGood.objects.create(refund=told, good=good, count=1, sum=-_money(self.road))
