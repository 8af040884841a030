"""The outbox: what is on its way, what was refused and why, and what a person can do about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync import figures, personal, verdicts
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.confirm import confirmation, is_confirmed
from backoffice.sync.admin.labels import badge, block, exchanges_of, link, pretty_json, short
from backoffice.sync.commands import COMMANDS
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push
from backoffice.sync.outbox import make_due
from backoffice.sync.outlets import OUTLETS
from backoffice.sync.titles import entity_title

LATEST = 1000  # pushes of one request that a search finds, at most

KINDS: dict[str, str] = {
    Push.State.QUEUED: "info",
    Push.State.WAITING: "warning",
    Push.State.REFUSED: "danger",
    Push.State.UNKNOWN: "danger",
    Push.State.DONE: "success",
}


class StateFilter(admin.SimpleListFilter):
    """What is open comes first: done rows outnumber it a thousand to one."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", gettext_lazy("All")), *Push.State.choices]

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {
            "selected": self.value() is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name]),
            "display": _("Open"),
        }
        for lookup, title in self.lookup_choices:
            yield {
                "selected": self.value() == lookup,
                "query_string": changelist.get_query_string({self.parameter_name: lookup}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        # One push is looked at by its address, whatever its state; a search looks everywhere.
        if self.value() == "all" or (self.value() is None and request.GET.get("q")):
            return queryset
        if self.value():
            return queryset.filter(state=self.value())
        return queryset.filter(state__in=Push.OPEN)


class EntityFilter(admin.SimpleListFilter):
    """By entity; the choices come from the registry, not from a scan of the table."""

    title = gettext_lazy("entity")
    parameter_name = "entity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = {mirror.entity for mirror in registry.ranked()} | {entity for entity, _command in COMMANDS}
        names |= {entity for _remote, entity in OUTLETS}
        return sorted(((name, entity_title(name)) for name in names), key=lambda choice: choice[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(entity=self.value()) if self.value() else queryset


class ErrorFilter(admin.SimpleListFilter):
    """By the beginning of an error. Reached from the page Sync health; shown only while it narrows the list."""

    title = gettext_lazy("error")
    parameter_name = "like"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        return [(value, short(personal.said(self._alike[0].text)) if self._alike else "–")] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if not self.value():
            return queryset
        return queryset.filter(**self._alike[0].alike) if self._alike else queryset.none()

    @cached_property
    def _alike(self) -> list[figures.Failure]:
        value = self.value()
        return [each for each in figures.failures() if each.is_named(value)] if value else []


@admin.register(Push)
class PushAdmin(ViewOnlyAdmin):
    list_display = ("entity_text", "target", "what", "state_badge", "attempts", "trouble", "age")
    list_filter = (StateFilter, EntityFilter, "action", ErrorFilter)
    ordering = ("-id",)
    search_fields = ("entity",)
    search_help_text = gettext_lazy("An iRECA id, or entity:id, such as orders:209900, or the id of a request")
    actions = ("retry_now", "it_was_done", "it_was_not_done")
    fields = (
        "entity_text",
        "target",
        "what",
        "state_badge",
        "attempts",
        "error_text",
        "waits_for",
        "due_at",
        "created_at",
        "changed_at",
        "done_at",
        "remote_id",
        "trace_text",
        "payload_text",
    )
    readonly_fields = ("entity_text", "target", "what", "state_badge", "error_text", "trace_text", "payload_text")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Sending again changes nothing of what is sent, so it takes the right to change a push and nothing more."""
        return request.user.has_perm("sync.change_push")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        attach_targets(self.admin_site, changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        push = super().get_object(request, object_id, from_field)
        if push is not None:
            attach_targets(self.admin_site, [push])
        return push

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """By the id that a person knows. A push has our key, so the rows are found first; the deleted have none."""
        term = search_term.strip()
        if not term:
            return queryset, False
        entity, colon, ireca_id = term.partition(":")
        mirrors = [mirror for mirror in registry.ranked() if not colon or mirror.entity == entity]
        found = Q()
        for mirror in mirrors:
            keys = mirror.model._base_manager.filter(ireca_id=ireca_id if colon else term).values_list("pk", flat=True)
            if ids := list(keys):
                found |= Q(entity=mirror.entity, object_id__in=ids)
        gone = Q(remote_id=ireca_id if colon else term)
        if colon:
            gone &= Q(entity=entity)
        if traced := list(Push.objects.filter(trace=term).order_by("-pk").values_list("pk", flat=True)[:LATEST]):
            found |= Q(pk__in=traced)
        return queryset.filter(found or gone), False

    @admin.display(description=gettext_lazy("entity"), ordering="entity")
    def entity_text(self, push: Push) -> str:
        return entity_title(push.entity)

    @admin.display(description=gettext_lazy("object"))
    def target(self, push: Push) -> str:
        row, url = getattr(push, "target_row", None), getattr(push, "target_url", "")
        if row is None:
            return push.remote_id or str(push.object_id or "–")
        return link(url, row) if url else str(row)

    @admin.display(description=gettext_lazy("what"), ordering="action")
    def what(self, push: Push) -> str:
        return f"{push.get_action_display()}: {push.command}" if push.command else push.get_action_display()

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, push: Push) -> str:
        return badge(push.get_state_display(), KINDS.get(push.state, ""), push.error[:300])

    @admin.display(description=gettext_lazy("error, or waits for"))
    def trouble(self, push: Push) -> str:
        return short(push.error or push.waits_for)

    @admin.display(description=gettext_lazy("age"), ordering="created_at")
    def age(self, push: Push) -> str:
        return timesince(push.created_at)

    @admin.display(description=gettext_lazy("error"))
    def error_text(self, push: Push) -> str:
        return block(push.error)

    @admin.display(description=gettext_lazy("request id"))
    def trace_text(self, push: Push) -> str:
        return exchanges_of(push.trace)

    @admin.display(description=gettext_lazy("payload"))
    def payload_text(self, push: Push) -> str:
        return pretty_json(push.payload)

    @admin.action(description=gettext_lazy("Retry now"), permissions=["retry"])
    def retry_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        remotes = set(queryset.order_by().values_list("remote", flat=True))
        count = sum(make_due(remote, pk__in=ids) for remote in remotes)
        if count:
            text = ngettext("%(count)d push is sent again now.", "%(count)d pushes are sent again now.", count)
            messages.success(request, text % {"count": count})
        if left := len(ids) - count:
            text = ngettext(
                "%(count)d push is done, or a person must tell what came of it.",
                "%(count)d pushes are done, or a person must tell what came of them.",
                left,
            )
            messages.warning(request, text % {"count": left})

    @admin.action(description=gettext_lazy("Answer lost: it was done"), permissions=["retry"])
    def it_was_done(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        question = _("You have seen in iRECA that this was carried out. It is closed and not sent again.")
        return self._decide(request, queryset, "it_was_done", _("It was done"), question)

    @admin.action(description=gettext_lazy("Answer lost: it was not done, send again"), permissions=["retry"])
    def it_was_not_done(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        question = _("You have seen in iRECA that this was not carried out. It is sent once more.")
        return self._decide(request, queryset, "it_was_not_done", _("It was not done: send again"), question)

    def _decide(
        self, request: HttpRequest, queryset: QuerySet, action: str, title: str, question: str
    ) -> HttpResponse | None:
        pushes = list(queryset.filter(state=Push.State.UNKNOWN)[:100])
        if not pushes:
            messages.info(request, _("The outcome of none of these is unknown."))
            return None
        if not is_confirmed(request):
            rows = [(push, f"{push.command} {push.remote_id}. {push.error}") for push in pushes]
            return confirmation(self, request, action=action, title=title, question=question, rows=rows)
        decide = verdicts.was_done if action == "it_was_done" else verdicts.was_not_done
        for push in pushes:
            if decide(push):
                self.log_change(request, push, title)
                messages.success(request, f"{push}: {title}")
            else:
                messages.warning(request, _("%(push)s: somebody has decided already.") % {"push": push})
        return None


def attach_targets(site: Any, pushes: Iterable[Push]) -> None:
    """Find the objects of these pushes, with one query for each entity among them."""
    by_entity = defaultdict(list)
    for push in pushes:
        if push.object_id is not None:
            by_entity[push.entity].append(push)
    for entity, some in by_entity.items():
        mirror = registry.for_entity(entity)
        if mirror is None:
            continue
        model = mirror.model
        queryset = model._base_manager.filter(pk__in={push.object_id for push in some}).defer("remote_data")
        select = getattr(site._registry.get(model), "list_select_related", ())
        rows = {row.pk: row for row in (queryset.select_related(*select) if select else queryset)}
        for push in some:
            push.target_row = rows.get(push.object_id)
            if push.target_row is not None and model in site._registry:
                page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
                push.target_url = reverse(page, args=[push.object_id])
