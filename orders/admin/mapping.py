"""What a source's codes mean here: which of them wait for a person, and what he says."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RelatedDropdownFilter

from backoffice.sync.admin.base import EditableAdmin
from backoffice.sync.admin.labels import badge
from orders.models import Mapping
from orders.virtpos.reapplying import reapply


class WaitingFilter(DropdownFilter):
    title, parameter_name = gettext_lazy("means"), "waits"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("1", gettext_lazy("Waits for a person")), ("0", gettext_lazy("Is known"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Mapping]) -> QuerySet[Mapping]:
        if self.value() == "1":
            return queryset.filter(Mapping.WAITING)
        return queryset.exclude(Mapping.WAITING) if self.value() == "0" else queryset


@admin.register(Mapping)
class MappingAdmin(EditableAdmin):
    """Rows come by themselves, with the orders that name them. What waits comes first."""

    list_before_template = "admin/sync/list_note.html"
    list_display = ("shown_title", "kind", "external_id", "means", "source", "seen_at")
    list_display_links = ("shown_title",)
    list_select_related = ("source", "good", "warehouse", "payment_type")
    list_filter = (
        WaitingFilter,
        ("kind", ChoicesDropdownFilter),
        ("source", RelatedDropdownFilter),
    )
    search_fields = ("title", "external_id__exact")
    search_help_text = gettext_lazy("Title or id there")
    autocomplete_fields = ("good", "warehouse", "payment_type")
    readonly_fields = ("source", "kind", "external_id", "title", "seen_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # the list

    def get_queryset(self, request: HttpRequest) -> QuerySet[Mapping]:
        waits = Case(When(Mapping.WAITING, then=Value(0)), default=Value(1), output_field=IntegerField())
        # Not the base's, which would order by what is not there yet.
        return Mapping.objects.annotate(rank=waits).order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("rank", "kind", "title", "id")

    @property
    def list_note(self) -> str:
        """What the list says above its rows."""
        count = Mapping.objects.filter(Mapping.WAITING).count()
        if not count:
            return ""
        return ngettext("%(count)d code waits for a person.", "%(count)d codes wait for a person.", count) % {
            "count": count
        }

    @admin.display(description=gettext_lazy("title there"), ordering="title")
    def shown_title(self, row: Mapping) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("means here"), ordering="rank")
    def means(self, row: Any) -> str:
        if not row.rank:
            return badge(_("Waits for a person"), "warning")
        return row.get_delivery_display() if row.kind == Mapping.Kind.DELIVERY else str(row.target)

    # the form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        target = [Mapping.TARGETS[Mapping.Kind(obj.kind)], "row_state"] if obj is not None else []
        return [("title", "external_id"), ("kind", "source"), *target, "seen_at"]

    def save_model(self, request: HttpRequest, obj: Mapping, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not form.columns():
            return
        applied = reapply([obj])
        text = ngettext(
            "%(count)d order that has not left yet was looked at again.",
            "%(count)d orders that have not left yet were looked at again.",
            applied.updated,
        )
        messages.info(request, text % {"count": applied.updated})
        if applied.conflicts:
            messages.warning(
                request,
                ngettext(
                    "%(count)d of them was changed here too: a person must decide.",
                    "%(count)d of them were changed here too: a person must decide.",
                    applied.conflicts,
                )
                % {"count": applied.conflicts},
            )
        for problem in applied.bad[:20]:
            messages.error(request, problem)
