"""Devices of couriers: errors of registrars and of bank terminals, and how many licences of the app are in use."""

from __future__ import annotations

from typing import Any

from django.db.models import Avg, Count, F, Max, Min, Q
from django.utils.translation import gettext_lazy as _

from backoffice.reports import dimensions, formats
from backoffice.reports.cube import COUNT, MONEY, NUMBER, PERCENT, Derived, Facts, Measure, percentage
from backoffice.reports.filters import ReportFilters, RowFilter, TextFilter
from backoffice.reports.pages.exchange import hour_filter
from backoffice.reports.report import Column, Report
from couriers.models import Courier, LicenseUsage
from fiscal.models import DeviceError, RegistrarError, TerminalError


class ErrorFilters(ReportFilters):
    """What errors of any device are narrowed by."""

    courier = RowFilter(label=_("Courier"), queryset=Courier.objects.order_by("title"))
    serial_number = TextFilter(label=_("Serial number"))
    error_code = TextFilter(label=_("Code"))
    error_text = TextFilter(label=_("Error"))


class RegistrarFilters(ErrorFilters):
    TIME = RegistrarError.TIME

    hour = hour_filter(RegistrarError.TIME)


class TerminalFilters(ErrorFilters):
    TIME = TerminalError.TIME

    payment_system = TextFilter(label=_("Payment system"))
    hour = hour_filter(TerminalError.TIME)


def _errors(model: type[DeviceError], filters: type[ReportFilters], *more: Column, **values: Any) -> Report:
    """A report of the errors of one kind of devices."""
    facts, time = Facts(model), model.TIME
    by_more = values.pop("by_more", ())
    return Report(
        right="view_sync",
        rows=model._default_manager.all,
        filters=filters,
        columns=(
            Column("at", _("Happened at"), time, formats.MOMENT, may_sort=True),
            Column("courier", _("Courier"), "courier__title"),
            Column("serial_number", _("Serial number"), "serial_number"),
            Column("code", _("Code"), "error_code"),
            Column("error", _("Error"), "error_text"),
            Column("number", _("Order number"), "order__number"),
            *more,
            Column("amount", _("Amount"), "amount", MONEY),
        ),
        figures=(
            Measure("errors", _("Errors"), facts, Count("pk")),
            Measure(
                "devices",
                _("Devices"),
                facts,
                Count("serial_number", distinct=True, filter=~Q(serial_number="")),
                is_additive=False,
            ),
            Measure("couriers", _("Couriers"), facts, Count("courier", distinct=True), is_additive=False),
            Measure(
                "orders",
                _("Orders"),
                facts,
                Count("order_ireca_id", distinct=True, filter=~Q(order_ireca_id="")),
                is_additive=False,
            ),
        ),
        dimensions=(
            dimensions.text("serial_number", _("Device"), "serial_number"),
            dimensions.text("error_code", _("Code"), "error_code"),
            dimensions.text("error_text", _("Error"), "error_text"),
            dimensions.row("courier", _("Courier"), "courier_id", Courier),
            *by_more,
            dimensions.day(time),
            dimensions.week(time),
            dimensions.month(time),
            dimensions.hour(time),
        ),
        source="",
        time=time,
        order=(f"-{time}", "-pk"),
        usual_by="serial_number",
        **values,
    )


REGISTRARS = _errors(
    RegistrarError,
    RegistrarFilters,
    name="registrar-errors",
    title=_("Registrar errors"),
    question=_("Which fiscal registrar fails, with what, in whose hands and when."),
    icon="print_error",
)
TERMINALS = _errors(
    TerminalError,
    TerminalFilters,
    Column("payment_system", _("Payment system"), "payment_system"),
    by_more=(dimensions.text("payment_system", _("Payment system"), "payment_system"),),
    name="terminal-errors",
    title=_("Terminal errors"),
    question=_("Which bank terminal fails, with what, in whose hands and when."),
    icon="credit_card_off",
)

# licences

USAGE = Facts(LicenseUsage)


class LicenceFilters(ReportFilters):
    TIME = "at"

    hour = hour_filter("at")


def _of_usage(name: str, title: Any, aggregate: Any, kind: str = COUNT, help_: Any = "") -> Measure:
    return Measure(name, title, USAGE, aggregate, kind, help_, is_additive=False, nothing=None)


LICENCES = Report(
    name="licences",
    title=_("Licences in use"),
    question=_("How many licences are in use at which hour, of how many; whether there are enough."),
    icon="smartphone",
    right="view_sync",
    rows=lambda: LicenseUsage.objects.all(),
    filters=LicenceFilters,
    columns=(
        Column("at", _("At"), "at", formats.MOMENT, may_sort=True),
        Column("used", _("Used"), "used", COUNT, may_sort=True),
        Column("total", _("Licences in all"), "total", COUNT),
        Column("free", _("Free"), F("total") - F("used"), COUNT),
    ),
    figures=(
        Measure("readings", _("Readings"), USAGE, Count("pk"), help=_("How often iRECA was asked.")),
        _of_usage("most", _("Used at most"), Max("used")),
        _of_usage("average", _("Used on average"), Avg("used"), NUMBER),
        _of_usage("total", _("Total at most"), Max("total")),
        _of_usage("least_free", _("Free at least"), Min(F("total") - F("used"))),
        Derived(
            "share",
            _("Used at most, %"),
            ("most", "total"),
            lambda most, total: percentage(most or 0, total),
            PERCENT,
            help=_("The most that were in use, of the most that there were."),
        ),
    ),
    dimensions=(
        dimensions.hour("at"),
        dimensions.day("at"),
        dimensions.week("at"),
        dimensions.month("at"),
    ),
    source="",
    time="at",
    order=("-at", "-pk"),
    usual_by="hour",
    usual_chart="most",
)

REPORTS = (REGISTRARS, TERMINALS, LICENCES)
