"""Stock by warehouse, and goods that nobody buys. The period tells since when nobody has, it narrows no stock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from backoffice.reports import dimensions
from backoffice.reports.cube import MONEY, NUMBER, Facts, Measure
from backoffice.reports.filters import KeyFilter, ReportFilters, RowFilter
from backoffice.reports.report import Column, Report
from catalog.models import Good, Stock, Warehouse
from fiscal.models import Tax
from orders.conditions import day_start
from orders.models import DeliveryStatus, Line

ROWS = Facts(Stock)
VALUE = F("count") * Coalesce(F("good__price"), Decimal(0))
GOODS = Facts(Good)
STOCK = Facts(Stock, "good")
IN_STOCK = Coalesce(
    Subquery(
        Stock.objects.filter(good=OuterRef("pk")).order_by().values("good").annotate(sum=Sum("count")).values("sum")
    ),
    Decimal(0),
)
IS_FOLDER = Exists(Good.objects.filter(parent=OuterRef("pk")))


def sales() -> QuerySet[Line]:
    """Lines of orders that are neither cancelled nor returns."""
    lines = Line.objects.filter(good__isnull=False, order__is_refund=False).order_by()
    return lines.exclude(order__delivery_status=DeliveryStatus.CANCELLED)


class GoodsFilters(ReportFilters):
    """What goods are narrowed by; `GOOD` leads from the row to the good."""

    TIME = ""
    GOOD = ""

    goods = django_filters.CharFilter(label=_("Good: title or article"), method="of_goods")
    sales = django_filters.ChoiceFilter(
        label=_("Sales"),
        choices=[("none", _("not sold in the period")), ("never", _("never sold"))],
        empty_label=_("whether sold or not"),
        method="of_sales",
    )

    def of_goods(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        path = f"{self.GOOD}__" if self.GOOD else ""
        return queryset.filter(Q(**{f"{path}article": value}) | Q(**{f"{path}title__icontains": value}))

    def of_sales(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        good = self.GOOD or "pk"
        if value == "never":
            return queryset.filter(~Exists(sales().filter(good=OuterRef(good))))
        first, last = self.days
        # From the orders of the period to their goods: from each good to its orders would read all years.
        sold = sales().filter(
            order__delivery_time_from__gte=day_start(first),
            order__delivery_time_from__lt=day_start(last + dimensions.DAY),
        )
        return queryset.exclude(**{f"{good}__in": sold.values("good")})


class StockFilters(GoodsFilters):
    GOOD = "good"

    warehouse = RowFilter(label=_("Warehouse"), queryset=Warehouse.objects.order_by("title"))
    good = KeyFilter(field_name="good")
    at_most = django_filters.NumberFilter(label=_("At most so many"), field_name="count", lookup_expr="lte")


class UnsoldFilters(GoodsFilters):
    stock = django_filters.ChoiceFilter(
        label=_("In stock"),
        choices=[("none", _("none in any warehouse")), ("some", _("some"))],
        empty_label=_("whether in stock or not"),
        method="of_stock",
    )
    parent = KeyFilter(field_name="parent")
    tax = RowFilter(label=_("Tax rate"), queryset=Tax.objects.order_by("title"))

    def __init__(self, data: Any, *args: Any, **kwargs: Any) -> None:
        data = data.copy()
        data.setdefault("sales", "none")
        super().__init__(data, *args, **kwargs)

    def of_stock(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        some = Q(Exists(Stock.objects.filter(good=OuterRef("pk"), count__gt=0)))
        return queryset.filter(some if value == "some" else ~some)


BY_WAREHOUSE = dimensions.row("warehouse", _("Warehouse"), "warehouse_id", Warehouse)
BY_GOOD = dimensions.row("good", _("Good"), "good_id", Good, is_long=True)

REPORT = Report(
    name="stock",
    title=_("Stock"),
    question=_("What lies in which warehouse, of what value; what runs out; what lies there and is not sold."),
    icon="warehouse",
    right="view_orders",
    rows=lambda: Stock.objects.all(),
    filters=StockFilters,
    columns=(
        Column("good", _("Good"), "good__title", may_sort=True),
        Column("article", _("Article"), "good__article"),
        Column("warehouse", _("Warehouse"), "warehouse__title"),
        Column("count", _("In stock"), "count", NUMBER, total="count", may_sort=True),
        Column("price", _("Price"), "good__price", MONEY),
        Column("value", _("Stock value"), VALUE, MONEY, total="value"),
    ),
    figures=(
        Measure(
            "rows",
            _("Goods by warehouse"),
            ROWS,
            Count("pk"),
            help=_("Goods that no warehouse names are found in “Goods not sold, goods run out”."),
        ),
        Measure("count", _("In stock"), ROWS, Sum("count"), NUMBER),
        Measure("value", _("Stock value"), ROWS, Sum(VALUE), MONEY, help=_("By the price of the good as it is now.")),
    ),
    dimensions=(BY_WAREHOUSE, BY_GOOD),
    source="",
    time="",
    order=("good__title", "pk"),
    usual_by="warehouse",
    usual_chart="value",
)

UNSOLD = Report(
    name="unsold",
    title=_("Goods not sold, goods run out"),
    question=_("Which goods nobody has bought in the period, or ever; how many lie in stock, and which nowhere."),
    icon="production_quantity_limits",
    right="view_orders",
    rows=lambda: Good.objects.filter(~IS_FOLDER, is_active=True),
    filters=UnsoldFilters,
    columns=(
        Column("good", _("Good"), "title", may_sort=True),
        Column("article", _("Article"), "article", may_sort=True),
        Column("price", _("Price"), "price", MONEY),
        Column("count", _("In stock"), IN_STOCK, NUMBER, total="count"),
    ),
    figures=(
        Measure("goods", _("Goods"), GOODS, Count("pk"), help=_("Active ones, without folders.")),
        Measure("count", _("In stock"), STOCK, Sum("count"), NUMBER),
    ),
    dimensions=(
        dimensions.row("parent", _("Folder"), "parent_id", Good),
        dimensions.row("tax", _("Tax rate"), "tax_id", Tax),
    ),
    source="",
    time="",
    order=("title", "pk"),
)
