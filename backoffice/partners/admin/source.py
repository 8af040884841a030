"""Sources."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from backoffice.partners.models import Source
from backoffice.sync.admin.lists import BigTableMixin


@admin.register(Source)
class SourceAdmin(BigTableMixin, ModelAdmin):
    list_display = ("title", "is_active", "created_at")
    list_filter = ("is_active",)
    search_fields = ("title__icontains",)
    fields = ("title", "description", "is_active")
