"""Settings of ATOL Online: a form that checks them, and what came of the last time they were sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.base import EditableAdmin
from backoffice.sync.admin.forms import RowForm
from backoffice.sync.connection import IRECA
from backoffice.sync.models import Push
from backoffice.sync.refresh import unavailable
from fiscal import atol
from fiscal.commands import push_settings, pushes_of, send_again
from fiscal.models import AtolSettings


class AtolSettingsForm(RowForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("inn", "kkt_group"):  # seed 002:1266-1269
            if name in self.fields:
                self.fields[name].required = True

    def clean_setting_id(self) -> str:
        """iRECA takes a number (seed 002:1262)."""
        setting_id = self.cleaned_data["setting_id"].strip()
        if not (setting_id.isascii() and setting_id.isdigit()):
            raise ValidationError(_("A setting id is a number."))
        return setting_id

    def clean_inn(self) -> str:
        inn = self.cleaned_data["inn"].strip()
        atol.check_inn(inn)
        return inn

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        if not password and not self.instance.password:
            raise ValidationError(_("This field is required."))
        if len(password) > 100:
            raise ValidationError(_("A password has at most 100 characters."))
        return password


@dataclass(frozen=True)
class LastPush:
    """What the form says of the last time these settings were sent; `push` is None when they never were."""

    push: Push | None
    is_linked: bool
    unavailable: str
    send_url: str

    @property
    def is_sent(self) -> bool:
        return self.push is not None and self.push.state == Push.State.DONE

    @property
    def is_refused(self) -> bool:
        return self.push is not None and self.push.state == Push.State.REFUSED

    @property
    def is_open(self) -> bool:
        return self.push is not None and not self.is_sent and not self.is_refused


@admin.register(AtolSettings)
class AtolSettingsAdmin(EditableAdmin):
    """iRECA takes these settings and never tells them, so this copy is all there is (T40)."""

    form = AtolSettingsForm
    list_display = ("login", "inn", "kkt_group", "tax_system", "is_production")
    ordering = ("login", "id")
    change_form_outer_before_template = "admin/fiscal/atol_state.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "setting_id",
                    ("login", "password"),
                    ("inn", "kkt_group"),
                    ("tax_system", "agent_type"),
                    "is_production",
                ),
                "description": gettext_lazy(
                    "Each save is sent to iRECA. iRECA never tells these settings: what is shown is what was entered "
                    "here, and what somebody enters in the iRECA cabinet is not seen."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # iRECA knows the settings by this id, so another id would be other settings.
        fixed = ("setting_id",) if obj is not None else ()
        return (*fixed, *super().get_readonly_fields(request, obj))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.send_view)
        return [path("<path:object_id>/send/", view, name="fiscal_atolsettings_send"), *super().get_urls()]

    def send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Retry what was refused or waits; send once more what was sent."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        send_again(row)
        self.log_change(request, row, _("Sent to iRECA again."))
        self._tell_that_it_is_sent(request)
        return HttpResponseRedirect(reverse("admin:fiscal_atolsettings_change", args=[row.pk]))

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
            context["atol_warnings"] = atol.warnings(obj)
            context["atol_push"] = self._last_push(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_model(self, request: HttpRequest, obj: AtolSettings, form: forms.ModelForm, change: bool) -> None:
        """Save, and send what was changed. Both are one transaction: the admin's own."""
        super().save_model(request, obj, form, change)
        if not change or self.columns_to_save(form):  # type: ignore[arg-type]  # AtolSettingsForm is a RowForm
            push_settings(obj)
            self._tell_that_it_is_sent(request)
        for text in atol.warnings(obj):
            self.message_user(request, text, messages.WARNING)

    def _last_push(self, request: HttpRequest, row: AtolSettings) -> LastPush:
        push = pushes_of(row).first()
        may_send = self.has_change_permission(request, row)
        return LastPush(
            push,
            is_linked=request.user.has_perm("sync.view_push"),
            unavailable="" if push is not None and push.state == Push.State.DONE else unavailable(IRECA),
            send_url=reverse("admin:fiscal_atolsettings_send", args=[row.pk]) if may_send else "",
        )

    def _tell_that_it_is_sent(self, request: HttpRequest) -> None:
        self.message_user(request, _("The settings are on their way to iRECA."))
        if why := unavailable(IRECA):
            text = _("%(why)s What is to be sent stays in the queue.") % {"why": why}
            self.message_user(request, text, messages.WARNING)
