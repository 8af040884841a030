"""Goods: what was sold, brought back, taken off by couriers; and marking codes, one by one.

The rows are lines of orders. A return has lines of its own; what the courier took back in his app is told with the
order, by good and not by line, and counts with the lines of that good.
"""

from __future__ import annotations

from dataclasses import dataclass

import django_filters
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Source
from backoffice.reports import dimensions, formats
from backoffice.reports.cube import MONEY, NUMBER, Facts, Measure
from backoffice.reports.filters import CodeFilter, KeyFilter, ReportFilters, RowFilter
from backoffice.reports.pages import orders
from backoffice.reports.report import Column, Report
from catalog.models import Good, Supplier, Warehouse
from couriers.models import Courier
from orders import refunds
from orders.admin.filters import code_choices
from orders.models import CanceledItem, DeliveryStatus, Line, LineWarehouse, RefundGood

TIME = "order__delivery_time_from"
LINES = Facts(Line)


@dataclass(frozen=True)
class TakenBack(Facts):
    """Goods that the courier took back in his app: iRECA tells them with the order, and by the good, not by the line.
    Where it thereby tells of a return that was made here, the return's own lines count.
    """

    model: type[RefundGood] = RefundGood

    def of(self, base: QuerySet) -> QuerySet:
        sold = base.order_by().filter(order=OuterRef("refund__order"), good=OuterRef("good"))
        return RefundGood._base_manager.filter(~Q(Exists(refunds.MADE_HERE)), Exists(sold)).order_by()

    def lookup(self, field: str) -> str:
        return f"refund__{field}" if field.startswith("order__") else field


TAKEN_BACK = TakenBack()
TAKEN_OFF = Facts(CanceledItem, "line")
SOLD = Q(order__is_refund=False) & ~Q(order__delivery_status=DeliveryStatus.CANCELLED)
BROUGHT_BACK = Q(order__is_refund=True) & ~Q(order__delivery_status=DeliveryStatus.CANCELLED)
PAYABLE = F("total") + F("discount_total")


class LineFilters(ReportFilters):
    """The period is that in which the orders' windows begin."""

    TIME = TIME

    goods = django_filters.CharFilter(label=_("Good: title or article"), method="of_goods")
    good = KeyFilter(field_name="good")
    source = RowFilter(label=_("Source"), queryset=Source.objects.order_by("title"), field_name="order__source")
    courier = RowFilter(label=_("Courier"), queryset=Courier.objects.order_by("title"), field_name="order__courier")
    supplier = RowFilter(label=_("Supplier"), queryset=Supplier.objects.order_by("title"), field_name="order__supplier")
    warehouse = django_filters.ModelChoiceFilter(
        label=_("Warehouse"), queryset=Warehouse.objects.order_by("title"), method="of_warehouse"
    )
    delivery_status = CodeFilter(
        label=_("Delivery"),
        field_name="order__delivery_status",
        offer=lambda: code_choices("orderDeliveryStatuses", DeliveryStatus),
    )
    marks = django_filters.ChoiceFilter(
        label=_("Marking codes"),
        choices=[("any", _("with a code")), ("twice", _("a code that is sold twice"))],
        empty_label=_("all lines"),
        method="of_marks",
    )

    def of_goods(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(Q(good__article=value) | Q(good__title__icontains=value))

    def of_warehouse(self, queryset: QuerySet, name: str, value: Warehouse) -> QuerySet:
        return queryset.filter(Exists(LineWarehouse.objects.filter(line=OuterRef("pk"), warehouse=value)))

    def of_marks(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        marked = queryset.exclude(mark_key="")
        if value == "any":
            return marked
        return marked.filter(pk__in=Line.objects.marked_twice().order_by().values("pk"))


REPORT = Report(
    name="goods",
    title=_("Goods sold"),
    question=_("What is sold, brought back and taken off by couriers, and from where; marking codes."),
    icon="inventory_2",
    right="view_orders",
    rows=Line.objects.all,
    filters=LineFilters,
    columns=(
        Column("number", _("Order number"), "order__number", url=orders.order_url),
        Column("window", _("Deliver from"), TIME, formats.MOMENT),
        Column("good", _("Good"), "title"),
        Column("article", _("Article"), "article"),
        Column("courier", _("Courier"), "order__courier__title"),
        Column(
            "delivery",
            _("Delivery"),
            "order__delivery_status",
            show=orders.label_of("orderDeliveryStatuses", DeliveryStatus),
        ),
        Column("count", _("Pieces"), "count", NUMBER, total="pieces"),
        Column("price", _("Price"), "price", MONEY),
        Column("sum", _("Sum"), PAYABLE, MONEY, total="sum"),
        Column("mark", _("Marking code"), "mark_value", is_usual=False),
        Column("is_refund", _("Is a return"), "order__is_refund", formats.FLAG, is_usual=False),
    ),
    figures=(
        Measure("lines", _("Lines"), LINES, Count("pk")),
        Measure("pieces", _("Pieces"), LINES, Sum("count"), NUMBER, help=_("Of all lines, whatever became of them.")),
        Measure(
            "sold",
            _("Sold, pieces"),
            LINES,
            Sum("count", filter=SOLD),
            NUMBER,
            help=_("Lines of orders that are neither cancelled nor returns."),
        ),
        Measure("sold_sum", _("Sold"), LINES, Sum(PAYABLE, filter=SOLD), MONEY, help=_("After discounts.")),
        Measure(
            "returned",
            _("Returned, pieces"),
            LINES,
            Sum("count", filter=BROUGHT_BACK),
            NUMBER,
            help=_("By returns, which are orders of their own."),
        ),
        Measure("returned_sum", _("Returned"), LINES, Sum(PAYABLE, filter=BROUGHT_BACK), MONEY),
        Measure("taken_back", _("Taken back in the app, pieces"), TAKEN_BACK, Sum("count"), NUMBER),
        Measure("taken_back_sum", _("Given back in the app"), TAKEN_BACK, Sum(Abs("sum")), MONEY),
        Measure("taken_off", _("Taken off by couriers, pieces"), TAKEN_OFF, Sum("count"), NUMBER),
        Measure("marked", _("With a marking code"), LINES, Count("pk", filter=~Q(mark_key=""))),
        Measure("sum", _("Sum of all lines"), LINES, Sum(PAYABLE), MONEY),
    ),
    dimensions=(
        dimensions.row("good", _("Good"), "good_id", Good, is_long=True),
        dimensions.day(TIME),
        dimensions.week(TIME),
        dimensions.month(TIME),
        dimensions.row("courier", _("Courier"), "order__courier_id", Courier),
        dimensions.row("source", _("Source"), "order__source_id", Source),
        dimensions.row("supplier", _("Supplier"), "order__supplier_id", Supplier),
    ),
    source="order__source",
    time=TIME,
    order=("-order__delivery_time_from", "-pk"),
    order_key="order",
    usual_by="good",
    usual_chart="sold_sum",
)
