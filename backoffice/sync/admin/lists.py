"""Lists over large tables: a paginator that never counts a million rows, stable pages, no hidden full counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters, ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from unfold import admin as unfold
from unfold.decorators import display
from unfold.templatetags import unfold_list
from unfold.views import ChangeList

from backoffice.sync import personal
from backoffice.sync.admin.export import ExportMixin
from backoffice.values import row_keys, whole_number

CAP = 10_000
_KEY = "{key}"


class CappedPaginator(Paginator):
    """Counts up to CAP rows. Rows beyond are reached by filters and search, as nobody turns two hundred pages."""

    @cached_property
    def count(self) -> int:
        if isinstance(self.object_list, QuerySet):
            return self.object_list.order_by()[:CAP].count()
        return super().count


class BigChangeList(ChangeList):
    """A list whose headers are made once: unfold makes them all again for each row, a fifth of the time of a page.

    A reference to a row that no column could hold is a wrong filter here; Django would ask the database for it.
    """

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = super().get_filters_params(params)
        for name, values in found.items():
            if name.endswith("__id__exact") and None in map(whole_number, filter(None, values)):
                raise IncorrectLookupParameters
        return found

    sortable_by: Any

    @cached_property
    def headers(self) -> list[dict[str, Any]]:
        self.sortable_by = [name for name in self.sortable_by if self.get_ordering_field(name)]
        return list(_headers_of(self))

    def get_ordering_field(self, field_name: Any) -> Any:
        """Nothing for a column that is masked, whether its header was clicked or the address was written by hand."""
        by = super().get_ordering_field(field_name)
        return None if by and personal.is_hidden() and personal.is_sorted(self.model, by) else by


_headers_of = unfold_list.result_headers


def _headers(cl: ChangeList) -> Iterable[dict[str, Any]]:
    return cl.headers if isinstance(cl, BigChangeList) else _headers_of(cl)


unfold_list.result_headers = _headers  # it offers no other door


class MasksMixin(ModelAdmin):
    """Whoever may not see names and phones may not guess at them by filters, nor by the order of rows."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        if personal.is_hidden() and personal.is_asked(self.model, lookup):
            return False
        return bool(super().lookup_allowed(lookup, value, request))

    def get_ordering(self, request: HttpRequest) -> Any:
        by = super().get_ordering(request)
        is_telling = personal.is_hidden() and any(
            personal.is_sorted(self.model, each) for each in by or self.model._meta.ordering
        )
        return ("pk",) if is_telling else by


class BigTableMixin(ExportMixin, MasksMixin, ModelAdmin):
    """Options of a changelist that stays fast however many rows there are."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    # Templates of Unfold ask each row, and each field of a form, for these. Of what is not there a template of Django
    # lists all names of the admin before it goes on: a twelfth of the page.
    list_sections = ()
    conditional_fields: Mapping[str, str] = MappingProxyType({})

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BigChangeList

    @display(description=unfold.ModelAdmin.action_checkbox.short_description)
    def action_checkbox(self, obj: Model) -> str:
        return mark_safe(_checkbox(get_language()).replace(_KEY, str(obj.pk)))  # noqa: S308  # a number in our own HTML

    def response_action(self, request: HttpRequest, queryset: QuerySet, *args: Any) -> HttpResponse | None:
        """Refuse "all that match" where their number was not counted: one would act on more than the page says.

        What is no key of a row is left out: in Django's own query it would be an error.
        """
        posted = request.POST.copy()
        keys = row_keys(self.model, posted.getlist(ACTION_CHECKBOX_NAME))
        posted.setlist(ACTION_CHECKBOX_NAME, [str(key) for key in keys])
        request.POST = posted  # type: ignore[assignment]  # what a form posted is not to be changed, but may be replaced
        if request.POST.get("select_across") == "1" and queryset.order_by()[: CAP + 1].count() > CAP:
            text = _("More than %(cap)s rows match. Narrow the list with filters before acting on all of them.")
            messages.error(request, text % {"cap": CAP})
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args)


@lru_cache
def _checkbox(language: str | None) -> str:
    """The box that selects a row, with _KEY for its key: but for that it is the same in all rows of a language."""
    return unfold.checkbox.render(ACTION_CHECKBOX_NAME, _KEY)


def tell(request: HttpRequest, level: int, lines: list[Any]) -> None:
    """One message of several lines."""
    if lines:
        messages.add_message(request, level, format_html_join("", "<div>{}</div>", ((line,) for line in lines)))
