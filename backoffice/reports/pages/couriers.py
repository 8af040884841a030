"""Couriers: what each delivered, how punctually, what was cancelled and returned, and what he collected.

Rows are orders, so behind every figure there are orders. What devices say of a courier is in `shifts.py`.
"""

from __future__ import annotations

from django.db.models import CharField, Q, Sum
from django.db.models.functions import Cast, TruncDate
from django.utils.translation import gettext_lazy as _

from backoffice.reports.cube import MONEY, Facts, Measure
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
    ORDERS_COUNT,
    PAYMENT_TYPE,
    PAYMENTS,
    PHONE,
    REASON,
    RETURNS_COUNT,
    SOURCE,
    TIME,
    UNTIL,
    WINDOW,
    sum_of,
)
from backoffice.reports.report import Column, Report
from orders.models import Order, Payment

IS_CASH = Q(payment_type__close_type=1)  # seed 002: iRECA's list has 1 cash and 2 card
CASH = Facts(Payment, PAYMENTS.path, PAYMENTS.where & IS_CASH)
CASHLESS = Facts(Payment, PAYMENTS.path, PAYMENTS.where & ~IS_CASH)

CASH_SUM = Measure("cash", _("Cash"), CASH, Sum("price"), MONEY, help=_("Payments whose type closes in cash."))
CASHLESS_SUM = Measure(
    "cashless", _("Not cash"), CASHLESS, Sum("price"), MONEY, help=_("All other payments, advances too.")
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
        Column("cash", _("Cash"), sum_of(CASH, "price"), MONEY, total="cash"),
        Column("cashless", _("Not cash"), sum_of(CASHLESS, "price"), MONEY, total="cashless"),
    ),
    figures=(ORDERS_COUNT, RETURNS_COUNT, *OUTCOMES, AMOUNT, DISCOUNTS, DUE, CASH_SUM, CASHLESS_SUM),
    dimensions=DIMENSIONS,
    usual_by=BY_COURIER.name,
    usual_chart="delivered",
)
