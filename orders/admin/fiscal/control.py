"""The page *Fiscal control*: queues of orders by age, shifts at work, numbers not seen, errors of devices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.values import whole_number
from couriers.models import Courier
from fiscal import numbers as fiscal_numbers
from fiscal import shifts
from fiscal.models import DeviceError, RegistrarError, TerminalError
from orders import conditions, fiscal_control
from orders.admin.fiscal.base import fiscal_page, page
from orders.dashboard import Figure, by_age

DAYS = fiscal_control.HORIZON.days
PERIODS = (7, DAYS, 92)  # days, offered for numbers
ERROR_DAYS = 7
TOP = 8  # registers and couriers with most errors
PER_PAGE = 100


@fiscal_page
def control(request: HttpRequest) -> HttpResponse:
    """`?all=1` counts the old ones of costly queues too."""
    now, all_years = timezone.now(), request.GET.get("all") == "1"
    gaps = fiscal_numbers.gaps(_printed_within(DAYS))
    return page(
        request,
        "control.html",
        _("Fiscal control"),
        now=now,
        all_years=all_years,
        queues=[
            {"queue": queue, "figures": by_age(queue, counts), "url": _orders(fiscal=queue.name)}
            for queue, counts in fiscal_control.every(now, all_years=all_years)
        ],
        shifts=shifts.at_work(now),
        gaps=gaps,
        registers=[
            {"register": register, "url": _numbers(fn=register.fn)} for register in fiscal_numbers.by_register(gaps)
        ],
        days=DAYS,
        errors=[
            found
            for model in (RegistrarError, TerminalError)
            if request.user.has_perm(f"fiscal.view_{model._meta.model_name}")
            for found in _errors(model)
        ],
        error_days=ERROR_DAYS,
    )


@fiscal_page
def numbers(request: HttpRequest) -> HttpResponse:
    """Gap by gap; `?fn=` of one drive, `?shift=` of one of its shifts, `?days=` how far back."""
    fn, shift = request.GET.get("fn", ""), request.GET.get("shift", "")
    given = whole_number(request.GET.get("days"))
    days = given if given in PERIODS else DAYS
    if fn and "shift" in request.GET:
        within = Q(fn=fn, shift_number=shift)
    else:
        within = _printed_within(days) & (Q(fn=fn) if fn else Q())
    gaps = fiscal_numbers.gaps(within)
    found = Paginator(gaps, PER_PAGE).get_page(request.GET.get("p"))
    return page(
        request,
        "numbers.html",
        _("Numbers not seen here"),
        fn=fn,
        shift=shift,
        is_of_shift="shift" in request.GET,
        gaps=found,
        unseen=sum(gap.unseen for gap in gaps),
        previous=_turned(request, found.previous_page_number()) if found.has_previous() else "",
        next=_turned(request, found.next_page_number()) if found.has_next() else "",
        periods=[(each, _numbers(fn=fn, days=str(each)), each == days) for each in PERIODS],
    )


def _turned(request: HttpRequest, number: int) -> str:
    query = request.GET.copy()
    query["p"] = str(number)
    return f"?{query.urlencode()}"


def _printed_within(days: int) -> Q:
    """Receipts from the midnight that was so many days ago."""
    return Q(date_time_receipt__gte=conditions.day_start(timezone.localdate() - timedelta(days=days)))


def _errors(model: type[DeviceError]) -> list[dict[str, Any]]:
    """The errors of the last days by register and by courier, in two queries and one for the names."""
    since = timezone.localdate() - timedelta(days=ERROR_DAYS - 1)
    name = f"fiscal_{model._meta.model_name}"
    rows = model._base_manager.filter(**{f"{model.TIME}__gte": conditions.day_start(since)}).order_by()
    period = {f"{model.TIME}_from_0": since.isoformat()}

    def top(column: str) -> list[dict[str, Any]]:
        return list(rows.values(column).annotate(count=Count("pk")).order_by("-count", column)[:TOP])

    by_device, by_courier = top("serial_number"), top("courier_id")
    couriers = Courier._base_manager.in_bulk([row["courier_id"] for row in by_courier if row["courier_id"]])
    title = model._meta.verbose_name_plural
    return [
        {
            "title": _("%(what)s by register") % {"what": title},
            "all": _list(name, group="device", **period),
            "figures": [
                Figure(
                    row["serial_number"] or _("not known"),
                    row["count"],
                    _list(name, **period, **_or_empty("serial_number", row["serial_number"], "serial_number__isempty")),
                )
                for row in by_device
            ],
        },
        {
            "title": _("%(what)s by courier") % {"what": title},
            "all": _list(name, group="courier", **period),
            "figures": [
                Figure(
                    str(couriers.get(row["courier_id"], _("not known"))),
                    row["count"],
                    _list(name, **period, **_or_empty("courier__id__exact", row["courier_id"], "courier__isnull")),
                )
                for row in by_courier
            ],
        },
    ]


def _or_empty(parameter: str, value: Any, empty: str) -> dict[str, str]:
    return {parameter: str(value)} if value else {empty: "1"}


def _orders(**query: str) -> str:
    return _list("orders_order", **query)


def _numbers(**query: str) -> str:
    return reverse("fiscal-numbers", query={name: value for name, value in query.items() if value} or None)


def _list(model: str, **query: str) -> str:
    return reverse(f"admin:{model}_changelist", query=query or None)
