"""The sync state of one row on its form: the alert and the buttons above, the fields of the tab *Synchronisation*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync import titles
from backoffice.sync.admin.labels import link, pretty_json
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.refresh import unavailable

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

FIELDS = (
    "sync_state_text",
    "sync_error_text",
    "sync_ireca_id",
    "synced_at",
    "sync_push",
    "sync_exchanges",
    "sync_agreed",
)


def panel(model_admin: Any, request: HttpRequest, row: Any) -> dict[str, Any]:
    """What the template `admin/sync/panel.html` shows above the form of a row."""
    may_change = model_admin.has_change_permission(request, row)
    is_open = row.sync_state in (SyncState.PENDING, SyncState.FAILED)
    return {
        "state": row.sync_state,
        "is_failed": row.sync_state == SyncState.FAILED,
        "is_conflict": row.sync_state == SyncState.CONFLICT,
        "is_pending": row.sync_state == SyncState.PENDING,
        "error": row.sync_error,
        "fields": titles.conflict_titles(model_admin.mirror, row) if row.sync_state == SyncState.CONFLICT else "",
        "unavailable": unavailable(model_admin.mirror.remote) if is_open else "",
        "send_url": reverse(model_admin.page_name("send_now"), args=[row.pk]) if may_change and is_open else "",
        "refresh_url": reverse(model_admin.page_name("refresh"), args=[row.pk]) if may_change else "",
        "conflict_url": reverse(model_admin.page_name("conflict"), args=[row.pk])
        if model_admin.has_settle_permission(request, row)
        else "",
    }


class SyncFieldsMixin(Base):
    """Read-only fields about sync, on a tab of their own."""

    mirror: Any

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if obj is None:
            return fieldsets
        return [*fieldsets, (gettext_lazy("Synchronisation"), {"classes": ["tab"], "fields": FIELDS})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if obj is None else (*fields, *FIELDS)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        # They have a tab of their own, so the default fieldset leaves them out.
        fields = super().get_fields(request, obj)
        return [name for name in fields if name not in FIELDS and name != "row_state"]

    @admin.display(description=gettext_lazy("State"))
    def sync_state_text(self, obj: Any) -> str:
        return obj.get_sync_state_display()

    @admin.display(description=gettext_lazy("What iRECA answered"))
    def sync_error_text(self, obj: Any) -> str:
        return obj.sync_error or "–"

    @admin.display(description=gettext_lazy("iRECA id"))
    def sync_ireca_id(self, obj: Any) -> str:
        if obj.remote_data is None:
            return _("%(id)s (iRECA does not know it yet)") % {"id": obj.ireca_id}
        return obj.ireca_id or "–"

    @admin.display(description=gettext_lazy("Open push"))
    def sync_push(self, obj: Any) -> str:
        mirror = self.mirror
        push = Push.objects.filter(
            remote=mirror.remote, entity=mirror.entity, object_id=obj.pk, state__in=Push.OPEN
        ).first()
        if push is None:
            return "–"
        text = " · ".join(
            filter(None, [push.get_action_display(), push.get_state_display(), push.waits_for, push.error])
        )
        return link(reverse("admin:sync_push_change", args=[push.pk]), text)

    @admin.display(description=gettext_lazy("Exchanges"))
    def sync_exchanges(self, obj: Any) -> str:
        subject = f"{self.mirror.entity}:{obj.ireca_id}"
        url = reverse("admin:sync_exchange_changelist", query={"q": subject})
        return link(url, _("HTTP requests that concerned %(subject)s") % {"subject": subject})

    @admin.display(description=gettext_lazy("Last agreed state"))
    def sync_agreed(self, obj: Any) -> str:
        return pretty_json(obj.remote_data)
