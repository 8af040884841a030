"""Lists over large tables: a paginator that never counts a million rows, stable pages, no hidden full counts."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.translation import gettext as _

from backoffice.sync.admin.export import ExportMixin

CAP = 10_000


class CappedPaginator(Paginator):
    """Counts up to CAP rows. Rows beyond are reached by filters and search, as nobody turns two hundred pages."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[:CAP].count()
        return super().count


class BigTableMixin(ExportMixin, ModelAdmin):
    """Options of a changelist that stays fast however many rows there are."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0

    def response_action(self, request: HttpRequest, queryset: QuerySet, *args: Any) -> HttpResponse | None:
        """Refuse "all that match" where their number was not counted: one would act on more than the page says."""
        if request.POST.get("select_across") == "1" and queryset.order_by()[: CAP + 1].count() > CAP:
            text = _("More than %(cap)s rows match. Narrow the list with filters before acting on all of them.")
            messages.error(request, text % {"cap": CAP})
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args)


def tell(request: HttpRequest, level: int, lines: list[Any]) -> None:
    """One message of several lines."""
    if lines:
        messages.add_message(request, level, format_html_join("", "<div>{}</div>", ((line,) for line in lines)))
