"""Characteristics, warehouses and suppliers."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from backoffice.sync.admin.base import MirroredAdmin
from backoffice.transfer.admin import ImportMixin
from catalog.models import Specificity, Supplier, Warehouse


@admin.register(Specificity)
class SpecificityAdmin(MirroredAdmin):
    list_display = ("title", "value", "article", "price", "parent", "is_active")
    list_select_related = ("parent",)
    list_filter = ("is_active",)
    search_fields = ("title__icontains", "value__icontains", "article__startswith", "ireca_id__exact")
    ordering = ("title", "value", "id")
    autocomplete_fields = ("parent",)
    fieldsets = (
        (None, {"fields": (("title", "value"), ("article", "price"), ("parent", "is_active"))}),
        (_("Images"), {"fields": ("image_url", "image_big_url")}),
    )


@admin.register(Warehouse)
class WarehouseAdmin(ImportMixin, MirroredAdmin):
    list_display = ("title", "city", "street", "house", "phone", "is_active")
    list_filter = ("is_active",)
    search_fields = ("title__icontains", "street__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    readonly_fields = ("remote_updated_at",)
    fieldsets = (
        (None, {"fields": (("title", "is_active"), "description")}),
        (_("Address"), {"fields": ("city", "street", ("house", "apartment"), ("latitude", "longitude"))}),
        (_("Person in charge"), {"fields": (("firstname", "lastname"), "phone", "remote_updated_at")}),
    )


@admin.register(Supplier)
class SupplierAdmin(MirroredAdmin):
    list_display = ("title", "inn", "phone", "tax")
    list_select_related = ("tax",)
    search_fields = ("title__icontains", "inn__exact", "ireca_id__exact")
    ordering = ("title", "id")
    autocomplete_fields = ("tax",)
    fields = ("title", "inn", "phone", "address", "tax", "description")
