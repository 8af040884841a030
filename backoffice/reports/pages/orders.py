"""Orders: how many, of what sums, how they were paid and what came back.

A return is an order of its own, so it counts on its own day and with its own courier, and its payments are what was
given back. Of goods that the courier took back in his app iRECA tells with the order itself; where it thereby tells of
a return that was made here, it is not counted twice (`orders/refunds.py` assumes the same).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Abs, Coalesce, Concat
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Source
from backoffice.reports import dimensions, formats
from backoffice.reports.access import Reader
from backoffice.reports.cube import MONEY, Derived, Facts, Measure
from backoffice.reports.filters import NONE, CodeFilter, ReportFilters, RowFilter
from backoffice.reports.report import Column, Report, Row
from backoffice.sync import dictionaries, personal
from catalog.models import Warehouse
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import refunds
from orders.admin.filters import code_choices
from orders.models import DeliveryStatus, Line, Order, PaymentStatus, RefundPayment, ReturnReason
from orders.models.order import GIVES_BACK
from orders.phones import e164

KINDS = [("orders", _("Without returns")), ("returns", _("Returns only"))]

ORDERS = Facts(Order)
SALES = Q(is_refund=False)
PAID = F("paid_cash") + F("paid_cashless")
TAKEN_BACK = Facts(RefundPayment, "refund__order", ~Q(Exists(refunds.MADE_HERE)))

ORDERS_COUNT = Measure("orders", _("Orders"), ORDERS, Count("pk"), help=_("Returns are orders of their own."))
RETURNS_COUNT = Measure("returns", _("Returns"), ORDERS, Count("pk", filter=~SALES))
AMOUNT = Measure("amount", _("Sum before discounts"), ORDERS, Sum("amount_to_pay", filter=SALES), MONEY)
DISCOUNTS = Measure("discounts", _("Discounts"), ORDERS, Sum("discounts", filter=SALES), MONEY)
DUE = Measure("due", _("Sum"), ORDERS, Sum(F("amount_to_pay") + F("discounts"), filter=SALES), MONEY)
COLLECTED = Measure(
    "collected",
    _("Collected"),
    ORDERS,
    Sum(PAID, filter=SALES),
    MONEY,
    help=_("Payments that iRECA told, of any form."),
)
PAID_BACK_SUM = Measure("paid_back", _("Given back by returns"), ORDERS, Sum(PAID, filter=GIVES_BACK), MONEY)
TAKEN_BACK_SUM = Measure("taken_back", _("Given back in the app"), TAKEN_BACK, Sum(Abs("sum")), MONEY)
RETURNED = Derived("returned", _("Returned"), ("paid_back", "taken_back"), lambda one, other: one + other, MONEY)
MONEY_OF_ORDERS = (AMOUNT, DISCOUNTS, DUE, COLLECTED, PAID_BACK_SUM, TAKEN_BACK_SUM, RETURNED)


class OrderFilters(ReportFilters):
    """What orders are narrowed by. The period is that in which their delivery windows begin."""

    TIME = "delivery_time_from"
    PERSONAL: tuple[str, ...] = ("client", "postindex")

    source = RowFilter(label=_("Source"), queryset=Source.objects.order_by("title"))
    courier = RowFilter(label=_("Courier"), queryset=Courier.objects.order_by("title"))
    delivery_status = CodeFilter(
        label=_("Delivery"), offer=lambda: code_choices("orderDeliveryStatuses", DeliveryStatus)
    )
    status = CodeFilter(label=_("Payment"), offer=lambda: code_choices("orderStatuses", PaymentStatus))
    payment_type = RowFilter(label=_("Payment type"), queryset=PaymentType.objects.order_by("title"))
    return_reason = RowFilter(label=_("Reason of cancellation"), queryset=ReturnReason.objects.order_by("title"))
    warehouse = django_filters.ModelChoiceFilter(
        label=_("Warehouse"), queryset=Warehouse.objects.order_by("title"), method="of_warehouse"
    )
    city = django_filters.CharFilter(label=_("City"), method="of_city")
    postindex = django_filters.CharFilter(
        label=_("Postal code begins with"), field_name="to_postindex", lookup_expr="startswith"
    )
    client = django_filters.CharFilter(label=_("Client: phone or last name"), method="of_client")
    kind = django_filters.ChoiceFilter(
        label=_("Returns"), choices=KINDS, empty_label=_("With returns"), method="of_kind"
    )
    hour = django_filters.NumberFilter(
        field_name="delivery_time_from", lookup_expr="hour", widget=forms.HiddenInput, label=_("Hour")
    )

    def of_warehouse(self, queryset: QuerySet, name: str, value: Warehouse) -> QuerySet:
        lines = Line.objects.filter(warehouses__warehouse=value)
        return queryset.filter(pk__in=lines.order_by().values("order"))

    def of_city(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(to_city="" if value == NONE else value)

    def of_client(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        if phone := e164(value):
            return queryset.filter(Q(phone_e164=phone) | Q(client__phone_e164=phone))
        return queryset.filter(Q(client__lastname__istartswith=value) | Q(client_lastname__istartswith=value))

    def of_kind(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(is_refund=value == "returns")


def of_some(condition: Q, sum_: Any) -> Case:
    """A sum of an order for its row of the list, where it counts."""
    return Case(When(condition, then=sum_), default=Decimal(0))


def _taken_back() -> Coalesce:
    rows = TAKEN_BACK.model._base_manager.filter(TAKEN_BACK.where, **{TAKEN_BACK.path: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(TAKEN_BACK.path).annotate(sum=Sum(Abs("sum"))).values("sum")), Decimal(0))


def order_url(row: Row, reader: Reader) -> str:
    """The order in the admin, for who may see orders there."""
    if not reader.user.has_perm("orders.view_order"):
        return ""
    return reverse("admin:orders_order_change", args=[row["order_key"]])


def label_of(kind: str, known: Any) -> Any:
    return lambda code: dictionaries.label(kind, code, known)


ADDRESS_TEXT = Case(
    When(to_street="", then=F("to_line")),
    default=Concat("to_street", Value(" "), "to_home", output_field=CharField()),
    output_field=CharField(),
)
NUMBER = Column("number", _("Order number"), "number", url=order_url)
WINDOW = Column("window", _("Deliver from"), "delivery_time_from", formats.MOMENT, may_sort=True)
UNTIL = Column("until", _("Deliver until"), "delivery_time_to", formats.MOMENT)
SOURCE = Column("source", _("Source"), "source__title")
COURIER = Column("courier", _("Courier"), "courier__title")
DELIVERY = Column(
    "delivery", _("Delivery"), "delivery_status", show=label_of("orderDeliveryStatuses", DeliveryStatus), may_sort=True
)
CLIENT = Column("client", _("Client"), "client__lastname", mask=personal.mask_name, is_usual=False)
PHONE = Column("phone", _("Phone"), "phone", mask=personal.mask_phone, is_usual=False)
CITY = Column("city", _("City"), "to_city", is_usual=False)
ADDRESS = Column("address", _("Address"), ADDRESS_TEXT, mask=personal.mask_all, is_usual=False)
PAYMENT_TYPE = Column("payment_type", _("Payment type"), "payment_type__title")
REASON = Column("reason", _("Reason of cancellation"), "return_reason__title", is_usual=False)

COLUMNS = (
    NUMBER,
    WINDOW,
    UNTIL,
    SOURCE,
    COURIER,
    CLIENT,
    PHONE,
    CITY,
    ADDRESS,
    DELIVERY,
    Column("status", _("Payment"), "status", show=label_of("orderStatuses", PaymentStatus)),
    PAYMENT_TYPE,
    REASON,
    Column(
        "amount",
        _("Sum before discounts"),
        Case(When(is_refund=False, then=F("amount_to_pay"))),
        MONEY,
        total="amount",
    ),
    Column("discounts", _("Discounts"), of_some(SALES, F("discounts")), MONEY, total="discounts"),
    Column("collected", _("Collected"), of_some(SALES, PAID), MONEY, total="collected"),
    Column(
        "returned",
        _("Returned"),
        of_some(GIVES_BACK, PAID) + _taken_back(),
        MONEY,
        total="returned",
    ),
    Column("is_refund", _("Is a return"), "is_refund", formats.FLAG, is_usual=False),
)

TIME = "delivery_time_from"
BY_COURIER = dimensions.row("courier", _("Courier"), "courier_id", Courier)
BY_SOURCE = dimensions.row("source", _("Source"), "source_id", Source)
BY_CITY = dimensions.text("city", _("City"), "to_city")
BY_REASON = dimensions.row("return_reason", _("Reason of cancellation"), "return_reason_id", ReturnReason)
DIMENSIONS = (
    dimensions.day(TIME),
    dimensions.week(TIME),
    dimensions.month(TIME),
    dimensions.hour(TIME, _("Hour of the window")),
    BY_COURIER,
    BY_SOURCE,
    dimensions.code("delivery_status", _("Delivery"), "delivery_status", "orderDeliveryStatuses", DeliveryStatus),
    dimensions.code("status", _("Payment"), "status", "orderStatuses", PaymentStatus),
    dimensions.row("payment_type", _("Payment type"), "payment_type_id", PaymentType),
    BY_CITY,
    BY_REASON,
)

REPORT = Report(
    name="orders",
    title=_("Orders"),
    question=_("How many orders, of what sums, collected and returned: by day, courier, source, city, reason."),
    icon="local_shipping",
    right="view_orders",
    rows=Order.objects.all,
    filters=OrderFilters,
    columns=COLUMNS,
    figures=(ORDERS_COUNT, RETURNS_COUNT, *MONEY_OF_ORDERS),
    dimensions=DIMENSIONS,
)
