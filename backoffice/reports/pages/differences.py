"""Differences: orders whose receipts and payments do not agree, by what is wrong with them.

What is wrong is a queue of the fiscal control (`orders/fiscal_control.py`); here it is counted and listed for a period,
by courier and source, and exported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Source
from backoffice.reports import dimensions
from backoffice.reports.access import Reader
from backoffice.reports.filters import ReportFilters, RowFilter
from backoffice.reports.pages import orders
from backoffice.reports.report import Report, Section
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import fiscal_control
from orders.models import Order

TIME = "delivery_time_to"


class DifferenceFilters(ReportFilters):
    """What is wrong, always one; the period is that in which the windows end."""

    TIME = TIME

    queue = django_filters.ChoiceFilter(
        label=_("What differs"),
        choices=[(queue.name, queue.title) for queue in fiscal_control.QUEUES],
        empty_label=None,
        method="of_queue",
    )
    source = RowFilter(label=_("Source"), queryset=Source.objects.order_by("title"))
    courier = RowFilter(label=_("Courier"), queryset=Courier.objects.order_by("title"))
    payment_type = RowFilter(label=_("Payment type"), queryset=PaymentType.objects.order_by("title"))

    def __init__(self, data: Any, queryset: QuerySet, reader: Reader) -> None:
        data = data.copy()
        if not data.get("queue"):
            data["queue"] = fiscal_control.QUEUES[0].name
        super().__init__(data, queryset, reader)

    def of_queue(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return fiscal_control.BY_NAME[value].orders(queryset, timezone.now())


def _text(asked: Any) -> Mapping[str, Any]:
    return {"text": fiscal_control.BY_NAME[asked.filters.form.cleaned_data["queue"]].text}


REPORT = Report(
    name="differences",
    title=_("Differences of receipts and payments"),
    question=_("What was paid without a receipt, printed without a payment, or paid otherwise than the order says."),
    icon="rule",
    right="view_fiscal",
    rows=Order.objects.all,
    filters=DifferenceFilters,
    columns=orders.COLUMNS,
    figures=(orders.ORDERS_COUNT, *orders.MONEY_OF_ORDERS),
    dimensions=(
        dimensions.day(TIME),
        dimensions.week(TIME),
        dimensions.month(TIME),
        orders.BY_COURIER,
        orders.BY_SOURCE,
        dimensions.row("payment_type", _("Payment type"), "payment_type_id", PaymentType),
    ),
    time=TIME,
    order=(f"-{TIME}", "-pk"),
    sections=(Section("reports/text.html", _text),),
)
