"""Failed logins that are counted now, and sessions: to be looked at; an attempt can be forgiven."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.accounts import agents, audit
from backoffice.accounts.models import Attempt, Event, Visit
from backoffice.sync.admin.base import ViewOnlyAdmin


@admin.register(Attempt)
class AttemptAdmin(ViewOnlyAdmin):
    """Failures are counted in rows of person, address and browser; the row goes when it is forgiven or too old."""

    list_display = ("at", "name", "address", "failures", "browser")
    search_fields = ("username", "ip_address")
    ordering = ("-pk",)
    fields = list_display
    readonly_fields = list_display
    actions = ("forgive",)

    @admin.display(description=gettext_lazy("last failure"), ordering="attempt_time")
    def at(self, attempt: Attempt) -> Any:
        return attempt.attempt_time

    @admin.display(description=gettext_lazy("typed name"), ordering="username")
    def name(self, attempt: Attempt) -> str:
        return attempt.username or "–"

    @admin.display(description=gettext_lazy("from address"), ordering="ip_address")
    def address(self, attempt: Attempt) -> str:
        return attempt.ip_address or "–"

    @admin.display(description=gettext_lazy("failures"), ordering="failures_since_start")
    def failures(self, attempt: Attempt) -> int:
        return int(attempt.failures_since_start)

    def export_columns(self, request: HttpRequest) -> list[Any]:
        """Without what was typed as a name, which may be a password."""
        told = {"attempt_time", "ip_address", "failures_since_start", "user_agent"}
        return [column for column in super().export_columns(request) if column.name in told]

    @admin.display(description=gettext_lazy("browser"))
    def browser(self, attempt: Attempt) -> str:
        return agents.named(attempt.user_agent)

    def has_forgive_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.unlock")

    @admin.action(description=gettext_lazy("Unlock"), permissions=["forgive"])
    def forgive(self, request: HttpRequest, queryset: QuerySet[Attempt]) -> None:
        for attempt in queryset:
            audit.note(Event.Kind.UNLOCKED, attempt, attempts=attempt.failures_since_start, ip=attempt.ip_address)
        count, _each = queryset.delete()
        messages.success(request, _("Unlocked: %(count)s.") % {"count": count})


@admin.register(Visit)
class VisitAdmin(ViewOnlyAdmin):
    """Who is in, and who was."""

    list_display = ("user", "begun_at", "seen_at", "address", "browser", "ended_at", "end")
    list_filter = ("end",)
    list_select_related = ("user",)
    search_fields = ("user__username", "=address")
    ordering = ("-pk",)
    fields = ("user", "begun_at", "seen_at", "address", "agent", "ended_at", "end")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("browser"))
    def browser(self, visit: Visit) -> str:
        return agents.named(visit.agent)

    def export_columns(self, request: HttpRequest) -> list[Any]:
        return [column for column in super().export_columns(request) if column.name != "key"]
