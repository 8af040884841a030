"""Demo data: a few orders that were made at BIFIT Kassa, of the sandbox and of nothing else."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command

from backoffice.remotes.bifit.contract import DeliveryType, OnlineOrder, Status, TaxSystem
from backoffice.sync import clients
from backoffice.sync.connection import BIFIT
from orders.models import Order

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COURIER, SELF = DeliveryType.COURIER.value, DeliveryType.SELF.value
ORDERS: tuple[dict[str, Any], ...] = (
    {
        "current_status_type": Status.ACCEPTED.value,
        "delivery_type": COURIER,
        "total_amount": Decimal("2460.00"),
        "address": "Санкт-Петербург, Невский пр., 88, кв. 12",
        "client_id": "501",
        "client_name": "Ирина",
    },
    {
        "current_status_type": Status.ACCEPTED.value,
        "delivery_type": COURIER,
        "total_amount": Decimal("5180.00"),
        "address": "Санкт-Петербург, Литейный пр., 46",
        "client_id": "502",
        "client_name": "Олег",
        "paid": True,
        "comment": "Оплачен на сайте",
    },
    {
        "current_status_type": Status.NEW.value,
        "delivery_type": COURIER,
        "total_amount": Decimal("990.00"),
        "address": "Санкт-Петербург, ул. Марата, 47",
        "client_id": "503",
        "client_name": "Юлия",
    },
    {
        "current_status_type": Status.ACCEPTED.value,
        "delivery_type": SELF,
        "total_amount": Decimal("1340.00"),
        "client_id": "501",
        "client_name": "Ирина",
        "comment": "Заберёт вечером",
    },
)


def load_day(today: datetime) -> int:
    """Orders for the day of `today` (aware, local), created there and read. Returns how many are new; a service that
    is not on this machine gets none.
    """
    if urlsplit(settings.BIFIT_URL).hostname not in LOOPBACK:
        return 0
    client: Any = clients.client(BIFIT)
    known = set(Order.objects.filter(number__startswith=f"БК-{today:%d%m%y}-").values_list("number", flat=True))
    ids = [client.create(order, []) for order in _orders(today) if order.external_id not in known]
    if ids:
        call_command("pull", BIFIT, ids=",".join(ids), stdout=io.StringIO())
    return len(ids)


def _orders(today: datetime) -> list[OnlineOrder]:
    noon = today.replace(hour=12, minute=0, second=0, microsecond=0)
    return [
        OnlineOrder(
            external_id=f"БК-{today:%d%m%y}-{number}",
            tax_system=TaxSystem.SIMPLIFIED.value,
            delivery_time=noon + timedelta(hours=2 * number),
            **fields,
        )
        for number, fields in enumerate(ORDERS, 1)
    ]
