"""Runs of reading, watched while they go, and when the next ones are due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from backoffice.sync import pull, retention
from backoffice.sync.admin.base import SavesColumnsMixin, ViewOnlyAdmin
from backoffice.sync.admin.forms import RowForm
from backoffice.sync.admin.labels import badge, block, pretty_json, short
from backoffice.sync.admin.lists import BigTableMixin
from backoffice.sync.models import Pull, Schedule
from backoffice.sync.refresh import unavailable
from backoffice.sync.titles import entity_title

KINDS: dict[str, str] = {
    Pull.State.QUEUED: "info",
    Pull.State.RUNNING: "warning",
    Pull.State.DONE: "success",
    Pull.State.FAILED: "danger",
}


@admin.register(Pull)
class PullAdmin(ViewOnlyAdmin):
    list_display = (
        "what_text",
        "state_badge",
        "progress",
        "created_count",
        "updated_count",
        "conflict_count",
        "bad_count",
        "trouble",
        "created_at",
        "requested_by",
    )
    list_filter = ("state",)
    list_select_related = ("requested_by",)
    list_before_template = "admin/sync/pulls.html"
    change_form_outer_before_template = "admin/sync/pull_moving.html"
    ordering = ("-id",)
    fields = (
        "what_text",
        "params_text",
        "state_badge",
        "progress",
        ("created_count", "updated_count", "conflict_count", "bad_count"),
        "attempts",
        "error_text",
        "requested_by",
        ("created_at", "started_at", "finished_at", "due_at"),
    )
    readonly_fields = ("what_text", "params_text", "state_badge", "progress", "error_text")

    def may_request(self, request: HttpRequest) -> bool:
        return request.user.has_perm("sync.change_pull")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.request_view)
        return [path("request/", view, name="sync_pull_request"), *super().get_urls()]

    def request_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a run of one reader, or of all of them in their order."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.may_request(request):
            raise PermissionDenied
        readers = pull.active_readers()
        what = request.POST.get("what", "")
        chosen = [reader for reader in readers if what in ("all", reader.name)]
        for reader in chosen:
            pull.request(reader.name, user=request.user)
        if chosen:
            messages.success(request, _("Asked for: %(names)s") % {"names": _titles(each.name for each in chosen)})
        else:
            messages.error(request, _("There is nothing called “%(what)s” to be read.") % {"what": what})
        _warn(request, {reader.remote for reader in chosen})
        return HttpResponseRedirect(reverse("admin:sync_pull_changelist"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = {
            "readers": [(reader.name, entity_title(reader.name)) for reader in pull.active_readers()]
            if self.may_request(request)
            else [],
            "is_moving": Pull.objects.filter(state__in=(Pull.State.QUEUED, Pull.State.RUNNING)).exists(),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description=gettext_lazy("what"), ordering="what")
    def what_text(self, run: Pull) -> str:
        return entity_title(run.what)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, run: Pull) -> str:
        return badge(run.get_state_display(), KINDS.get(run.state, ""), run.error[:300])

    @admin.display(description=gettext_lazy("read"))
    def progress(self, run: Pull) -> str:
        """A bar that moves where the total is known or the run is under way, the number of objects anyway."""
        if run.state != Pull.State.RUNNING:
            return str(run.read)
        if not run.total:
            return format_html('<progress aria-label="{}"></progress> {}', _("read"), run.read)
        return format_html(
            '<progress aria-label="{}" max="{}" value="{}"></progress> {} / {}',
            _("read"),
            run.total,
            run.read,
            run.read,
            run.total,
        )

    @admin.display(description=gettext_lazy("error"))
    def trouble(self, run: Pull) -> str:
        return short(run.error)

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, run: Pull) -> str:
        return block(run.error)

    @admin.display(description=gettext_lazy("parameters"))
    def params_text(self, run: Pull) -> str:
        return pretty_json(run.params)


def _warn(request: HttpRequest, remotes: Iterable[str]) -> None:
    """Say which of these remotes cannot be asked now."""
    for why in filter(None, map(unavailable, sorted(remotes))):
        messages.warning(request, why)


def _titles(names: Iterable[str]) -> str:
    return ", ".join(entity_title(name) for name in names)


class ScheduleForm(RowForm):
    def clean_every(self) -> int:
        """iRECA allows locations once a minute (seed 002:33); asking more often gains nothing."""
        every = self.cleaned_data["every"]
        if every < 60:
            self.add_error("every", _("Once a minute is as often as iRECA may be asked."))
        return every


@admin.register(Schedule)
class ScheduleAdmin(BigTableMixin, ModelAdmin, SavesColumnsMixin):
    """What is read how often. The rows themselves come from the readers."""

    form = ScheduleForm
    list_display = ("name_text", "every_text", "enabled", "due_at", "last_finished_at", "last_result", "trouble")
    list_filter = ("enabled",)
    fields = (
        "name_text",
        "every",
        "enabled",
        "due_at",
        "last_started_at",
        "last_finished_at",
        "last_result",
        "failures",
        "error_text",
    )
    readonly_fields = (
        "name_text",
        "due_at",
        "last_started_at",
        "last_finished_at",
        "last_result",
        "failures",
        "error_text",
    )
    actions = ("run_now",)
    change_form_before_template = "admin/sync/row_state.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def columns_to_save(self, form: RowForm) -> list[str]:
        """A shorter interval counts from now: nobody waits until tomorrow for what is to happen every hour."""
        columns = form.columns()
        if "every" not in columns:
            return columns
        schedule = form.instance
        schedule.due_at = min(schedule.due_at, timezone.now() + timedelta(seconds=schedule.every))
        return [*columns, "due_at"]

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def name_text(self, schedule: Schedule) -> str:
        return entity_title(schedule.name)

    @admin.display(description=gettext_lazy("every"), ordering="every")
    def every_text(self, schedule: Schedule) -> str:
        return str(timedelta(seconds=schedule.every))

    @admin.display(description=gettext_lazy("error"))
    def trouble(self, schedule: Schedule) -> str:
        return short(schedule.error)

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, schedule: Schedule) -> str:
        return block(schedule.error)

    @admin.action(description=gettext_lazy("Run now"), permissions=["change"])
    def run_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        queryset.filter(name=retention.NAME).update(due_at=timezone.now())
        runs = [pull.request(each.name, user=request.user) for each in queryset.exclude(name=retention.NAME)]
        messages.success(request, _("Asked for: %(names)s") % {"names": _titles(run.what for run in runs)})
        _warn(request, {run.remote for run in runs})
