"""Receipts: how many by register, shift, courier and payment type, and the money behind them.

iRECA's receipts carry no sum (seed 002:1216-1251), so each counts with the payments of its order. Of an order with
several receipts of one kind it cannot be told which was for what: those are in no sum (`orders/fiscal_sums.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import Case, Count, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Abs, Coalesce, Concat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.partners.models import Source
from backoffice.reports import dimensions, formats
from backoffice.reports.access import Reader
from backoffice.reports.cube import MONEY, Derived, Facts, Measure
from backoffice.reports.filters import NONE, ReportFilters, RowFilter
from backoffice.reports.pages.orders import order_url
from backoffice.reports.report import Column, Report, Row, Section
from couriers.models import Courier
from fiscal.models import PaymentType, Receipt
from orders import fiscal_sums
from orders.fiscal_sums import UNDIVIDED

TIME = "date_time_receipt"
SALE, RETURN = Q(kind=Receipt.Kind.SALE), Q(kind=Receipt.Kind.RETURN)
MOST_FOR_VAT = 20_000  # receipts whose lines are rounded one by one while a person waits

RECEIPTS = Facts(Receipt)
SHARED = Facts(Receipt, where=UNDIVIDED)
SOLD_BY = Facts(Receipt, where=SALE & ~UNDIVIDED)
GIVEN_BY_ORDER = Facts(Receipt, where=RETURN & Q(order__is_refund=True) & ~UNDIVIDED)
GIVEN_OF_ORDER = Facts(Receipt, where=RETURN & Q(order__is_refund=False) & ~UNDIVIDED)

# Each of these joins one table of many to its receipts, and nothing else is counted beside it.
_PAID, _BACK = "order__payments", "order__refund__payments"


def _paid_by(close_type: int) -> Sum:
    return Sum(f"{_PAID}__price", filter=Q(**{f"{_PAID}__payment_type__close_type": close_type}))


FIGURES = (
    Measure("receipts", gettext_lazy("Receipts"), RECEIPTS, Count("pk")),
    Measure("sales", gettext_lazy("Receipts of sale"), RECEIPTS, Count("pk", filter=SALE)),
    Measure("returns", gettext_lazy("Receipts of return"), RECEIPTS, Count("pk", filter=RETURN)),
    Measure(
        "sold",
        gettext_lazy("Sold"),
        SOLD_BY,
        Sum(f"{_PAID}__price"),
        MONEY,
        help=gettext_lazy(
            "Receipts carry no sum: these are the payments of their orders, as they are known now. Receipts that are "
            "not divided are in no sum."
        ),
    ),
    Measure("cash", gettext_lazy("of it in cash"), SOLD_BY, _paid_by(PaymentType.CASH), MONEY),
    Measure("cashless", gettext_lazy("of it cashless"), SOLD_BY, _paid_by(PaymentType.CARD), MONEY),
    Measure(
        "given_by_order", gettext_lazy("Given back by returns"), GIVEN_BY_ORDER, Sum(Abs(f"{_PAID}__price")), MONEY
    ),
    Measure("given_of_order", gettext_lazy("Given back in the app"), GIVEN_OF_ORDER, Sum(Abs(f"{_BACK}__sum")), MONEY),
    Derived(
        "returned",
        gettext_lazy("Returned"),
        ("given_by_order", "given_of_order"),
        lambda one, other: one + other,
        MONEY,
    ),
    Measure(
        "undivided",
        gettext_lazy("Receipts not divided"),
        SHARED,
        Count("pk"),
        help=gettext_lazy(
            "Receipts of an order that has several of one kind: it cannot be told which payment was on which of them."
        ),
    ),
)

_TYPE = Coalesce("order__fr_used_payment_type", "order__payment_type")
_SHIFT = Concat("fn", Value(" / "), "shift_number")


class ReceiptFilters(ReportFilters):
    """What receipts are narrowed by. The period is that in which they were printed."""

    TIME = TIME

    source = RowFilter(
        label=gettext_lazy("Source"), field_name="order__source", queryset=Source.objects.order_by("title")
    )
    courier = RowFilter(
        label=gettext_lazy("Courier"), field_name="order__courier", queryset=Courier.objects.order_by("title")
    )
    kind = django_filters.ChoiceFilter(
        label=gettext_lazy("Kind"), choices=Receipt.Kind.choices, empty_label=gettext_lazy("of both kinds")
    )
    payment_type = RowFilter(
        label=gettext_lazy("Payment type"), queryset=PaymentType.objects.order_by("title"), method="of_payment_type"
    )
    serial = django_filters.CharFilter(
        label=gettext_lazy("Register's serial number"), field_name="serial_number", method="of_text"
    )
    fn = django_filters.CharFilter(label=gettext_lazy("Fiscal drive (FN)"), field_name="fn", method="of_text")
    shift = django_filters.CharFilter(label=gettext_lazy("Shift: FN / number"), method="of_shift")

    def of_payment_type(self, queryset: QuerySet, name: str, value: list[Any]) -> QuerySet:
        if not value:
            return queryset
        found = Q(used_type__in=[each.pk for each in value if each != NONE])
        if NONE in value:
            found |= Q(used_type__isnull=True)
        return queryset.alias(used_type=_TYPE).filter(found)

    def of_text(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(**{name: "" if value == NONE else value})

    def of_shift(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.alias(shift=_SHIFT).filter(shift=value)


def _kind(kind: str) -> str:
    return str(dict(Receipt.Kind.choices).get(kind, kind))


def card_url(row: Row, reader: Reader) -> str:
    """The receipt's card, for who may see receipts and orders."""
    if not reader.user.has_perms(("fiscal.view_receipt", "orders.view_order")):
        return ""
    return reverse("fiscal-receipt", args=[row["pk"]])


COLUMNS = (
    Column("at", gettext_lazy("Printed at"), TIME, formats.MOMENT, may_sort=True),
    Column("document", gettext_lazy("FN / FD"), Concat("fn", Value(" / "), "fd_number"), url=card_url),
    Column("kind", gettext_lazy("Kind"), "kind", show=_kind, may_sort=True),
    Column("serial", gettext_lazy("Register's serial number"), "serial_number"),
    Column("shift", gettext_lazy("Shift"), "shift_number"),
    Column("order", gettext_lazy("Order number"), "order__number", url=order_url),
    Column("source", gettext_lazy("Source"), "order__source__title"),
    Column("courier", gettext_lazy("Courier"), "order__courier__title"),
    Column("sign", gettext_lazy("Fiscal sign (FP)"), "fiscal_sign", is_usual=False),
    Column(
        "sold",
        gettext_lazy("Sold"),
        fiscal_sums.SOLD,
        MONEY,
        total="sold",
    ),
    Column(
        "returned",
        gettext_lazy("Returned"),
        fiscal_sums.RETURNED,
        MONEY,
        total="returned",
    ),
    Column(
        "undivided", gettext_lazy("Not divided"), Case(When(UNDIVIDED, then=Value(1)), default=Value(0)), formats.FLAG
    ),
)


def _shifts(keys: Any) -> Mapping[Any, Any]:
    return {key: key for key in keys}


DIMENSIONS = (
    dimensions.day(TIME),
    dimensions.week(TIME),
    dimensions.month(TIME),
    dimensions.text("serial", gettext_lazy("Register"), "serial_number"),
    dimensions.text("fn", gettext_lazy("Fiscal drive (FN)"), "fn"),
    dimensions.Dimension(
        "shift",
        gettext_lazy("Shift"),
        lambda lookup: _SHIFT,
        _shifts,
        lambda key: {"shift": key},
    ),
    dimensions.row("courier", gettext_lazy("Courier"), "order__courier_id", Courier),
    dimensions.row("source", gettext_lazy("Source"), "order__source_id", Source),
    dimensions.Dimension(
        "payment_type",
        gettext_lazy("Payment type"),
        lambda lookup: _TYPE,
        dimensions.row("payment_type", "", "pk", PaymentType).label,
        lambda key: {"payment_type": NONE if key is None else str(key)},
    ),
    dimensions.text("kind", gettext_lazy("Kind"), "kind", _kind),
)


def _vat(asked: Any) -> Mapping[str, Any]:
    """VAT by rate, when it is asked for: from the lines of the orders, rounded receipt by receipt."""
    query = asked.query.copy()
    query["vat"] = "1"
    if asked.query.get("vat") != "1":
        return {"url": f"?{query.urlencode()}#vat"}
    if asked.totals["receipts"] > MOST_FOR_VAT:
        return {"most": MOST_FOR_VAT}
    table = fiscal_sums.by_rate(asked.rows, asked.filters.days[1])
    return {
        "rates": [(row.title, *_written(row.sums)) for row in table.rows],
        "totals": _written(table.total),
        "is_incomplete": table.is_incomplete,
    }


def _written(sums: Iterable[Decimal | None]) -> list[str]:
    return [formats.written(sum_, MONEY) for sum_ in sums]


def _differences(asked: Any) -> Mapping[str, Any]:
    first, last = asked.filters.days
    return {
        "url": reverse("report", args=["differences"], query={"since": first.isoformat(), "until": last.isoformat()}),
        "title": _("Differences of receipts and payments"),
    }


REPORT = Report(
    name="receipts",
    title=gettext_lazy("Receipts"),
    question=gettext_lazy(
        "How many receipts and for how much: by register, shift, courier, payment type; VAT by rate."
    ),
    icon="receipt_long",
    right="view_fiscal",
    rows=Receipt.objects.all,
    filters=ReceiptFilters,
    columns=COLUMNS,
    figures=FIGURES,
    dimensions=DIMENSIONS,
    source="order__source",
    time=TIME,
    order_key="order",
    order=(f"-{TIME}", "-pk"),
    usual_chart="sold",
    sections=(Section("reports/vat.html", _vat), Section("reports/see_also.html", _differences)),
)
