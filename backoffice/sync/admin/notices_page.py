"""The pages of notices: all that a person may see, and what he wants to be told and how.

They belong to no model, so `backoffice/urls.py` mounts them beside the admin.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from backoffice.sync.admin import notices_bell
from backoffice.sync.notices import mail
from backoffice.sync.notices.models import NoticePreference
from backoffice.sync.notices.reading import gone_for, kinds_for, open_for, preference_of


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    preference = preference_of(request.user)
    shown = open_for(request.user, now, preference)
    put_off = {each.kind: each.put_off_until for each in shown if each.put_off_until is not None}
    context = {
        **admin.site.each_context(request),
        **notices_bell.states(request, now),
        "title": _("Notices"),
        "now": now,
        "shown": [each for each in shown if each.put_off_until is None],
        "put_off": put_off.items(),
        "unseen": sum(each.rings for each in shown),
        "gone": gone_for(request.user) if "gone" in request.GET else None,
        "hidden": [kind.title for kind in kinds_for(request.user) if kind.name in preference.hidden],
        "spans": [(name, words) for name, (words, _span) in notices_bell.SPANS.items()],
        "days": settings.EXCHANGE_DAYS,
    }
    return TemplateResponse(request, "admin/notices/page.html", context)


class PreferenceForm(forms.ModelForm):
    """`kinds` are those that are wanted; the row keeps those that are not, so that a new kind is told to everyone."""

    kinds = forms.MultipleChoiceField(
        label=gettext_lazy("What the bell tells"), required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = NoticePreference
        fields = ("mails_grave", "digest_at", "language")
        widgets = {
            "mails_grave": UnfoldBooleanSwitchWidget,
            "digest_at": forms.TimeInput(attrs={"type": "time", "class": "bell-time"}, format="%H:%M"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = kinds_for(self.instance.user)
        self.fields["kinds"].choices = [(kind.name, kind.title) for kind in self.offered]
        self.initial["kinds"] = [kind.name for kind in self.offered if kind.name not in self.instance.hidden]
        self.fields["language"] = forms.ChoiceField(
            label=self.fields["language"].label,
            choices=settings.LANGUAGES,
            required=False,
            widget=UnfoldAdminSelectWidget,
        )
        self.initial["language"] = self.instance.language or get_language()
        if not (mail.is_on() and self.instance.user.email):
            for name in self.Meta.fields:
                self.fields[name].disabled = True

    def save(self, commit: bool = True) -> NoticePreference:
        wanted = set(self.cleaned_data["kinds"])
        offered = {kind.name for kind in self.offered}
        # What he may not see now keeps its place.
        self.instance.hidden = sorted({*(set(self.instance.hidden) - offered), *(offered - wanted)})
        if "digest_at" in self.changed_data:
            self.instance.plan_digest(timezone.now())
        if self.instance.mail_failures:
            self.instance.due_at = timezone.now()  # what was wrong may be mended
        saved: NoticePreference = super().save(commit)
        return saved


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """Of the person who asks, and of nobody else."""
    preference = preference_of(request.user)
    form = PreferenceForm(request.POST or None, instance=preference)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(reverse("notices-settings"))
    context = {
        **admin.site.each_context(request),
        "title": _("What I am told"),
        "form": form,
        "preference": preference,
        "mail_is_on": mail.is_on(),
        "failing": NoticePreference.objects.filter(mail_failures__gt=0).select_related("user").order_by("user")[:50]
        if request.user.has_perm("sync.view_worker")
        else (),
    }
    return TemplateResponse(request, "admin/notices/settings.html", context)


urlpatterns = [
    path("", admin.site.admin_view(notices), name="notices"),
    path("settings/", admin.site.admin_view(preferences), name="notices-settings"),
    path("count/", notices_bell.count, name="notices-count"),
    path("panel/", admin.site.admin_view(notices_bell.panel), name="notices-panel"),
    path("seen/", admin.site.admin_view(notices_bell.seen), name="notices-seen"),
    path("put-off/", admin.site.admin_view(notices_bell.put_off), name="notices-put-off"),
]
