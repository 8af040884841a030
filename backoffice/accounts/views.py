"""The pages of one's own account: the second step, its set-up, the sessions. Mounted beside the admin."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timesince import timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp import login as otp_login
from unfold.widgets import UnfoldAdminTextInputWidget

from backoffice.accounts import agents, audit, gate, passwords, second, visits
from backoffice.accounts.models import Event, Visit
from backoffice.values import row_key


class CodeForm(forms.Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "text", "autofocus": True, "spellcheck": "false"}
        ),
    )


class OffForm(CodeForm):
    """Both are asked for: neither a found phone nor an open browser is enough."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        widget=passwords.PasswordWidget(is_new=False),
    )
    field_order = ("password", "code")

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["code"].widget.attrs.pop("autofocus")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        # The code first: it is throttled, and so guesses of the password are as well.
        if "code" in cleaned and _check(self, self.user) and not self.user.check_password(cleaned.get("password", "")):
            self.add_error("password", _("The password is wrong."))
        return cleaned


def _check(form: CodeForm, user: Any) -> bool:
    """Whether the code of a form is right; what is wrong with it is written to the form."""
    outcome = second.verify(user, form.cleaned_data["code"])
    if outcome.wait_until is not None:
        text = _("Too many wrong codes. Try again in %(time)s.") % {"time": timeuntil(outcome.wait_until)}
        form.add_error("code", text)
    elif not outcome.is_right:
        form.add_error("code", _("The code is wrong, or was used already."))
    return outcome.is_right


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def second_step(request: HttpRequest) -> HttpResponse:
    """Between the password and everything else."""
    if not request.user.is_authenticated:
        return HttpResponseRedirect(reverse("admin:login"))
    if not request.session.get(gate.DUE):
        return HttpResponseRedirect(_next(request))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _check(form, request.user):
        _passed(request)
        return HttpResponseRedirect(_next(request))
    context = {
        **admin.site.each_context(request),
        "title": _("Second step"),
        "form": form,
        "next": request.GET.get(REDIRECT_FIELD_NAME, ""),
    }
    return TemplateResponse(request, "admin/accounts/second_step.html", context)


def _passed(request: HttpRequest) -> None:
    request.session.pop(gate.DUE, None)
    request.session.cycle_key()  # whoever knew the key before knows it no more
    otp_login(request, second.of(request.user))
    audit.note(Event.Kind.SECOND_PASSED)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else reverse("admin:index")


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    authenticator = second.of(request.user)
    context = {
        **admin.site.each_context(request),
        "title": _("My account"),
        "authenticator": authenticator,
        "codes_left": second.codes_left(request.user) if authenticator else 0,
        "is_required": second.is_required(request.user),
        "visits": [
            (visit, agents.named(visit.agent), visit.pk == request.session.get(visits.VISIT))
            for visit in visits.open_of(request.user)[:100]
        ],
    }
    return TemplateResponse(request, "admin/accounts/account.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def authenticator(request: HttpRequest) -> HttpResponse:
    """Set it up: the QR code, then the first code; after that the backup codes, once."""
    if second.of(request.user) is not None:
        return HttpResponseRedirect(reverse("account"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second.confirm(request.user, form.cleaned_data["code"])
        if codes is not None:
            otp_login(request, second.of(request.user))
            visits.end_others(request, request.user, Visit.End.SECOND)
            return _codes_page(request, codes)
        form.add_error("code", _("The code is wrong. Is the clock of the phone right? Wait for the next one."))
    made = second.begin(request.user)
    spelled = second.spelled(made)
    context = {
        **admin.site.each_context(request),
        "title": _("Set up the second step"),
        "form": form,
        "qr": segno.make(second.address(made), error="m").svg_data_uri(scale=5, border=3, light="#fff"),
        "secret": " ".join(spelled[at : at + 4] for at in range(0, len(spelled), 4)),
        "is_required": second.is_required(request.user),
    }
    return TemplateResponse(request, "admin/accounts/authenticator.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def off(request: HttpRequest) -> HttpResponse:
    user: Any = request.user  # a person: the admin asks for one
    if second.of(user) is None:
        return HttpResponseRedirect(reverse("account"))
    form = OffForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            second.remove([user])
            audit.note(Event.Kind.SECOND_OFF, user)
            visits.end_others(request, user, Visit.End.SECOND)
        request.session.pop(DEVICE_ID_SESSION_KEY, None)
        messages.success(request, _("The second step is off."))
        return HttpResponseRedirect(reverse("account"))
    context = {**admin.site.each_context(request), "title": _("Turn the second step off"), "form": form}
    return TemplateResponse(request, "admin/accounts/ask.html", {**context, "button": _("Turn off"), "is_bad": True})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def codes(request: HttpRequest) -> HttpResponse:
    """New backup codes, for who proves to be himself."""
    if second.of(request.user) is None:
        return HttpResponseRedirect(reverse("account"))
    form = OffForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _codes_page(request, second.renew_codes(request.user))
    context = {**admin.site.each_context(request), "title": _("New backup codes"), "form": form}
    return TemplateResponse(request, "admin/accounts/ask.html", {**context, "button": _("Make new codes")})


def _codes_page(request: HttpRequest, made: list[str]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": _("Backup codes"), "codes": made}
    return TemplateResponse(request, "admin/accounts/codes.html", context)


@require_POST
def end_visits(request: HttpRequest) -> HttpResponse:
    """One's own: one of them, or all but this."""
    user: Any = request.user  # a person: the admin asks for one
    if wanted := request.POST.get("visit", ""):
        own = Visit.objects.filter(user=user.pk, pk=row_key(wanted))
        count = visits.end(own.exclude(pk=request.session.get(visits.VISIT, 0)), Visit.End.PERSON)
    else:
        count = visits.end_others(request, user, Visit.End.PERSON)
    if count:
        audit.note(Event.Kind.SESSION_ENDED, user, why=Visit.End.PERSON, count=count)
    messages.success(request, _("Sessions ended: %(count)s.") % {"count": count})
    return HttpResponseRedirect(reverse("account"))


urlpatterns = [
    path("password/<uidb64>/<token>/", passwords.ChooseView.as_view(), name=passwords.CHOOSE),
    path("", admin.site.admin_view(account), name="account"),
    path("second-step/", second_step, name=gate.STEP),
    path("authenticator/", admin.site.admin_view(authenticator), name=gate.SETUP),
    path("authenticator/off/", admin.site.admin_view(off), name="account-off"),
    path("codes/", admin.site.admin_view(codes), name="account-codes"),
    path("sessions/end/", admin.site.admin_view(end_visits), name="account-end-visits"),
]
