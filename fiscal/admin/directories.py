"""Directories of money: tax rates and payment types."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.base import MirroredAdmin
from backoffice.sync.dictionaries import label
from fiscal.models import PaymentType, Tax


@admin.register(Tax)
class TaxAdmin(MirroredAdmin):
    list_display = ("title",)
    search_fields = ("title__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    fields = ("title",)


@admin.register(PaymentType)
class PaymentTypeAdmin(MirroredAdmin):
    list_display = ("title", "close_type_text")
    search_fields = ("title__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    fields = ("title", "close_type", "remote_updated_at")
    readonly_fields = ("remote_updated_at",)

    @admin.display(description=gettext_lazy("kind at the register"), ordering="close_type")
    def close_type_text(self, payment_type: PaymentType) -> str:
        return label("closeTypes", payment_type.close_type)
