"""Shifts of registers: a list by period, register and courier, also as CSV, and the accountant's view of one."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from couriers.models import Courier
from fiscal import numbers, shifts
from fiscal.models import CorrectionReceipt, Receipt
from fiscal.shifts import Shift
from orders import conditions, fiscal_sums
from orders.admin.fiscal.base import fiscal_page, page
from orders.fiscal_sums import Money

WEEK, LONGEST = timedelta(days=7), timedelta(days=92)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet compute a text
SHOWN = 200  # receipts on the page of a shift


class ShiftForm(forms.Form):
    """Which shifts. What is left out narrows nothing; without days, the last week."""

    since = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    until = forms.DateField(
        label=gettext_lazy("to"), required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    register = forms.CharField(
        label=gettext_lazy("Register or fiscal drive"),
        required=False,
        strip=True,
        widget=UnfoldAdminTextInputWidget(),
    )
    courier = forms.ModelChoiceField(
        Courier.objects.order_by("title", "pk"),
        label=gettext_lazy("Courier"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        today = timezone.localdate()
        until = cleaned.get("until") or today
        since = cleaned.get("since") or until - WEEK
        if until < since:
            self.add_error("until", _("This day is before the first one."))
        elif until - since > LONGEST:
            self.add_error("until", _("At most %(days)s days at a time.") % {"days": LONGEST.days})
        return {**cleaned, "since": since, "until": until}


@fiscal_page
def shift_list(request: HttpRequest) -> HttpResponse:
    """`?export=csv` is the same list as a file."""
    form = ShiftForm(request.GET)
    found: list[Shift] = []
    if form.is_valid():
        courier = form.cleaned_data["courier"]
        found = shifts.find(
            conditions.day_start(form.cleaned_data["since"]),
            conditions.day_start(form.cleaned_data["until"] + timedelta(days=1)),
            timezone.now(),
            register=form.cleaned_data["register"],
            among=Q(order__courier=courier) if courier is not None else None,
        )
    shown = found[: shifts.LIMIT]
    money = fiscal_sums.by_shift(shown)
    rows = [(shift, money[shift.key]) for shift in shown]
    if request.GET.get("export") == "csv" and form.is_valid():
        return _csv(rows, form.cleaned_data["since"], form.cleaned_data["until"])
    query = request.GET.copy()
    query["export"] = "csv"
    return page(
        request,
        "shifts.html",
        _("Shifts of registers"),
        status=200 if form.is_valid() else 400,
        form=_with_days(form),
        rows=rows,
        total=_total(money.values()),
        is_cut=len(found) > shifts.LIMIT,
        limit=shifts.LIMIT,
        export=f"?{query.urlencode()}",
    )


def _with_days(form: ShiftForm) -> ShiftForm:
    """The form, with the days that hold where none were given."""
    if form.is_valid():
        days = {name: form.cleaned_data[name].isoformat() for name in ("since", "until")}
        form.data = {**form.data.dict(), **days}
    return form


def _total(money: Iterable[Money]) -> Money:
    total = Money()
    for each in money:
        total.undivided += each.undivided
        for form, amount in each.forms.items():
            total.forms[form].sold += amount.sold
            total.forms[form].returned += amount.returned
    return total


@fiscal_page
def shift(request: HttpRequest) -> HttpResponse:
    """One shift, `?fn=&shift=`: receipts, money, VAT, couriers, numbers not seen."""
    fn, number = request.GET.get("fn", ""), request.GET.get("shift", "")
    found = shifts.one(fn, number, timezone.now()) if fn else None
    if found is None:
        raise Http404
    receipts = Receipt.objects.filter(fn=fn, shift_number=number).order_by()
    gaps = numbers.gaps(Q(fn=fn, shift_number=number))
    types = fiscal_sums.by_type(receipts)
    corrections = CorrectionReceipt.objects.filter(
        serial_number=found.serial, command_executed_at__range=(found.since, found.last)
    )
    couriers = (
        receipts.values("order__courier", "order__courier__title")
        .annotate(count=Count("pk"))
        .order_by("-count", "order__courier__title")
    )
    return page(
        request,
        "shift.html",
        _("Shift %(number)s") % {"number": number or "–"},
        shift=found,
        first=_edge(receipts, "date_time_receipt"),
        last=_edge(receipts, "-date_time_receipt"),
        types=types,
        total=fiscal_sums.Amount(
            sum((each.amount.sold for each in types), Decimal(0)),
            sum((each.amount.returned for each in types), Decimal(0)),
        ),
        undivided=fiscal_sums.undivided(receipts),
        rates=fiscal_sums.by_rate(receipts, timezone.localdate(found.since)),
        couriers=list(couriers),
        gaps=gaps[:SHOWN],
        unseen=sum(gap.unseen for gap in gaps),
        gaps_url=reverse("fiscal-numbers", query={"fn": fn, "shift": number}),
        corrections=list(corrections.order_by("command_executed_at")[:SHOWN]) if found.serial else [],
        receipts=list(receipts.select_related("order").order_by("-date_time_receipt", "-pk")[:SHOWN]),
        shown=SHOWN,
    )


def _edge(receipts: Any, order: str) -> Receipt | None:
    return receipts.filter(date_time_receipt__isnull=False).order_by(order).first()


def _csv(rows: Sequence[tuple[Shift, Money]], since: date, until: date) -> HttpResponse:
    """In the way that a spreadsheet of the reader's language opens by itself; no cell is a formula."""
    is_russian = (get_language() or "").startswith("ru")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="shifts-{since}-{until}.csv"'
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";" if is_russian else ",")
    header = (
        *(_("fiscal drive (FN)"), _("register's serial number"), _("shift"), _("first receipt"), _("last receipt")),
        *(_("hours"), _("receipts of sale"), _("receipts of return"), _("cash"), _("cashless"), _("other")),
        *(_("given back"), _("receipts not divided"), _("couriers")),
    )
    writer.writerow(header)
    for shift, money in rows:
        writer.writerow(
            [
                *(text(shift.fn), text(shift.serial), text(shift.number)),
                *(f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" for moment in (shift.since, shift.last)),
                *(formats.number_format(shift.hours, 1, use_l10n=True), shift.sales, shift.returns),
                *(_money(amount.sold) for amount in (money.cash, money.cashless, money.other)),
                *(_money(money.total.returned), money.undivided, text(", ".join(money.couriers))),
            ]
        )
    return response


def text(value: str) -> str:
    """A remote's text as a cell that no spreadsheet computes."""
    return f"'{value}" if value.startswith(FORMULA) else value


def _money(value: Decimal) -> str:
    return formats.number_format(value, 2, use_l10n=True)
