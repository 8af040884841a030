"""Delivery quality: punctuality by hour and area, windows at risk, reasons of cancellation, deliveries far away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import django_filters
from django import forms
from django.db.models import Count, F, IntegerField, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backoffice.reports import dimensions
from backoffice.reports.cube import COUNT, PERCENT, Derived, Measure, percentage
from backoffice.reports.delivery import (
    CANCELLED,
    DELIVERED_AT,
    DONE,
    LATE_BY,
    LEFT,
    ON_TIME,
    OUTCOME_CHOICES,
    OUTCOMES,
    DeliveryFilters,
    Epoch,
    metres_away,
)
from backoffice.reports.filters import NONE
from backoffice.reports.pages.couriers import DAY_OF_COURIER
from backoffice.reports.pages.orders import (
    ADDRESS,
    CITY,
    COURIER,
    DELIVERY,
    DIMENSIONS,
    NUMBER,
    ORDERS,
    ORDERS_COUNT,
    REASON,
    SALES,
    SOURCE,
    UNTIL,
    WINDOW,
)
from backoffice.reports.report import Column, Report
from backoffice.sync import personal
from orders.conditions import IS_AWAITED, RISK
from orders.models import Order

FAR = 300  # metres, where nobody says otherwise
CLOSE_CALL = 15  # minutes before the end of a window

# What is delivered and not closed yet was on time or late already.
OPEN = SALES & IS_AWAITED
CLOSE = ON_TIME & Q(seconds_left__lt=CLOSE_CALL * 60)
ENDS_SOON = OPEN & Q(seconds_to_go__gte=0, seconds_to_go__lt=int(RISK.total_seconds()))
OVERDUE = OPEN & Q(delivery_time_to__lt=Now())
PLACED = DONE & Q(away__isnull=False)
BEYOND = DONE & Q(away__gt=F("beyond"))
WITHOUT_REASON = CANCELLED & Q(return_reason__isnull=True)


def rows() -> QuerySet:
    """Orders with what is asked of each: metres from the address, seconds left at the delivery, seconds still to go."""
    to_go = Epoch("delivery_time_to") - Epoch(Now())
    return Order.objects.annotate(away=metres_away(), seconds_left=LEFT, seconds_to_go=to_go)


class QualityFilters(DeliveryFilters):
    """Outcomes that ask for more, exact postal codes, and what is called far. `beyond` is on every row."""

    PERSONAL = (*DeliveryFilters.PERSONAL, "area")
    OUTCOMES: dict[str, tuple[Any, Q]] = {
        **OUTCOME_CHOICES,
        "close": (_("Close to the end"), CLOSE),
        "ends_soon": (_("Ends soon"), ENDS_SOON),
        "overdue": (_("Overdue now"), OVERDUE),
        "far": (_("Far from the address"), BEYOND),
    }

    outcome = django_filters.ChoiceFilter(
        label=_("Outcome"),
        choices=[(name, title) for name, (title, _condition) in OUTCOMES.items()],
        method="of_outcome",
    )
    beyond = django_filters.NumberFilter(
        label=_("Far is more than, metres"),
        method="unused",
        min_value=1,
        max_value=1_000_000,
        decimal_places=0,
        widget=forms.NumberInput({"placeholder": str(FAR), "min": 1}),
    )
    area = django_filters.CharFilter(label=_("Postal code"), method="of_area")

    def of_area(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(to_postindex="" if value == NONE else value)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        beyond = int(self.form.cleaned_data.get("beyond") or FAR)
        return super().filter_queryset(queryset.annotate(beyond=Value(beyond, IntegerField())))


BY_AREA = dimensions.text("area", _("Postal code"), "to_postindex", is_personal=True)

REPORT = Report(
    name="quality",
    title=_("Delivery quality"),
    question=_("On time by hour and area, windows at risk, why orders are cancelled, what is delivered far away."),
    icon="verified",
    right="view_orders",
    rows=rows,
    filters=QualityFilters,
    columns=(
        NUMBER,
        COURIER,
        DAY_OF_COURIER,
        WINDOW,
        UNTIL,
        DELIVERED_AT,
        LATE_BY,
        Column("away", _("Metres from the address"), "away", COUNT, may_sort=True),
        DELIVERY,
        REASON,
        SOURCE,
        replace(CITY, is_usual=True),
        Column("postindex", _("Postal code"), "to_postindex", mask=personal.mask_all),
        ADDRESS,
    ),
    figures=(
        ORDERS_COUNT,
        *OUTCOMES,
        Derived(
            "cancelled_share",
            _("Cancelled, %"),
            ("delivered", "cancelled"),
            lambda delivered, cancelled: percentage(cancelled, delivered + cancelled),
            PERCENT,
            help=_("Of those that are either delivered or cancelled."),
        ),
        Measure("no_reason", _("Cancelled without a reason"), ORDERS, Count("pk", filter=WITHOUT_REASON)),
        Measure(
            "close",
            _("Close to the end"),
            ORDERS,
            Count("pk", filter=CLOSE),
            help=_("On time, but less than 15 minutes before the end of the window."),
        ),
        Measure(
            "ends_soon",
            _("Ends soon"),
            ORDERS,
            Count("pk", filter=ENDS_SOON),
            help=_("Not delivered yet, and the window ends within 30 minutes."),
        ),
        Measure(
            "overdue",
            _("Overdue now"),
            ORDERS,
            Count("pk", filter=OVERDUE),
            help=_("Not delivered yet, and the window is over."),
        ),
        Measure(
            "placed",
            _("Place of delivery known"),
            ORDERS,
            Count("pk", filter=PLACED),
            help=_("Delivered orders of which both the address and the place of delivery have coordinates."),
        ),
        Measure(
            "far",
            _("Far from the address"),
            ORDERS,
            Count("pk", filter=BEYOND),
            help=_(
                "Delivered further from the address than the filter says, 300 metres by itself. The distance is "
                "straight, less than 1 % off within 50 km."
            ),
        ),
        Derived("far_share", _("Far, %"), ("far", "placed"), percentage, PERCENT),
    ),
    dimensions=(*DIMENSIONS, BY_AREA),
    usual_by="hour",
    usual_chart="on_time_share",
)
