"""Who took what out of here as a file."""

from __future__ import annotations

from django.contrib import admin

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.models import ExportLog


@admin.register(ExportLog)
class ExportLogAdmin(ViewOnlyAdmin):
    list_display = ("created_at", "user", "what", "row_count", "kind", "is_personal", "query")
    list_filter = ("kind", "is_personal")
    list_select_related = ("user",)
    search_fields = ("what", "user__username")
    ordering = ("-id",)
    fields = ("created_at", "user", "what", "query", "columns", "row_count", "kind", "is_personal")
