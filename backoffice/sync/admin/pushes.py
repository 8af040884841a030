"""The outbox."""

from __future__ import annotations

from django.contrib import admin

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.models import Exchange, Push


@admin.register(Push)
class PushAdmin(ViewOnlyAdmin):
    list_display = ("entity", "object_id", "action", "state")


@admin.register(Exchange)
class ExchangeAdmin(ViewOnlyAdmin):
    list_display = ("method", "path")
