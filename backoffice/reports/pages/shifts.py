"""Couriers' days: the way, the hours on shift, the errors of devices. Rows are days that `days.py` counted."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import CharField, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from backoffice.reports import dimensions, formats
from backoffice.reports.cube import COUNT, MINUTES, NUMBER, Derived, Facts, Measure, quotient
from backoffice.reports.filters import ReportFilters, RowFilter
from backoffice.reports.links import day_column
from backoffice.reports.models import CourierDay
from backoffice.reports.report import Column, Report
from couriers.models import Courier

DAYS = Facts(CourierDay)
ERRORS = F("registrar_errors") + F("terminal_errors")
KINDS: dict[str, tuple[Any, Q]] = {
    "errors": (_("with errors of devices"), Q(registrar_errors__gt=0) | Q(terminal_errors__gt=0)),
    "no_session": (_("positions without a session"), Q(minutes_on_shift=0, positions__gt=0)),
    "no_positions": (_("on shift without positions"), Q(minutes_on_shift__gt=0, positions=0)),
}


class ShiftFilters(ReportFilters):
    TIME = "day"

    courier = RowFilter(label=_("Courier"), queryset=Courier.objects.order_by("title"))
    kind = django_filters.ChoiceFilter(
        label=_("Days"), choices=[(name, title) for name, (title, _days) in KINDS.items()], method="of_kind"
    )

    def of_kind(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(KINDS[value][1])


REPORT = Report(
    name="shifts",
    title=_("Couriers' days"),
    question=_("How far each courier went, how long he was on shift, and what errors his devices had."),
    icon="route",
    right="view_orders",
    rows=CourierDay.objects.all,
    filters=ShiftFilters,
    columns=(
        day_column("courier_id", Cast("day", CharField())),
        Column("courier", _("Courier"), "courier__title"),
        Column("kilometres", _("Distance, km"), "kilometres", NUMBER, total="kilometres", may_sort=True),
        Column("gap_kilometres", _("Across gaps, km"), "gap_kilometres", NUMBER, total="gap_kilometres"),
        Column("on_shift", _("On shift"), "minutes_on_shift", MINUTES, total="on_shift", may_sort=True),
        Column("positions", _("Positions"), "positions", COUNT, total="positions"),
        Column("registrar_errors", _("Registrar errors"), "registrar_errors", COUNT, total="registrar_errors"),
        Column("terminal_errors", _("Terminal errors"), "terminal_errors", COUNT, total="terminal_errors"),
        Column("counted_at", _("Counted at"), "counted_at", formats.MOMENT, is_usual=False),
    ),
    figures=(
        Measure(
            "days",
            _("Days"),
            DAYS,
            Count("pk"),
            help=_(
                "Days of couriers of whom positions, sessions or errors are known. Today and yesterday are counted "
                "anew every five minutes."
            ),
        ),
        Measure("couriers", _("Couriers"), DAYS, Count("courier", distinct=True), is_additive=False),
        Measure(
            "kilometres",
            _("Distance, km"),
            DAYS,
            Sum("kilometres"),
            NUMBER,
            help=_("Along the positions of devices, without gaps of more than 10 minutes; each day to a tenth."),
        ),
        Measure(
            "gap_kilometres",
            _("Across gaps, km"),
            DAYS,
            Sum("gap_kilometres"),
            NUMBER,
            help=_("Straight across the gaps between positions: he went at least that far besides."),
        ),
        Derived("km_a_day", _("Km a day"), ("kilometres", "days"), quotient),
        Measure(
            "on_shift",
            _("On shift"),
            DAYS,
            Sum("minutes_on_shift"),
            MINUTES,
            help=_("Time with an open session in the app; sessions at the same time on two devices count once."),
        ),
        Derived("shift_a_day", _("On shift a day"), ("on_shift", "days"), quotient, MINUTES),
        Measure("positions", _("Positions"), DAYS, Sum("positions")),
        Measure("registrar_errors", _("Registrar errors"), DAYS, Sum("registrar_errors")),
        Measure("terminal_errors", _("Terminal errors"), DAYS, Sum("terminal_errors")),
        Measure("errors", _("Errors of devices"), DAYS, Sum(ERRORS)),
    ),
    dimensions=(
        dimensions.day("day", is_date=True),
        dimensions.week("day"),
        dimensions.month("day"),
        dimensions.row("courier", _("Courier"), "courier_id", Courier),
    ),
    source="",
    time="day",
    order=("-day", "-pk"),
    usual_by="courier",
    usual_chart="kilometres",
)
