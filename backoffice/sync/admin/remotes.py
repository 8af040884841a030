"""The remotes as all workers know them, the workers themselves, and the remotes' names for their codes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync import connection
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.labels import badge, block, short
from backoffice.sync.figures import is_alive
from backoffice.sync.models import DictionaryEntry, RemoteState, Worker


@admin.register(RemoteState)
class RemoteStateAdmin(ViewOnlyAdmin):
    """A remote's row appears with the first exchange. Pausing stops all workers after the request that is under way."""

    list_display = ("name", "state_badge", "blocked_until", "reason_short", "last_ok_at", "last_error_at")
    ordering = ("name",)
    change_form_outer_before_template = "admin/sync/remote.html"
    fields = (
        *("name", "state_badge", "blocked_until", "reason_text", "failures", "last_ok_at", "last_error_at"),
        "our_source",
    )
    readonly_fields = ("state_badge", "reason_text")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.command_view)
        return [
            path("<path:object_id>/<str:command>-remote/", view, name="sync_remotestate_command"),
            *super().get_urls(),
        ]

    def may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync.change_remotestate")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_change_remote"] = self.may_change(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def command_view(self, request: HttpRequest, object_id: str, command: str) -> HttpResponse:
        """pause, resume or unblock."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.may_change(request):
            raise PermissionDenied
        state = RemoteState.objects.filter(pk=object_id).first()
        texts = {"pause": _("Paused."), "resume": _("Resumed."), "unblock": _("It is tried again now.")}
        if state is None or command not in texts:
            raise Http404
        if command == "unblock":
            connection.unblock(state.pk, impatiently=True)
        else:
            RemoteState.objects.filter(pk=state.pk).update(paused=command == "pause")
        self.log_change(request, state, texts[command])
        messages.success(request, f"{state}: {texts[command]}")
        return HttpResponseRedirect(reverse("admin:sync_remotestate_change", args=[state.pk]))

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, state: RemoteState) -> str:
        if not connection.is_on(state.pk):
            return badge(_("Off"), "warning")
        if state.paused:
            return badge(_("Paused"), "warning")
        if state.block:
            return badge(state.get_block_display(), "danger", state.reason[:300])
        return badge(_("Works"), "success")

    @admin.display(description=gettext_lazy("reason"))
    def reason_short(self, state: RemoteState) -> str:
        return short(state.reason)

    @admin.display(description=gettext_lazy("reason"))
    def reason_text(self, state: RemoteState) -> str:
        return block(state.reason)


@admin.register(Worker)
class WorkerAdmin(ViewOnlyAdmin):
    list_display = ("name", "state_badge", "started_at", "beat_at", "stopped_at")
    ordering = ("-beat_at", "-id")
    fields = ("name", "state_badge", "started_at", "beat_at", "stopped_at")
    readonly_fields = ("state_badge",)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, worker: Worker) -> str:
        if is_alive(worker):
            return badge(_("Alive"), "success")
        return badge(_("Stopped")) if worker.stopped_at else badge(_("No heartbeat"), "danger")


@admin.register(DictionaryEntry)
class DictionaryEntryAdmin(ViewOnlyAdmin):
    list_display = ("kind", "code", "title")
    list_filter = ("kind",)
    search_fields = ("code__exact", "title__icontains")
    ordering = ("kind", "code", "id")
