"""The pages of reports by mail: ask for one beside the saved views, and see and end one's own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backoffice.reports.access import Reader, for_readers
from backoffice.reports.models import ReportSubscription
from backoffice.reports.registry import MENU_BY_NAME, entry_of
from backoffice.reports.report import Page, Report, page_of
from backoffice.sync import lease
from backoffice.sync.notices import mail

EVERY_DAY = "day"


class SubscriptionForm(forms.Form):
    """Which of one's views comes when, and as what."""

    weekday = forms.ChoiceField(
        label=gettext_lazy("When"), choices=[(EVERY_DAY, gettext_lazy("every day")), *WEEKDAYS.items()]
    )
    hour = forms.TypedChoiceField(
        label=gettext_lazy("at"), choices=[(hour, f"{hour:02}:00") for hour in range(24)], coerce=int, initial=8
    )
    format = forms.ChoiceField(label=gettext_lazy("as"), choices=ReportSubscription.Format.choices)

    def __init__(self, reader: Reader, report: Report | Page, data: Any = None) -> None:
        super().__init__(data, auto_id="report-mail-%s")
        self.reader = reader
        self.fields["view"] = forms.ModelChoiceField(
            label=gettext_lazy("Saved view"), queryset=reader.views(page_of(report)), empty_label=None
        )
        self.order_fields(("view",))

    def save(self) -> ReportSubscription:
        """A view that comes already comes anew: it is not stopped, and its failures are forgotten."""
        view, weekday = self.cleaned_data["view"], self.cleaned_data["weekday"]
        key: dict[str, Any] = {"owner_id": self.reader.user.pk, "view": view}
        wanted = ReportSubscription(
            **key, weekday=None if weekday == EVERY_DAY else int(weekday), hour=self.cleaned_data["hour"]
        )
        values = {
            "title": view.title,
            "weekday": wanted.weekday,
            "hour": wanted.hour,
            "format": self.cleaned_data["format"],
            "language": get_language() or "",
            "due_at": wanted.next_after(timezone.now()),
            "stopped": "",
            "failures": 0,
            "error": "",
            **lease.RELEASED,
        }
        saved, _is_new = ReportSubscription.objects.update_or_create(**key, defaults=values)
        return saved


def of(reader: Reader) -> QuerySet[ReportSubscription]:
    return ReportSubscription.objects.filter(owner=reader.user.pk).select_related("view").order_by("title", "pk")


def context(reader: Reader, report: Report | Page) -> dict[str, Any]:
    """What the page of a report says of mails; nothing to who may not export it."""
    if not reader.may_export:
        return {}
    return {
        "why_no_mail": why_no_mail(reader),
        "mail_form": SubscriptionForm(reader, report),
        "mails": of(reader).filter(view__page=page_of(report)),
    }


def why_no_mail(reader: Reader) -> str:
    """What has to be done before this reader gets mail; nothing where nothing has."""
    if not mail.is_on():
        return _("Mail is off: nothing is sent until an administrator sets a mail server.")
    if not reader.user.email:
        return _("Your account has no e-mail address: ask an administrator to fill it in.")
    return ""


@require_safe
@for_readers
def mails(request: HttpRequest, reader: Reader) -> HttpResponse:
    """One's own."""
    found = [(each, _address(each)) for each in of(reader)]
    return TemplateResponse(
        request,
        "reports/mails.html",
        {**admin.site.each_context(request), "title": _("Reports by mail"), "mails": found, "mail_is_on": mail.is_on()},
    )


def _address(subscription: ReportSubscription) -> str:
    """Of its view; nowhere where there is none any more."""
    view = subscription.view
    report = entry_of(view)
    return f"{reverse('report', args=[report.name])}?{view.query}" if report is not None and view is not None else ""


@require_POST
@for_readers
def subscribe(request: HttpRequest, reader: Reader, name: str) -> HttpResponse:
    report = MENU_BY_NAME.get(name)
    if report is None:
        raise Http404
    if not (report.may_be_seen_by(reader) and reader.may_export):
        raise PermissionDenied
    form = SubscriptionForm(reader, report, request.POST)
    if reason := why_no_mail(reader):
        messages.error(request, reason)
        return HttpResponseRedirect(reverse("report", args=[name]))
    if not form.is_valid():
        messages.error(request, _("Choose a saved view, a day and an hour."))
        return HttpResponseRedirect(reverse("report", args=[name]))
    saved = form.save()
    messages.success(request, _("“%(title)s” will come by mail: %(when)s.") % {"title": saved, "when": saved.when})
    return HttpResponseRedirect(reverse("report-mails"))


@require_POST
@for_readers
def unsubscribe(request: HttpRequest, reader: Reader, pk: int) -> HttpResponse:
    found = of(reader).filter(pk=pk).first()
    if found is None:
        raise Http404
    found.delete()
    messages.success(request, _("“%(title)s” does not come by mail any more.") % {"title": found.title})
    return HttpResponseRedirect(reverse("report-mails"))
