"""The page "Audit": who did what, when, to which row. Nothing of it can be changed, by anybody.

It stands in the place of the list of events; `backoffice/accounts/trail.py` reads it.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from backoffice.accounts import trail
from backoffice.accounts.models import Event
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.values import check_day, moment, whole_number


class AskForm(forms.Form):
    """What the page is narrowed to. All may be empty."""

    who = forms.CharField(label=gettext_lazy("Who"), required=False, widget=UnfoldAdminTextInputWidget)
    kind = forms.ChoiceField(label=gettext_lazy("Event"), required=False, widget=UnfoldAdminSelectWidget)
    what = forms.ChoiceField(label=gettext_lazy("Of kind"), required=False, widget=UnfoldAdminSelectWidget)
    key = forms.CharField(label=gettext_lazy("Key"), required=False, widget=UnfoldAdminTextInputWidget)
    since = forms.DateField(
        label=gettext_lazy("From day"), required=False, widget=UnfoldAdminDateWidget, validators=[check_day]
    )
    until = forms.DateField(
        label=gettext_lazy("To day"), required=False, widget=UnfoldAdminDateWidget, validators=[check_day]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.models = {model._meta.label_lower: model for model in trail.models()}
        titles = [(label, capfirst(str(model._meta.verbose_name))) for label, model in self.models.items()]
        kind, what = self.fields["kind"], self.fields["what"]
        assert isinstance(kind, forms.ChoiceField)
        assert isinstance(what, forms.ChoiceField)
        kind.choices = [("", _("all")), *((value, capfirst(str(label))) for value, label in Event.Kind.choices)]
        what.choices = [("", _("all")), *titles]

    def clean_who(self) -> User | None:
        name = self.cleaned_data["who"].strip()
        person = User.objects.filter(username=name).first() if name else None
        if name and person is None:
            raise forms.ValidationError(_("There is nobody of this name."))
        return person

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("key") and not cleaned.get("what"):
            self.add_error("what", _("Say of what kind the key is."))
        return cleaned

    def asked(self, moment: datetime | None, skip: int) -> trail.Asked:
        """`moment` and `skip`: where the page before this one ended."""
        given = self.cleaned_data
        return trail.Asked(
            given["who"],
            self.models.get(given["what"]),
            given["key"].strip(),
            given["kind"],
            _midnight(given["since"]) if given["since"] else None,
            _midnight(given["until"] + timedelta(days=1)) if given["until"] else None,
            moment,
            skip if moment is not None else 0,
        )


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


@admin.register(Event)
class EventAdmin(ViewOnlyAdmin):
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = AskForm(request.GET)
        entries: list[trail.Entry] = []
        older = ""
        query: dict[str, Any] = {name: value for name, value in request.GET.items() if name not in ("at", "skip")}
        if form.is_valid():
            asked = form.asked(moment(request.GET.get("at", "")), whole_number(request.GET.get("skip")) or 0)
            entries = trail.page(asked)
            if len(entries) > trail.PAGE:
                at, shown = trail.next_page(asked, entries[: trail.PAGE])
                older = urlencode({**query, "at": at.isoformat(), "skip": shown})
        context = {
            **self.admin_site.each_context(request),
            "title": _("Audit"),
            "opts": self.opts,
            "form": form,
            "entries": [(entry, _address(request, entry)) for entry in entries[: trail.PAGE]],
            "older": older,
            "newest": urlencode(query) if "at" in request.GET else None,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/accounts/audit.html", context)


def _address(request: HttpRequest, entry: trail.Entry) -> str:
    """Where the row is to be seen, for who may see it."""
    if entry.model is None or not entry.key or entry.model is Event:
        return ""
    opts = entry.model._meta
    if not request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}"):
        return ""
    try:
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[entry.key])
    except NoReverseMatch:
        return ""
