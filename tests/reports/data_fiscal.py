"""Receipts, VAT rates and cash handed in, for the orders of a `World`."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from fiscal.models import Receipt, Tax
from orders import cash, kept
from orders.cash import HandIn
from orders.models import DeliveryStatus, Order, PaymentStatus
from tests.orders.builders import known

RATES = ("20%", "НДС 10", "БезНДС", "luxury")  # the last one is none of the law's
REGISTERS = ("SN1", "SN2", "")


def print_receipts(world: Any, row: Order) -> None:
    """None, one or two of a kind, near the window; a few without their moment."""
    # Of its own, so that more receipts do not make other orders.
    chance = random.Random(row.pk)
    rates = Tax.objects.order_by("pk")[: len(RATES)] or [
        known(Tax, f"t{nth}", title=title) for nth, title in enumerate(RATES)
    ]
    for line in row.lines.all():
        line.tax = chance.choice([None, *rates])
        line.save(update_fields=["tax"])
    if row.pk % 6 == 0:  # the one thing that must not be: paid, closed, and no receipt
        Order.objects.filter(pk=row.pk).update(status=PaymentStatus.PAID, delivery_status=DeliveryStatus.CLOSED)
        return
    own = Receipt.Kind.RETURN if row.is_refund else Receipt.Kind.SALE
    for kind in chance.choice(([], [own], [own], [own], [own, own], [Receipt.Kind.SALE, Receipt.Kind.RETURN])):
        register = chance.choice(REGISTERS)
        number = Receipt.objects.count() + 1
        Receipt.objects.create(
            order=row,
            kind=kind,
            serial_number=register,
            fn=f"99{register}",
            shift_number=str(chance.randint(1, 3)),
            fd_number=str(number),
            fiscal_sign=str(number),
            date_time_receipt=row.delivery_time_from + timedelta(minutes=chance.randint(-600, 600))
            if chance.random() < 0.9
            else None,
        )


def hand_in(world: Any) -> None:
    """Ledgers with the cash of all payments, some of it handed in, more than once more than there was."""
    list(kept.recount())
    user = User.objects.create_user(f"cashier{User.objects.count()}")
    for courier in world.couriers:
        for _each in range(world.chance.randint(0, 4)):
            said = HandIn(
                uuid.UUID(int=world.chance.getrandbits(128)),
                Decimal(world.chance.randint(1, 300_000)) / 100,
                timezone.now() - timedelta(hours=world.chance.randint(0, 40 * 24)),
                is_confirmed=True,
            )
            act = cash.record(courier.pk, said, user)
            if world.chance.random() < 0.2:
                cash.reverse(act.pk, uuid.UUID(int=world.chance.getrandbits(128)), "counted wrong", user)
