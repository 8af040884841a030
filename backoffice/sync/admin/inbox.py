"""The inbox and the log of HTTP: what remotes posted to us, and every exchange with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync import callbacks
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.filters import PeriodFilter
from backoffice.sync.admin.labels import badge, block, exchanges_of, pretty_body, short
from backoffice.sync.connection import trace_subject
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, Exchange, ExchangeSubject
from backoffice.sync.titles import entity_title

LATEST = 1000  # exchanges that a search finds, at most

KINDS: dict[str, str] = {Callback.State.NEW: "info", Callback.State.DONE: "success", Callback.State.FAILED: "danger"}


@admin.register(Callback)
class CallbackAdmin(ViewOnlyAdmin):
    list_display = ("received_at", "kind_text", "state_badge", "attempts", "outcome")
    list_filter = ("state", ("received_at", PeriodFilter))
    ordering = ("-id",)
    actions = ("process_again",)
    fields = (
        "remote",
        "kind_text",
        "state_badge",
        "received_at",
        "processed_at",
        "attempts",
        "error_text",
        "result",
        "trace_text",
        "body_text",
    )
    readonly_fields = ("kind_text", "state_badge", "error_text", "trace_text", "body_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        # Bodies are large, and the list shows none.
        match = request.resolver_match
        return (
            queryset.defer("body") if match is not None and (match.url_name or "").endswith("_changelist") else queryset
        )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync.change_callback")

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_text(self, callback: Callback) -> str:
        return entity_title(callback.kind)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, callback: Callback) -> str:
        return badge(callback.get_state_display(), KINDS.get(callback.state, ""), callback.error[:300])

    @admin.display(description=gettext_lazy("result"))
    def outcome(self, callback: Callback) -> str:
        return short(callback.error or callback.result)

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, callback: Callback) -> str:
        return block(callback.error)

    @admin.display(description=gettext_lazy("request id"))
    def trace_text(self, callback: Callback) -> str:
        return exchanges_of(callback.trace)

    @admin.display(description=gettext_lazy("body"))
    def body_text(self, callback: Callback) -> str:
        return pretty_body(callback.body)

    @admin.action(description=gettext_lazy("Process again"), permissions=["retry"])
    def process_again(self, request: HttpRequest, queryset: QuerySet) -> None:
        total = queryset.count()
        count = callbacks.retry(queryset.order_by())
        if count:
            text = ngettext("%(count)d callback is processed again.", "%(count)d callbacks are processed again.", count)
            messages.success(request, text % {"count": count})
        if count < total:
            messages.info(request, _("What is processed already was left alone."))


class StatusFilter(admin.SimpleListFilter):
    """By what came of the request."""

    title = gettext_lazy("outcome")
    parameter_name = "outcome"
    WHERE = {
        "ok": Q(status__gte=200, status__lt=400),
        "refused": Q(status__gte=400, status__lt=500),
        "broken": Q(status__gte=500),
        "none": Q(status__isnull=True),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("ok", gettext_lazy("Success")),
            ("refused", gettext_lazy("Refused (4xx)")),
            ("broken", gettext_lazy("Failure there (5xx)")),
            ("none", gettext_lazy("No answer")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        where = self.WHERE.get(self.value() or "")
        return queryset.filter(where) if where is not None else queryset


def _subjects(term: str) -> list[str]:
    """The names that an object may have in the log: the one that was typed, or the id of any entity or request."""
    if ":" in term:
        return [term]
    return [term, trace_subject(term), *(f"{mirror.entity}:{term}" for mirror in registry.ranked())]


@admin.register(Exchange)
class ExchangeAdmin(ViewOnlyAdmin):
    list_display = ("started_at", "remote", "method", "path_text", "status_badge", "duration_ms", "trouble")
    list_filter = (StatusFilter, "method", ("started_at", PeriodFilter))
    ordering = ("-id",)
    search_fields = ("path",)
    search_help_text = gettext_lazy(
        "An iRECA id, or entity:id, such as orders:209900, the beginning of a path, such as /orders, or the id of a "
        "request"
    )
    fields = (
        "started_at",
        "duration_ms",
        "remote",
        "method",
        "path",
        "query",
        "status_badge",
        "error_text",
        "trace",
        "subjects_text",
        "request_text",
        "response_text",
    )
    readonly_fields = ("status_badge", "error_text", "subjects_text", "request_text", "response_text")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        queryset = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and (match.url_name or "").endswith("_changelist"):
            return queryset.defer("request_body", "response_body")
        return queryset

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("/"):
            return queryset.filter(path__startswith=term), False
        # Looked up first, along their index: as a subquery a database may prefer to walk the whole log.
        found = ExchangeSubject.objects.filter(subject__in=_subjects(term)).order_by("-exchange")
        traced = Exchange.objects.filter(trace=term).order_by("-pk")
        keys = {*found.values_list("exchange", flat=True)[:LATEST], *traced.values_list("pk", flat=True)[:LATEST]}
        return queryset.filter(pk__in=keys), False

    @admin.display(description=gettext_lazy("path"), ordering="path")
    def path_text(self, exchange: Exchange) -> str:
        return short(f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path)

    @admin.display(description=gettext_lazy("HTTP status"), ordering="status")
    def status_badge(self, exchange: Exchange) -> str:
        if exchange.status is None:
            return badge(_("no answer"), "danger", exchange.error[:300])
        return badge(exchange.status, "success" if exchange.status < 400 else "danger", exchange.error[:300])

    @admin.display(description=gettext_lazy("error"))
    def trouble(self, exchange: Exchange) -> str:
        return short(exchange.error)

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, exchange: Exchange) -> str:
        return block(exchange.error)

    @admin.display(description=gettext_lazy("objects"))
    def subjects_text(self, exchange: Exchange) -> str:
        subjects = exchange.subjects.order_by("pk").values_list("subject", flat=True)[:101]
        return ", ".join(subjects[:100]) + (" …" if len(subjects) > 100 else "") or "–"

    @admin.display(description=gettext_lazy("request body"))
    def request_text(self, exchange: Exchange) -> str:
        return pretty_body(exchange.request_body)

    @admin.display(description=gettext_lazy("response body"))
    def response_text(self, exchange: Exchange) -> str:
        return pretty_body(exchange.response_body)
