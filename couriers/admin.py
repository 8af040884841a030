"""Couriers, their roles and permissions, the licences that their sessions use, and where they are."""

from __future__ import annotations

from django.contrib import admin

from backoffice.sync.admin.base import MirroredAdmin
from couriers.models import Courier, Role


@admin.register(Role)
class RoleAdmin(MirroredAdmin):
    list_display = ("title", "is_active")
    search_fields = ("title",)


@admin.register(Courier)
class CourierAdmin(MirroredAdmin):
    list_display = ("title", "phone", "role")
    list_select_related = ("role",)
    search_fields = ("title__icontains", "phone", "=ireca_id")
    autocomplete_fields = ("role",)
