"""Any list as a file: what its filters leave, or the chosen rows, in the columns that a person wants.

A list that has a right of its own still asks for two more: to export lists at all, and to export personal data. Each
export is a row of `ExportLog` before its first row leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice import spreadsheets
from backoffice.sync import personal, tables
from backoffice.sync.models import ExportLog
from backoffice.sync.tables import Column
from backoffice.values import row_keys

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

EXPORT, PERSONAL = "sync.export_lists", "sync.export_personal_data"
ACTION = "export_selected"


class ExportMixin(Base):
    """Gives a list its page `export/`, which takes the query of the list, and the action for chosen rows."""

    # access

    def may_export(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(EXPORT)

    def export_columns(self, request: HttpRequest) -> list[Column]:
        """What this person may take out of this list."""
        columns = tables.of(self.model).exported
        if not request.user.has_perm(PERSONAL) or personal.is_hidden():
            columns = [column for column in columns if not column.personal]
        return columns

    # where it is reached

    def get_urls(self) -> list[Any]:
        opts = self.model._meta
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name=f"{opts.app_label}_{opts.model_name}_export"), *super().get_urls()]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if "_popup" not in request.GET and self.may_export(request):
            action: Any = type(self).export_selected
            actions[ACTION] = (action, ACTION, _("Export the chosen ones"))
        return actions

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context: dict[str, Any] = {}
        if request.method == "GET" and self.may_export(request):
            context["export_url"] = f"{self._export_url()}?{request.GET.urlencode()}"
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def _export_url(self) -> str:
        return reverse(f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_export")

    # what it does

    def export_selected(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        """Ask for the columns of these rows."""
        ids = list(queryset.order_by().values_list("pk", flat=True))
        return self._export_page(request, ids=",".join(map(str, ids)), count=len(ids))

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        if not self.may_export(request):
            raise PermissionDenied
        return self._export_file(request) if request.method == "POST" else self._export_page(request)

    def _export_page(self, request: HttpRequest, *, ids: str = "", count: int | None = None) -> HttpResponse:
        opts = self.model._meta
        context = {
            **self.admin_site.each_context(request),
            "title": _("Export: %(what)s") % {"what": tables.of(self.model).title},
            "opts": opts,
            "columns": self.export_columns(request),
            "is_partial": not request.user.has_perm(PERSONAL) or personal.is_hidden(),
            "ids": ids,
            "count": count,
            "is_filtered": bool(request.GET),
            "action_url": f"{self._export_url()}?{request.GET.urlencode()}",
            "back": f"{reverse(f'admin:{opts.app_label}_{opts.model_name}_changelist')}?{request.GET.urlencode()}",
            "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/sync/export.html", context)

    def _export_file(self, request: HttpRequest) -> HttpResponseBase:
        kind = request.POST.get("kind", "")
        if kind not in spreadsheets.TYPES:
            raise Http404
        wanted = set(request.POST.getlist("column"))
        columns = [column for column in self.export_columns(request) if column.name in wanted]
        if not columns:
            messages.error(request, _("Choose at least one column."))
            return HttpResponseRedirect(request.get_full_path())
        table = tables.of(self.model)
        queryset, said = self._export_rows(request)
        log = ExportLog.objects.create(
            user=request.user,  # type: ignore[misc]  # a person: the page asks for rights
            what=table.title,
            query=said,
            columns=[column.name for column in columns],
            kind=kind,
            is_personal=any(column.personal for column in columns),
        )
        rows = counted(log, table.rows(queryset, columns))
        name = f"{table.title} {timezone.localtime():%Y-%m-%d %H-%M}"
        return spreadsheets.response(name, [str(column) for column in columns], rows, kind, sheet_title=table.title)

    def _export_rows(self, request: HttpRequest) -> tuple[QuerySet, str]:
        """The rows, in the order of the list, and how the log names them."""
        if said := request.POST.get("ids"):
            words = said.split(",")
            if len(ids := row_keys(self.model, words)) < len(words):
                raise Http404  # our page says nothing of the kind, and rows that somebody meant are not left out
            queryset = self.get_queryset(request).filter(pk__in=ids)
            return queryset.order_by("pk"), _("%(count)d chosen rows") % {"count": len(ids)}
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise Http404 from error
        return changelist.queryset, request.GET.urlencode()


def counted(log: ExportLog, rows: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The rows, and their number in the log when the last of them was taken."""
    count = 0
    for row in rows:
        yield row
        count += 1
    ExportLog.objects.filter(pk=log.pk).update(row_count=count)
