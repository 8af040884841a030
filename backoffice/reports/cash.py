"""Cash of couriers: who took how much in a period, handed in how much, and has what in hand; and one courier's ledger.

These pages are no report of the frame, whose figures are counted from one list of rows: a ledger is of three tables and
runs on from a balance. The figures are those of `orders/cash_ledger.py`; what stands around them is the frame's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from backoffice import spreadsheets
from backoffice.reports import exports, formats, subscriptions
from backoffice.reports.access import Reader, for_readers
from backoffice.reports.cube import MONEY
from backoffice.reports.pages.cash import COLUMNS, COURIER, FIGURES, PAGE, Asked, name_of, together
from backoffice.reports.report import page_of
from backoffice.reports.tables import Cell, Head, Line, share_of, sortable
from backoffice.sync.admin.export import counted
from couriers.models import Courier
from orders import cash_ledger
from orders.cash_ledger import NOBODY, Balance, Entry, Ledger


def _asked(request: HttpRequest, reader: Reader) -> Asked:
    if not PAGE.may_be_seen_by(reader):
        raise PermissionDenied
    return Asked(reader, request.GET)


def _context(request: HttpRequest, asked: Asked, title: Any) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "report": PAGE,
        "reader": asked.reader,
        "form": asked.filters.form,
        "query": asked.query.urlencode(),
        "may_record": request.user.has_perm("fiscal.add_cashhandover"),
    }


@require_safe
@for_readers
def couriers(request: HttpRequest, reader: Reader) -> HttpResponse:
    """All couriers with their balances."""
    asked = _asked(request, reader)
    context = _context(request, asked, PAGE.title) | {
        "views": reader.views(page_of(PAGE)),
        "may_share": reader.may_share,
        **subscriptions.context(reader, PAGE),
    }
    if not asked.is_valid:
        return TemplateResponse(request, "reports/cash.html", context, status=400)
    found = asked.balances()
    sums = together(found)
    context |= {
        "days": asked.days,
        "asked": {"by": {"title": COURIER}, "chart": None},
        "is_grouped": True,
        "figures": [(figure, formats.written(sums[figure.name], figure.kind)) for figure in FIGURES],
        "notes": [figure for figure in COLUMNS if figure.help],
        "heads": [sortable(figure.title, asked.query, figure.name, now=asked.sort) for figure in COLUMNS],
        "lines": list(_lines(asked, found)),
        "foot": [formats.written(sums[figure.name], figure.kind) if figure in FIGURES else "" for figure in COLUMNS],
    }
    return TemplateResponse(request, "reports/cash.html", context)


def _lines(asked: Asked, found: Sequence[Balance]) -> Iterator[Line]:
    drawn = asked.sort.lstrip("-")
    longest = max((each.of(balance) for balance in found for each in FIGURES if each.name == drawn), default=Decimal(0))
    first, last = asked.days
    days = urlencode({"since": first.isoformat(), "until": last.isoformat()})
    for balance in found:
        key = balance.courier.pk if balance.courier is not None else NOBODY
        cells = [
            Cell(
                formats.written(figure.of(balance), figure.kind),
                is_number=True,
                share=share_of(figure.of(balance), longest) if figure.name == drawn and figure in FIGURES else None,
                is_alarming=figure.is_alarming(balance),
            )
            for figure in COLUMNS
        ]
        yield Line(cells, Cell(name_of(balance.courier), f"{reverse('report-cash-courier', args=[key])}?{days}"))


def _for_a_file(request: HttpRequest, reader: Reader, kind: str) -> Asked:
    asked = _asked(request, reader)
    if not reader.may_export:
        raise PermissionDenied
    if kind not in spreadsheets.TYPES or not asked.is_valid:
        raise Http404
    return asked


# one courier

PER_PAGE = 200  # entries

HEADS = (
    (gettext_lazy("When"), False),
    (gettext_lazy("What"), False),
    (gettext_lazy("Order or act"), False),
    (gettext_lazy("Collected in cash"), True),
    (gettext_lazy("Given back in cash"), True),
    (gettext_lazy("Handed in"), True),
    (gettext_lazy("In hand"), True),
    (gettext_lazy("Note"), False),
)


@require_safe
@for_readers
def one(request: HttpRequest, reader: Reader, courier: int) -> HttpResponse:
    """The ledger of a courier, or of what has none (NOBODY)."""
    asked = _asked(request, reader)
    person = _courier(courier)
    context = _context(request, asked, name_of(person)) | {"courier": person, "export": "report-cash-courier-export"}
    if not asked.is_valid:
        return TemplateResponse(request, "reports/cash_ledger.html", context | {"key": courier}, status=400)
    ledger = cash_ledger.ledger(courier, *asked.moments)
    shown = Paginator(ledger.entries, PER_PAGE).get_page(asked.query.get("page"))
    balance = ledger.balance
    context |= {
        "key": courier,
        "days": asked.days,
        "figures": [(figure, formats.written(figure.of(balance), figure.kind)) for figure in COLUMNS],
        "is_over": balance.is_over(balance.now),
        "may_record": context["may_record"] and person is not None,
        "heads": [Head(title, is_number) for title, is_number in HEADS],
        "lines": [_entry_line(each, balance, reader) for each in shown.object_list],
        "notes": [figure for figure in COLUMNS if figure.help],
        "paging": shown,
        "pages": _pages(asked, shown),
    }
    return TemplateResponse(request, "reports/cash_ledger.html", context)


def _courier(pk: int) -> Courier | None:
    if pk == NOBODY:
        return None
    person = Courier._base_manager.filter(pk=pk).first()
    if person is None:
        raise Http404
    return person


def _entry_line(entry: Entry, balance: Balance, reader: Reader) -> Line:
    def money(sum_: Decimal, *, is_alarming: bool = False, is_kept: bool = False) -> Cell:
        text = formats.written(sum_, MONEY) if sum_ or is_kept else ""
        return Cell(text, is_number=True, is_alarming=is_alarming)

    document, address = _document(entry, reader)
    return Line(
        [
            Cell(formats.written(entry.at, formats.MOMENT)),
            Cell(_what(entry)),
            Cell(document, address),
            money(entry.collected),
            money(entry.returned),
            money(entry.handed_in),
            money(entry.balance, is_alarming=balance.is_over(entry.balance), is_kept=True),
            Cell(entry.act.note if entry.act is not None else ""),
        ]
    )


def _what(entry: Entry) -> str:
    if entry.act is not None:
        return _("Handed in") if entry.act.reverses_id is None else _("Counter entry")
    return _("Given back") if entry.returned else _("Collected")


def _document(entry: Entry, reader: Reader) -> tuple[str, str]:
    """What an entry is of, and where it is looked at, for who may."""
    if entry.act is not None:
        text = _("act %(number)s") % {"number": entry.act}
        return text, reverse("fiscal-cash-act", args=[entry.act.pk]) if reader.user.has_perm(
            "fiscal.view_cashhandover"
        ) else ""
    may = reader.user.has_perm("orders.view_order")
    return entry.order, reverse("admin:orders_order_change", args=[entry.order_id]) if may else ""


def _pages(asked: Asked, shown: Any) -> dict[str, str]:
    def at(number: int) -> str:
        return asked.address(page=str(number))

    found = {}
    if shown.has_previous():
        found["previous"] = at(shown.previous_page_number())
    if shown.has_next():
        found["next"] = at(shown.next_page_number())
    return found


@require_safe
@for_readers
def export_one(request: HttpRequest, reader: Reader, courier: int, kind: str) -> HttpResponseBase:
    asked = _for_a_file(request, reader, kind)
    person = _courier(courier)
    ledger = cash_ledger.ledger(courier, *asked.moments)
    header = [str(title) for title, _is_number in HEADS]
    log = exports.note(reader, f"{PAGE.title}: {name_of(person)}", kind, query=request.GET.urlencode())
    rows = counted(log, _entry_rows(ledger, reader))
    first, last = asked.days
    file = f"cash-{courier}-{first:%Y-%m-%d}-{last:%Y-%m-%d}"
    return spreadsheets.response(file, header, rows, kind, sheet_title=name_of(person))


def _entry_rows(ledger: Ledger, reader: Reader) -> Iterator[list[Any]]:
    for entry in ledger.entries:
        sums = (entry.collected, entry.returned, entry.handed_in, entry.balance)
        note = entry.act.note if entry.act is not None else ""
        yield [entry.at, _what(entry), _document(entry, reader)[0], *sums, note]
