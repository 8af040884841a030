"""Couriers: what each delivered, how punctually, what was cancelled and returned, and what he collected.

Rows are orders, so behind every figure there are orders. What devices say of a courier is in `shifts.py`.
"""

from __future__ import annotations

from django.db.models import CharField, F, Sum
from django.db.models.functions import Cast, TruncDate
from django.utils.translation import gettext_lazy as _

from backoffice.reports.cube import MONEY, Measure
from backoffice.reports.delivery import DELIVERED_AT, LATE_BY, OUTCOMES, TAKEN_AT, DeliveryFilters
from backoffice.reports.links import day_column
from backoffice.reports.pages.orders import (
    ADDRESS,
    AMOUNT,
    BY_COURIER,
    CLIENT,
    COURIER,
    DELIVERY,
    DIMENSIONS,
    DISCOUNTS,
    DUE,
    NUMBER,
    ORDERS,
    ORDERS_COUNT,
    PAYMENT_TYPE,
    PHONE,
    REASON,
    RETURNS_COUNT,
    SALES,
    SOURCE,
    TIME,
    UNTIL,
    WINDOW,
    of_some,
)
from backoffice.reports.report import Column, Report
from orders.models import Order

CASH_SUM = Measure(
    "cash",
    _("Cash"),
    ORDERS,
    Sum("paid_cash", filter=SALES),
    MONEY,
    help=_("Payments whose type closes in cash."),
)
CASHLESS_SUM = Measure(
    "cashless",
    _("Not cash"),
    ORDERS,
    Sum("paid_cashless", filter=SALES),
    MONEY,
    help=_("All other payments, advances too."),
)
DAY_OF_COURIER = day_column("courier_id", Cast(TruncDate(TIME), CharField()))

REPORT = Report(
    name="couriers",
    title=_("Couriers"),
    question=_("Who delivers on time, how fast, what is cancelled and why, and how much each courier collected."),
    icon="directions_bike",
    right="view_orders",
    rows=Order.objects.all,
    filters=DeliveryFilters,
    columns=(
        NUMBER,
        COURIER,
        DAY_OF_COURIER,
        WINDOW,
        UNTIL,
        TAKEN_AT,
        DELIVERED_AT,
        LATE_BY,
        DELIVERY,
        REASON,
        SOURCE,
        CLIENT,
        PHONE,
        ADDRESS,
        PAYMENT_TYPE,
        Column("cash", _("Cash"), of_some(SALES, F("paid_cash")), MONEY, total="cash"),
        Column("cashless", _("Not cash"), of_some(SALES, F("paid_cashless")), MONEY, total="cashless"),
    ),
    figures=(ORDERS_COUNT, RETURNS_COUNT, *OUTCOMES, AMOUNT, DISCOUNTS, DUE, CASH_SUM, CASHLESS_SUM),
    dimensions=DIMENSIONS,
    usual_by=BY_COURIER.name,
    usual_chart="delivered",
)
