"""Clients: who orders how much, who comes again, who is lost; discount cards.

The rows are orders that name a client. A client is lost for a period that is over when he ordered in it and never after
it.
"""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat, Trim
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.reports import dimensions
from backoffice.reports.cube import COUNT, PERCENT, Derived, Measure, percentage
from backoffice.reports.filters import KeyFilter, days_of
from backoffice.reports.pages import orders
from backoffice.reports.report import Column, Report
from backoffice.sync import personal
from orders.conditions import day_start
from orders.models import Client, DeliveryStatus, DiscountCard, Order

NAME = Trim(Concat("lastname", Value(" "), "firstname", Value(" "), "title", output_field=CharField()))
EARLIER = Order.objects.filter(
    client=OuterRef("client"), is_refund=False, delivery_time_from__lt=OuterRef("delivery_time_from")
)
OTHERS = Order.objects.filter(client=OuterRef("client"), is_refund=False).exclude(pk=OuterRef("pk"))
IS_AGAIN = Q(Exists(EARLIER))
HAS_CARD = Q(client__in=DiscountCard.objects.filter(client__isnull=False, is_deleted=False).values("client"))

AGAIN = Measure("again", _("Repeated orders"), orders.ORDERS, Count("pk", filter=orders.SALES & IS_AGAIN))
# The rest of the sales: asked of the database, each order would be looked up once more.
FIRST = Derived(
    "first",
    _("First orders"),
    ("orders", "returns", "again"),
    lambda all_, returns, again: all_ - returns - again,
    COUNT,
    help=_("Before which the client has no other order, of any year."),
)


class ClientFilters(orders.OrderFilters):
    client_key = KeyFilter(field_name="client")
    which = django_filters.ChoiceFilter(
        label=_("Clients"),
        choices=[
            ("new", _("their first orders")),
            ("again", _("repeated orders")),
            ("once", _("of clients who ordered once")),
            ("lost", _("of clients who have not ordered since")),
            ("card", _("of clients with a discount card")),
        ],
        empty_label=_("all of them"),
        method="of_which",
    )

    def of_which(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        if value == "new":
            return queryset.filter(orders.SALES, ~IS_AGAIN)
        if value == "again":
            return queryset.filter(orders.SALES, IS_AGAIN)
        if value == "once":
            return queryset.filter(orders.SALES, ~Exists(OTHERS))
        if value == "card":
            return queryset.filter(HAS_CARD)
        end = day_start(self.days[1] + dimensions.DAY)
        since = Order.objects.filter(client=OuterRef("client"), is_refund=False, delivery_time_from__gte=end)
        return queryset.filter(~Exists(since))

    def get_form_class(self) -> type[forms.Form]:
        return type("ClientForm", (_ClientForm, super().get_form_class()), {})


class _ClientForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("which") == "lost" and not self.errors and days_of(cleaned)[1] >= timezone.localdate():
            text = _("For these, choose a period that is over: since today nobody can have ordered again.")
            self.add_error("which", text)
        return cleaned


COLUMNS: tuple[Column, ...] = tuple(
    each if each.name not in ("client", "phone") else Column(**{**vars(each), "is_usual": True})
    for each in orders.COLUMNS
    if each.name not in ("until", "reason")
)

REPORT = Report(
    name="clients",
    title=_("Clients"),
    question=_(
        "Of orders that name a client: who orders how much and brings back how much, who comes again, who is lost, "
        "who has a card."
    ),
    icon="group",
    right="view_orders",
    rows=lambda: Order.objects.filter(client__isnull=False),
    filters=ClientFilters,
    columns=COLUMNS,
    figures=(
        orders.ORDERS_COUNT,
        orders.RETURNS_COUNT,
        Measure(
            "clients",
            _("Clients"),
            orders.ORDERS,
            Count("client", distinct=True),
            is_additive=False,
        ),
        AGAIN,
        FIRST,
        Derived(
            "loyal", _("Repeated"), ("again", "first"), lambda again, first: percentage(again, again + first), PERCENT
        ),
        Measure(
            "cancelled",
            _("Cancelled"),
            orders.ORDERS,
            Count("pk", filter=Q(delivery_status=DeliveryStatus.CANCELLED)),
        ),
        Measure("carded", _("With a discount card"), orders.ORDERS, Count("pk", filter=HAS_CARD)),
        *orders.MONEY_OF_ORDERS,
    ),
    dimensions=(
        dimensions.row("client_key", _("Client"), "client_id", Client, NAME, personal.mask_name, is_long=True),
        *(each for each in orders.DIMENSIONS if each.name in ("day", "week", "month", "source", "city")),
    ),
    usual_by="client_key",
    usual_chart="due",
)
