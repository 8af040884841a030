"""The admin of reports: whose sources a person sees, at the person; and who gets which report by mail."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin, TabularInline

from backoffice.accounts.admin.people import PersonAdmin
from backoffice.reports import mails
from backoffice.reports.models import ReaderSource, ReportSubscription
from backoffice.sync.admin.base import BigTableMixin, ReferencesMixin
from backoffice.sync.admin.forms import RowForm

admin.site.unregister(User)


class ReaderSourceInline(ReferencesMixin, TabularInline):
    model = ReaderSource
    form = RowForm  # its autocompletes cost no query a row
    extra = 0
    autocomplete_fields = ("source",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReaderSource]:
        return super().get_queryset(request).select_related("user", "source")


@admin.register(User)
class ReaderAdmin(PersonAdmin):
    """People, with the sources that some of them are limited to in reports."""

    inlines = (ReaderSourceInline,)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj is not None else ()


class RecipientsForm(forms.ModelForm):
    """Nobody gets what he may not see by himself."""

    def clean_recipients(self) -> Any:
        recipients = self.cleaned_data["recipients"]
        try:
            asked = mails.asked_by(self.instance, timezone.localdate())
        except mails.Stopped as stopped:
            raise forms.ValidationError(ReportSubscription.Stop(stopped.why).label) from stopped
        refused = [user.get_username() for user in recipients if not mails.may_get(user, asked)]
        if refused:
            text = _("May not see in this report all that its owner sees, or have no mail address: %(people)s.")
            raise forms.ValidationError(text % {"people": ", ".join(refused)})
        return recipients


@admin.register(ReportSubscription)
class ReportSubscriptionAdmin(BigTableMixin, ModelAdmin):
    """Whose reports go out by mail, how the last mail went, and who else gets them."""

    form = RecipientsForm
    list_display = ("title", "owner", "when", "sent_at", "row_count", "failures", "stopped")
    list_filter = ("stopped",)
    list_select_related = ("owner",)
    search_fields = ("title", "owner__username")
    ordering = ("-pk",)
    autocomplete_fields = ("recipients",)
    fields = (
        "title",
        "owner",
        "when",
        "format",
        "recipients",
        "due_at",
        "sent_at",
        "row_count",
        "is_cut",
        "left_out",
        "failures",
        "error",
        "stopped",
    )
    readonly_fields = tuple(name for name in fields if name != "recipients")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # one begins at the report that it mails

    @admin.display(description=gettext_lazy("when"))
    def when(self, subscription: ReportSubscription) -> str:
        return subscription.when
