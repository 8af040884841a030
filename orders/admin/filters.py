"""Filters of the order list. Each narrows by an indexed column, and none reads the table to offer its choices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateFilter

from backoffice.sync import dictionaries
from backoffice.sync.admin.filters import parse_day
from backoffice.sync.mirrored import SyncState
from backoffice.values import whole_number, whole_numbers
from orders import conditions, duplicates, fiscal_control
from orders.models import DeliveryStatus, Hold, Line, PaymentStatus


def code_choices(kind: str, known: Any, *, current: int | None = None) -> list[tuple[int, str]]:
    """Our codes, the remote's and the one that is there now, each with its label."""
    codes = {*known.values, *whole_numbers(dictionaries.titles(kind))}
    if current is not None:
        codes.add(current)
    return [(code, dictionaries.label(kind, code, known)) for code in sorted(codes)]


class CodeFilter(DropdownFilter):
    """By a code of the remote, with the label that a dictionary gives it."""

    kind: str
    known: Any

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(code), label) for code, label in code_choices(self.kind, self.known)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value():
            return queryset
        if (code := whole_number(self.value())) is None:
            raise IncorrectLookupParameters
        return queryset.filter(**{self.parameter_name: code})


class DeliveryFilter(CodeFilter):
    title, parameter_name = _("delivery"), "delivery_status"
    kind, known = "orderDeliveryStatuses", DeliveryStatus


class HoldFilter(DropdownFilter):
    """What stays here, from a partial index."""

    title, parameter_name = _("on its way"), "hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("any", _("stays here")), *((hold.value, hold.label) for hold in Hold if hold.value)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "any":
            return queryset.filter(conditions.IS_OPEN).exclude(hold="")
        return queryset.filter(hold=self.value()) if self.value() else queryset


class PaymentFilter(CodeFilter):
    title, parameter_name = _("payment"), "status"
    kind, known = "orderStatuses", PaymentStatus


class DayFilter(DropdownFilter):
    """The day of the window, for the days that a dispatcher works on."""

    title, parameter_name = _("day"), "day"
    DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("yesterday", _("Yesterday")),
            ("late", _("Late: the window is over and the order is open")),
            ("at_risk", _("At risk: the window ends within 30 minutes and the order is open")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        now = timezone.now()
        if self.value() == "late":
            return queryset.filter(conditions.late(now))
        if self.value() == "at_risk":
            return queryset.filter(conditions.at_risk(now))
        if self.value() not in self.DAYS:
            return queryset
        return queryset.filter(conditions.of_day(timezone.localdate(now) + timedelta(days=self.DAYS[self.value()])))


class AttentionFilter(DropdownFilter):
    """What must not be forgotten."""

    title, parameter_name = _("attention"), "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("no_courier", _("Open, without a courier")),
            ("to_collect", _("Open, to be paid")),
            ("to_agree", _("Open, not agreed with the client")),
            ("register", _("Trouble at its register service")),
            ("problems", _("Refused, in conflict, or in trouble at its register service")),
            ("no_receipt", _("Paid and closed, without a receipt")),
            ("marked_twice", _("A marking code that is sold twice")),
            ("duplicates", _("Possible duplicates, windows from yesterday on")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        found = {
            "no_courier": Q(courier__isnull=True) & conditions.IS_OPEN,
            "to_collect": conditions.TO_COLLECT,
            "to_agree": Q(is_agreed=False) & conditions.IS_OPEN,
            "problems": conditions.problems(),
            "register": Q(origin__sync_state__in=(SyncState.CONFLICT, SyncState.FAILED)),
            "no_receipt": conditions.NO_RECEIPT,
            "marked_twice": Q(pk__in=Line.objects.marked_twice().order_by().values("order")),
            "duplicates": duplicates.since(conditions.day_start(timezone.localdate() - _DAY)),
        }
        condition = found.get(self.value() or "")
        return queryset.filter(condition) if condition is not None else queryset


class FiscalFilter(DropdownFilter):
    """The queues of the page Fiscal control; of one age where FiscalAgeFilter says so."""

    title, parameter_name = _("fiscal control"), "fiscal"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(queue.name, queue.title) for queue in fiscal_control.QUEUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        queue = fiscal_control.BY_NAME.get(self.value() or "")
        if queue is None:
            return queryset
        age = fiscal_control.AGE_BY_NAME.get(request.GET.get(FiscalAgeFilter.parameter_name, ""))
        return queue.orders(queryset, timezone.now(), age)


class FiscalAgeFilter(DropdownFilter):
    """How long an order has been in its queue. Each queue ages in its own way, so FiscalFilter does the work."""

    title, parameter_name = _("fiscal control: age"), "fiscal_age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(age.name, age.title) for age in fiscal_control.AGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset


class WindowFilter(RangeDateFilter):
    """Days of the window, both of them included."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first = parse_day(self.used_parameters.get(f"{self.parameter_name}_from"))
        last = parse_day(self.used_parameters.get(f"{self.parameter_name}_to"))
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": conditions.day_start(first)})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": conditions.day_start(last + _DAY)})
        return queryset


_DAY = timedelta(days=1)
