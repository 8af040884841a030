"""The history of a row as people read it: when, who, and what became what. iRECA is an author like any other."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import display_for_value
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _
from simple_history.admin import SimpleHistoryAdmin
from simple_history.models import DeletedObject, ModelChange
from simple_history.template_utils import HistoricalRecordContextHelper

from backoffice.sync.connection import TITLES

EMPTY = "–"


class HistoryMixin(SimpleHistoryAdmin):
    """History to look at. Going back to an old row as a whole would undo what others did since: there is no button."""

    object_history_list_template = "admin/sync/history_list.html"

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def history_form_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            return HttpResponseNotAllowed(["GET"])
        return super().history_form_view(request, *args, **kwargs)

    def history_value(self, name: str, value: Any) -> Any:
        """What the column's value is called. Override for the codes that a dictionary names."""
        column = self.model._meta.get_field(name)
        return dict(getattr(column, "flatchoices", ())).get(value, value)

    def get_historical_record_context_helper(self, request: HttpRequest, historical_record: Any) -> Any:
        return _Values(self, historical_record)

    def set_history_delta_changes(
        self, request: HttpRequest, historical_records: Any, *args: Any, **kwargs: Any
    ) -> None:
        super().set_history_delta_changes(request, historical_records, *args, **kwargs)
        for record in historical_records:
            reason = record.history_change_reason or ""
            # What a remote changed has no user: its name stands as the reason.
            record.author = record.history_user or TITLES.get(reason, EMPTY)
            record.note = "" if reason in TITLES else reason


class _Values(HistoricalRecordContextHelper):
    """Values in words, where the library shows "None" and "Deleted courier (pk=None)"."""

    def __init__(self, admin: HistoryMixin, record: Any) -> None:
        super().__init__(admin.model, record)
        self.admin = admin

    def prepare_delta_change_value(self, change: ModelChange, value: Any) -> Any:
        if value in (None, "") or (isinstance(value, DeletedObject) and value.pk is None):
            return EMPTY
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, list):
            return super().prepare_delta_change_value(change, value)
        return display_for_value(self.admin.history_value(change.field, value), EMPTY)
