"""Sources: what a partner may do, from where and how often; its tokens are in `tokens.py`.

A source that orders came from stays, so that they keep telling where they came from: it is deactivated instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.db.models import Count, Max, ProtectedError, Q, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from backoffice.partners.admin.forms import ScopesField, SourceForm
from backoffice.partners.admin.tokens import SOON, TokensMixin
from backoffice.partners.models import Scope, Source, Token
from backoffice.sync.admin.base import SavesColumnsMixin
from backoffice.sync.admin.labels import badge
from backoffice.sync.admin.lists import CAP, BigTableMixin


class ScopeFilter(admin.SimpleListFilter):
    title = gettext_lazy("allowed actions")
    parameter_name = "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(scope.value, str(capfirst(scope.label))) for scope in Scope]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if (scope := self.value()) is None:
            return queryset
        # SQLite has no `contains` of its own for JSON.
        return queryset.alias(words=Cast("scopes", models.TextField())).filter(words__contains=f'"{scope}"')


class TokensFilter(admin.SimpleListFilter):
    title = gettext_lazy("tokens")
    parameter_name = "tokens"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", _("has a valid one")), ("soon", _("one expires soon")), ("none", _("has no valid one"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        valid = Token.objects.valid()
        if self.value() == "valid":
            return queryset.filter(pk__in=valid.values("source"))
        if self.value() == "soon":
            return queryset.filter(pk__in=valid.filter(expires_at__lt=timezone.now() + SOON).values("source"))
        if self.value() == "none":
            return queryset.exclude(pk__in=valid.values("source"))
        return queryset


@admin.register(Source)
class SourceAdmin(TokensMixin, BigTableMixin, ModelAdmin, SavesColumnsMixin):
    form = SourceForm
    list_display = ("title", "is_active", "scope_badges", "valid_tokens", "last_use", "rate_limit")
    list_filter = ("is_active", ScopeFilter, TokensFilter)
    list_filter_submit = True
    search_fields = ("title__icontains", "description__icontains")
    # Deleting is for one source at a time, on a page that tells what hangs on it.
    actions = None
    change_form_before_template = "admin/sync/row_state.html"
    warn_unsaved_form = True
    fieldsets = (
        (None, {"fields": ("title", "description", "is_active", "waits_for_dispatcher")}),
        (gettext_lazy("What it may do"), {"fields": ("scopes",)}),
        (gettext_lazy("Limits"), {"fields": ("rate_limit", "allowed_networks")}),
    )

    # the list

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return (
            super()
            .get_queryset(request)
            .annotate(
                valid_count=Count("tokens", filter=Q(tokens__in=Token.objects.valid())),
                used_at=Max("tokens__last_used_at"),
            )
        )

    @admin.display(description=gettext_lazy("allowed actions"))
    def scope_badges(self, source: Source) -> str:
        scopes = [value for value in Scope.values if value in source.scopes]
        if not scopes:
            return badge(_("nothing"), "warning")
        badges = [(_("everything"), "")]
        if len(scopes) < len(Scope.values):
            badges = [(scope, str(Scope(scope).label)) for scope in scopes]
        return format_html(
            '<span class="scopes flex flex-wrap gap-1">{}</span>',
            format_html_join("", "{}", ((badge(text, "info", title),) for text, title in badges)),
        )

    @admin.display(description=gettext_lazy("valid tokens"), ordering="valid_count")
    def valid_tokens(self, source: Source) -> int:
        return source.valid_count

    @admin.display(description=gettext_lazy("last used"), ordering="used_at")
    def last_use(self, source: Source) -> Any:
        return source.used_at

    # the form

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> forms.Field | None:
        if db_field.name == "scopes":
            return ScopesField(label=capfirst(db_field.verbose_name), help_text=db_field.help_text)
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "allowed_networks" and field is not None:
            field.widget.attrs["rows"] = 3
        return field

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may only look sees scopes as labels, not as JSON."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        seen: dict[Any, Any] = {"scopes": "scope_badges"}
        return [
            (title, {**options, "fields": [seen.get(name, name) for name in options["fields"]]})
            for title, options in fieldsets
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), "scope_badges")

    # deleting

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # an order has come in since the page looked
            messages.error(request, _("It was not deleted: something refers to it by now."))
            return HttpResponseRedirect(request.get_full_path())

    def get_deleted_objects(
        self, objs: Iterable[Source], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[str]]:
        """Counts instead of Django's list of every single row, which may be a million orders."""
        objs = list(objs)
        protected = [
            f"{capfirst(name)}: {count if count < CAP else f'{CAP}+'}"
            for name, count in _related(objs, models.PROTECT, cap=CAP)
        ]
        counts = {name: count for name, count in _related(objs, models.CASCADE) if count}
        summary = [f"{capfirst(name)}: {count}" for name, count in counts.items()]
        tree: list[Any] = [str(source) for source in objs]
        return [*tree, summary] if summary else tree, {**counts}, set(), protected


def _related(sources: list[Source], on_delete: Callable[..., Any], cap: int | None = None) -> Iterator[tuple[str, int]]:
    """How many rows of each model refer to the sources, by the model's name.

    What hides its rows from the source and goes with it is of no interest to people.
    """
    for relation in Source._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.on_delete is not on_delete:
            continue
        if relation.hidden and on_delete is models.CASCADE:
            continue
        model = relation.related_model
        rows = model._base_manager.filter(**{f"{relation.field.name}__in": sources})
        if count := rows[:cap].count():
            yield str(model._meta.verbose_name_plural), count
