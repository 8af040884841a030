"""Shifts of registers: a list by period, register and courier, also as a file, and the accountant's view of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from backoffice import spreadsheets
from backoffice.sync.admin.export import counted
from backoffice.sync.models import ExportLog
from backoffice.values import check_day
from couriers.models import Courier
from fiscal import numbers, shifts
from fiscal.models import CorrectionReceipt, Receipt
from fiscal.shifts import Shift
from orders import conditions, fiscal_sums
from orders.admin.fiscal.base import fiscal_page, page, sheet
from orders.cash import kopecks
from orders.fiscal_sums import Money

EXPORT = "reports.export"  # of a file of figures, wherever it is
WEEK, LONGEST = timedelta(days=7), timedelta(days=92)
LIMIT = 500  # shifts on a page: 25 registers for 20 days
SHOWN, PRINTED = 200, 2000  # receipts on the page of a shift, and on its sheet


class ShiftForm(forms.Form):
    """Which shifts. What is left out narrows nothing; without days, the last week."""

    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        validators=[check_day],
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )
    until = forms.DateField(
        label=gettext_lazy("to"),
        required=False,
        validators=[check_day],
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
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
def shift_list(request: HttpRequest) -> HttpResponseBase:
    """`?export=xlsx` and `?export=csv` are the same list as a file, however long it is: for who may export figures,
    and with a line in the log of exports.
    """
    form = ShiftForm(request.GET)
    query = request.GET.copy()
    kind = "".join(query.pop("export", [])[-1:])
    may_export = request.user.has_perm(EXPORT)
    if kind and not may_export:
        raise PermissionDenied
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
    title = _("Shifts of registers")
    if kind in spreadsheets.TYPES and form.is_valid():
        file = "shifts-{since}-{until}".format(**form.cleaned_data)
        log = ExportLog.objects.create(user=request.user, what=title, kind=kind, query=query.urlencode())  # type: ignore[misc]  # a person: the page asks for rights
        return spreadsheets.response(file, _header(), counted(log, _rows(found)), kind, sheet_title=title)
    shown = found[:LIMIT]
    money = fiscal_sums.by_shift(shown)
    return page(
        request,
        "shifts.html",
        title,
        status=200 if form.is_valid() else 400,
        form=_with_days(form),
        rows=[(shift, money[shift.key]) for shift in shown],
        total=_total(money.values()),
        courier=form.cleaned_data.get("courier"),
        is_cut=len(found) > LIMIT,
        limit=LIMIT,
        query=query.urlencode(),
        may_export=may_export,
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
    context = _facts(request, SHOWN)
    query = {"fn": context["shift"].fn, "shift": context["shift"].number}
    return page(
        request,
        "shift.html",
        context.pop("title"),
        print_url=reverse("fiscal-shift-print", query=query),
        list_url=_list_url(context["shift"]) if request.user.has_perm("reports.view_fiscal") else "",
        **context,
    )


@fiscal_page
def printed(request: HttpRequest) -> HttpResponse:
    """The same for the printer, to be laid beside the register's own report."""
    context = _facts(request, PRINTED)
    return sheet(request, "shift_print.html", context.pop("title"), **context)


def _list_url(found: Shift) -> str:
    """The report of receipts, narrowed to this shift."""
    first, last = (timezone.localdate(moment).isoformat() for moment in (found.since, found.last))
    query = {"since": first, "until": last, "shift": f"{found.fn} / {found.number}", "by": "list"}
    return reverse("report", args=["receipts"], query=query)


def _facts(request: HttpRequest, shown: int) -> dict[str, Any]:
    """With so many of its receipts, the last ones."""
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
    listed = receipts.select_related("order").annotate(sold=fiscal_sums.SOLD, returned=fiscal_sums.RETURNED)
    return {
        "title": _("Shift %(number)s") % {"number": number or "–"},
        "shift": found,
        "first": _edge(receipts, "date_time_receipt"),
        "last": _edge(receipts, "-date_time_receipt"),
        "types": types,
        "total": fiscal_sums.Amount(
            sum((each.amount.sold for each in types), Decimal(0)),
            sum((each.amount.returned for each in types), Decimal(0)),
        ),
        "undivided": fiscal_sums.undivided(receipts),
        "vat": fiscal_sums.by_rate(receipts, timezone.localdate(found.since)),
        "couriers": list(couriers),
        "gaps": gaps[:SHOWN],
        "unseen": sum(gap.unseen for gap in gaps),
        "gaps_url": reverse("fiscal-numbers", query={"fn": fn, "shift": number}),
        "corrections": list(corrections.order_by("command_executed_at")[:SHOWN]) if found.serial else [],
        "receipts": list(listed.order_by("-date_time_receipt", "-pk")[:shown]),
        "shown": shown,
    }


def _edge(receipts: Any, order: str) -> Receipt | None:
    return receipts.filter(date_time_receipt__isnull=False).order_by(order).first()


def _header() -> list[str]:
    return [
        *(_("fiscal drive (FN)"), _("register's serial number"), _("shift"), _("first receipt"), _("last receipt")),
        *(_("hours"), _("receipts of sale"), _("receipts of return"), _("cash"), _("cashless"), _("other")),
        *(_("given back in cash"), _("given back cashless"), _("given back otherwise")),
        *(_("receipts not divided"), _("couriers")),
    ]


def _rows(found: Sequence[Shift]) -> Iterator[list[Any]]:
    """Of a file, LIMIT shifts at a time. Numbers of drives and registers are texts: a spreadsheet would round them."""
    total = Money()
    for start in range(0, len(found), LIMIT):
        some = found[start : start + LIMIT]
        money = fiscal_sums.by_shift(some)
        for shift in some:
            sums = money[shift.key]
            yield [
                *(shift.fn, shift.serial, shift.number, shift.since, shift.last),
                *(Decimal(f"{shift.hours:.1f}"), shift.sales, shift.returns),
                *(*_sums(sums), ", ".join(sums.couriers)),
            ]
        total = _total([total, *money.values()])
    counts = (sum(shift.sales for shift in found), sum(shift.returns for shift in found))
    yield [_("Together"), *[None] * 5, *counts, *_sums(total)]


def _sums(money: Money) -> list[Any]:
    forms = (money.cash, money.cashless, money.other)
    return [*(kopecks(form.sold) for form in forms), *(kopecks(form.returned) for form in forms), money.undivided]
