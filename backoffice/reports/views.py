"""The pages of `/reports/`: the menu, a report, its file. What is asked for is in the address, so that it can be kept,
shared and sent; nothing is changed here but saved views.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backoffice import spreadsheets
from backoffice.reports import charts, exports, subscriptions, tables
from backoffice.reports.access import Reader, for_readers
from backoffice.reports.asked import SHOWN_GROUPS, Asked
from backoffice.reports.cube import Measure
from backoffice.reports.formats import written
from backoffice.reports.registry import MENU, MENU_BY_NAME, ask
from backoffice.reports.report import Column, Page, Report, page_of
from backoffice.sync.admin.export import counted
from orders.models import SavedView

PAGE = 50


def _asked(request: HttpRequest, reader: Reader, name: str) -> Asked:
    entry = _entry(reader, name)
    if not isinstance(entry, Report):
        raise Http404  # it has an address of its own
    return Asked(entry, reader, request.GET)


def _entry(reader: Reader, name: str) -> Report | Page:
    """What stands in the menu under that name."""
    entry = MENU_BY_NAME.get(name)
    if entry is None:
        raise Http404
    if not entry.may_be_seen_by(reader):
        raise PermissionDenied
    return entry


@require_safe
@for_readers
def menu(request: HttpRequest, reader: Reader) -> HttpResponse:
    seen = [report for report in MENU if report.may_be_seen_by(reader)]
    by_page: dict[str, list[SavedView]] = {}
    for view in reader.views(*(page_of(report) for report in seen)):
        by_page.setdefault(view.page, []).append(view)
    context = {
        **admin.site.each_context(request),
        "title": _("Reports"),
        "has_mails": subscriptions.of(reader).exists(),
        "entries": [(report, by_page.get(page_of(report), [])) for report in seen],
    }
    return TemplateResponse(request, "reports/menu.html", context)


@require_safe
@for_readers
def page(request: HttpRequest, reader: Reader, name: str) -> HttpResponse:
    asked = _asked(request, reader, name)
    report = asked.report
    context = {
        **admin.site.each_context(request),
        "title": report.title,
        "report": report,
        "asked": asked,
        "form": asked.filters.form,
        "reader": reader,
        "notes": [figure for figure in report.figures if figure.help],
        "views": reader.views(page_of(report)),
        "query": request.GET.urlencode(),
        "may_share": reader.may_share,
        **subscriptions.context(reader, report),
    }
    if asked.is_valid:
        context |= {"days": asked.filters.days, **_figures(asked), **_chart(asked), **_table(asked)}
        context["sections"] = [(section.template, section.context(asked)) for section in report.sections]
    return TemplateResponse(request, "reports/report.html", context, status=200 if asked.is_valid else 400)


def _figures(asked: Asked) -> dict[str, Any]:
    figures = asked.report.figures
    return {"figures": [(figure, written(asked.totals[figure.name], figure.kind)) for figure in figures]}


def _chart(asked: Asked) -> dict[str, Any]:
    over_time = asked.over_time
    if over_time is None:
        return {}
    points = [
        (str(group.labels[0]), group.values[asked.chart.name], asked.here.narrowed(over_time.narrow(group.keys[0])))
        for group in asked.points
        if group.keys[0] is not None
    ]
    return {"chart": charts.bars(str(asked.chart.title), points, asked.chart.kind)}


def _table(asked: Asked) -> dict[str, Any]:
    if asked.by is None:
        return _list(asked)
    if asked.across is not None and isinstance(asked.chart, Measure):
        return {"pivot": tables.pivot(asked.rows, asked.by, asked.across, asked.chart, asked.here, asked.reader)}
    figures = asked.report.figures
    shown = asked.groups if asked.by.is_time else asked.groups[:SHOWN_GROUPS]
    order, is_descending = asked.order_of_groups
    now = f"-{order}" if is_descending else order
    return {
        "heads": [tables.sortable(each.title, asked.query, each.name, now=now) for each in figures],
        "lines": tables.group_lines(shown, asked.by, figures, asked.here, asked.chart.name, asked.reader),
        "foot": [written(asked.totals[each.name], each.kind) for each in figures],
        "is_grouped": True,
        "cut_at": SHOWN_GROUPS if len(shown) < len(asked.groups) else 0,
    }


def _list(asked: Asked) -> dict[str, Any]:
    columns = asked.columns
    # Counted with the totals, so that no query is made for it.
    paginator = Paginator(tables.listed(asked.ordered, columns, asked.report.order_key), PAGE)
    paginator.__dict__["count"] = asked.totals[asked.report.figures[0].name]
    shown = paginator.get_page(asked.query.get("page"))
    return {
        "heads": [_head(asked, column) for column in columns],
        "lines": tables.list_lines(list(shown.object_list), columns, asked.reader),
        "foot": [_total(asked, column) for column in columns] if any(column.total for column in columns) else [],
        "paging": shown,
        "pages": _pages(asked, shown),
    }


def _total(asked: Asked, column: Column) -> str:
    figure = asked.report.figure(column.total)
    return written(asked.totals[figure.name], figure.kind) if figure is not None else ""


def _head(asked: Asked, column: Column) -> tables.Head:
    if not column.may_sort:
        return tables.Head(column.title, column.is_number)
    now = asked.query.get("sort", "")
    return tables.sortable(column.title, asked.query, column.name, now=now, is_number=column.is_number)


def _pages(asked: Asked, shown: Any) -> dict[str, str]:
    def at(number: int) -> str:
        query = asked.query.copy()
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    found = {}
    if shown.has_previous():
        found["previous"] = at(shown.previous_page_number())
    if shown.has_next():
        found["next"] = at(shown.next_page_number())
    return found


@require_safe
@for_readers
def export(request: HttpRequest, reader: Reader, name: str, kind: str) -> HttpResponseBase:
    """Everything that is filtered, as a file: the list, or the figures by a dimension."""
    asked = ask(_entry(reader, name), reader, request.GET)
    if not reader.may_export:
        raise PermissionDenied
    if kind not in spreadsheets.TYPES or not asked.is_valid:
        raise Http404
    table = asked.table()
    log = exports.log(asked, kind)
    first, last = asked.filters.days
    file = f"{name}-{first:%Y-%m-%d}-{last:%Y-%m-%d}"
    rows = chain(counted(log, iter(table.rows)), table.foot)
    return spreadsheets.response(file, table.header, rows, kind, sheet_title=str(asked.report.title))


# saved views


@require_POST
@for_readers
def save_view(request: HttpRequest, reader: Reader, name: str) -> HttpResponse:
    """Keep the filters under a name: one's own, or for everybody."""
    entry = _entry(reader, name)
    title, query = request.POST.get("title", "").strip(), request.POST.get("query", "")
    if not title or len(title) > 60 or len(query) > 2000:
        messages.error(request, _("A view needs a name of at most 60 characters."))
        return HttpResponseRedirect(f"{_address(entry)}?{query}")
    is_shared = "is_shared" in request.POST and reader.may_share
    key: dict[str, Any] = {"owner_id": request.user.pk, "page": page_of(entry), "title": title}
    SavedView.objects.update_or_create(**key, defaults={"query": query, "is_shared": is_shared})
    messages.success(request, _("Saved as “%(title)s”.") % {"title": title})
    return HttpResponseRedirect(f"{_address(entry)}?{query}")


@require_POST
@for_readers
def delete_view(request: HttpRequest, reader: Reader, name: str, pk: int) -> HttpResponse:
    entry = _entry(reader, name)
    view = reader.views(page_of(entry)).filter(pk=pk).first()
    if view is None:
        raise Http404
    if view.owner_id != request.user.pk and not request.user.has_perm("orders.delete_savedview"):
        raise PermissionDenied
    view.delete()
    messages.success(request, _("The view “%(title)s” was deleted.") % {"title": view.title})
    return HttpResponseRedirect(_address(entry))


def _address(entry: Report | Page) -> str:
    return reverse("report", args=[entry.name])
