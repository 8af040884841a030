"""What every admin of the house stands on: `MirroredAdmin` for rows that iRECA knows too, `ViewOnlyAdmin` for what a
remote owns.

Set `list_display`, `fieldsets` and so on as in any ModelAdmin; the sync column, the sync filter, the sync tab, the
alert above the form and the actions come by themselves. `RowForm` is the base of any form of your own,
`MirroredTabularInline` of inlines that are edited.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline

from backoffice.secrets import EncryptedTextField
from backoffice.sync import history, personal
from backoffice.sync.admin.actions import SyncActionsMixin
from backoffice.sync.admin.forms import RowForm, secret_formfield
from backoffice.sync.admin.formsets import RowFormSet
from backoffice.sync.admin.history import HistoryMixin
from backoffice.sync.admin.labels import badge
from backoffice.sync.admin.lists import BigTableMixin
from backoffice.sync.admin.panel import SyncFieldsMixin, panel
from backoffice.sync.admin.references import ReferencesMixin
from backoffice.sync.admin.together import TogetherMixin
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.mirrored import ONLY_NAMED, SyncState

LABELS = {
    SyncState.CLEAN: "success",
    SyncState.PENDING: "info",
    SyncState.FAILED: "danger",
    SyncState.CONFLICT: "warning",
    SyncState.HELD: "",
}


class SavesColumnsMixin(admin.ModelAdmin):
    """Writes the touched columns only. Stands last among the bases: what others add to saving happens as well."""

    form = RowForm

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and isinstance(form, RowForm):
            if columns := self.columns_to_save(form):
                _keep_baseline(obj)
                obj.save(update_fields=columns)
        else:
            super().save_model(request, obj, form, change)

    def columns_to_save(self, form: RowForm) -> list[str]:
        """The columns that this form writes. Override where saving changes columns that the form does not show."""
        return form.columns()

    def formfield_for_dbfield(self, db_field: models.Field, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, EncryptedTextField):
            return secret_formfield(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


def _keep_baseline(row: Any) -> None:
    """A row that was pulled in bulk has no history: note what it was, so that the first edit shows what it changed."""
    model = type(row)
    kept = getattr(model, "history", None)
    if kept is not None and not kept.filter(**{model._meta.pk.attname: row.pk}).exists():
        history.keep(model, [row.pk], kind="+", reason=_("before the first edit"))


class EditableAdmin(HistoryMixin, TogetherMixin, ReferencesMixin, BigTableMixin, ModelAdmin, SavesColumnsMixin):
    """An admin whose form never overwrites what somebody else changed meanwhile; its model has a history."""

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What is masked is not edited: a mask would be saved in place of what is behind it."""
        fields = tuple(super().get_readonly_fields(request, obj))
        masked = personal.names(self.model) if obj is not None and personal.is_hidden() else set()
        return (*fields, *sorted(masked - set(fields)))

    # The hidden `row_state` belongs to no fieldset; who else is here, and what both changed.
    change_form_before_template = "admin/sync/row_state.html"
    list_filter_submit = True
    warn_unsaved_form = True


class MirroredTabularInline(ReferencesMixin, TabularInline):
    """An inline whose rows save touched columns only, and whose autocompletes cost no query a row.

    `reference_fields` of its rows are fetched with them: all autocompletes.
    """

    form = RowForm
    formset = RowFormSet
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related(*self.get_autocomplete_fields(request))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = list(super().get_fields(request, obj))
        if "row_state" not in fields and self.has_change_permission(request, obj):
            fields.append("row_state")
        return fields


class MirroredAdmin(SyncFieldsMixin, SyncActionsMixin, EditableAdmin):
    """The admin of a model that has a mirror."""

    actions = ("send_now", "refresh_from_ireca", "keep_ours", "take_theirs")
    list_before_template = "admin/sync/list_note.html"
    change_form_outer_before_template = "admin/sync/panel.html"
    delete_confirmation_template = "admin/sync/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/sync/delete_selected_confirmation.html"

    @property
    def mirror(self) -> Mirror:
        found = registry.for_model(self.model)
        if found is None:
            raise LookupError(f"{self.model._meta.label} has no mirror")
        return found

    # the list

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Without rows known by their id only where one chooses: there is nothing to recognise them by."""
        queryset = super().get_queryset(request)
        return queryset.exclude(remote_data={}).exclude(ONLY_NAMED) if self.is_choice(request) else queryset

    @staticmethod
    def is_choice(request: HttpRequest) -> bool:
        """Whether rows are offered to a field that refers to one of them."""
        match = request.resolver_match
        return match is not None and match.view_name == "admin:autocomplete"

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        return columns if "sync_badge" in columns else [*columns, "sync_badge"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        filters = list(super().get_list_filter(request))
        return filters if "sync_state" in filters else ["sync_state", *filters]

    @admin.display(description=gettext_lazy("Sync"), ordering="sync_state")
    def sync_badge(self, obj: Any) -> str:
        """The state as a coloured label; the refusal's text is its title."""
        # A list that leaves out what the remote knows would read it row by row.
        is_loaded = "remote_data" not in obj.get_deferred_fields()
        if is_loaded and obj.remote_data == {} and obj.sync_state == SyncState.CLEAN:
            return badge(_("Known by its id only"), "warning", _("iRECA has not told yet what it is."))
        if is_loaded and obj.remote_data is None and obj.sync_state == SyncState.CLEAN:
            return badge(_("Known by its id only"), "warning", _("A partner named it; nobody has described it yet."))
        return badge(obj.get_sync_state_display(), LABELS.get(obj.sync_state, ""), Truncator(obj.sync_error).chars(300))

    # permissions

    @property
    def is_created_elsewhere(self) -> bool:
        """Whether this entity is created in the iRECA cabinet only (seed 002:22)."""
        return self.mirror.created_in_cabinet_only and settings.IRECA_MODE == "cabinet"

    @property
    def list_note(self) -> str:
        """What the list says above its rows."""
        if not self.is_created_elsewhere:
            return ""
        return _("These are created in the iRECA cabinet only and appear here by themselves. They can be changed here.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not self.is_created_elsewhere and super().has_add_permission(request)

    # the form

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            context["sync"] = panel(self, request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_urls(self) -> list[Any]:
        opts = self.model._meta
        prefix = f"{opts.app_label}_{opts.model_name}"
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/conflict/", wrap(self.conflict_view), name=f"{prefix}_conflict"),
            path("<path:object_id>/send-now/", wrap(self.send_now_view), name=f"{prefix}_send_now"),
            path("<path:object_id>/refresh/", wrap(self.refresh_view), name=f"{prefix}_refresh"),
            *super().get_urls(),
        ]

    def send_now_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._run_on_one(request, object_id, self.send_now)

    def refresh_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._run_on_one(request, object_id, self.refresh_from_ireca)

    def _run_on_one(self, request: HttpRequest, object_id: str, action: Any) -> HttpResponse:
        """A button of the form: the list's action on this one row."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        queryset = self.get_queryset(request).filter(pk=unquote(object_id))
        row = queryset.first()
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        action(request, queryset)
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[row.pk]))

    # deleting

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        self._tell_of_deletion(request)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        super().delete_queryset(request, queryset)
        self._tell_of_deletion(request)

    def _tell_of_deletion(self, request: HttpRequest) -> None:
        messages.info(request, _("It will be deleted in iRECA too; see Pushes."))


class ViewOnlyAdmin(BigTableMixin, ModelAdmin):
    """For what a remote owns: to be looked at, never added, changed or deleted here."""

    actions_on_top = True
    list_filter_submit = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
