"""Cash that couriers hand in: the form that records it, the act for the printer, the counter entry of a mistake."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from backoffice.sync.admin.forms import MomentField
from backoffice.values import whole_number
from couriers.models import Courier
from fiscal.models import CashHandover
from orders import cash
from orders.admin.fiscal.base import page
from orders.cash import HandIn, MoreThanInHand, NotRecorded

RECORD, VIEW = "fiscal.add_cashhandover", "fiscal.view_cashhandover"


class HandInForm(forms.Form):
    """Who handed in how much and when. That it is more than he should have is asked only where it is so."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    courier = forms.ModelChoiceField(
        Courier.objects.order_by("title", "pk"), label=gettext_lazy("Courier"), widget=UnfoldAdminSelectWidget
    )
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        min_value=Decimal("0.01"),
        max_digits=14,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    at = MomentField(label=gettext_lazy("Handed in at"))
    note = forms.CharField(
        label=gettext_lazy("Note"), required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )
    is_confirmed = forms.BooleanField(
        label=gettext_lazy("It is right: he handed in more than he should have in hand"),
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "is_confirmed" not in self.data:
            self.fields["is_confirmed"].widget = forms.HiddenInput()

    def ask_to_confirm(self) -> None:
        self.fields["is_confirmed"].widget = UnfoldBooleanWidget()

    def said(self) -> HandIn:
        """Of a valid form."""
        data = self.cleaned_data
        return HandIn(data["key"], data["amount"], data["at"], data["note"].strip(), data["is_confirmed"])


class ReverseForm(forms.Form):
    """Why an act is reversed."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    why = forms.CharField(
        label=gettext_lazy("What was wrong"), max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


View = Callable[..., HttpResponse]


def _for_who_records(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm(RECORD):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_http_methods(["GET", "HEAD", "POST"])(admin.site.admin_view(guarded))


@_for_who_records
def hand_in(request: HttpRequest) -> HttpResponse:
    """GET `?courier=` asks how much, and offers what he has in hand; POST records it once and opens the act."""
    form = HandInForm(request.POST) if request.method == "POST" else HandInForm(initial=_offered(request))
    if form.is_valid():
        try:
            act = cash.record(form.cleaned_data["courier"].pk, form.said(), request.user)
        except MoreThanInHand as error:
            form.add_error("amount", str(error))
            form.ask_to_confirm()
        except NotRecorded as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Act %(act)s is recorded.") % {"act": act})
            return HttpResponseRedirect(reverse("fiscal-cash-act", args=[act.pk]))
    chosen = whole_number(str(form["courier"].value()))
    return page(
        request,
        "cash.html",
        _("Record cash handed in"),
        form=form,
        text=_("It becomes an act, which is never changed. Mistakes are reversed by a counter entry.")
        + (" " + _in_hand(chosen) if chosen is not None else ""),
        button=_("Record"),
        back=reverse("admin:fiscal_cashhandover_changelist"),
    )


def _offered(request: HttpRequest) -> dict[str, Any]:
    found: dict[str, Any] = {"key": uuid.uuid4(), "at": timezone.now()}
    if (courier := whole_number(request.GET.get("courier"))) is not None:
        left = cash.in_hand(courier)
        found |= {"courier": courier, "amount": left if left > 0 else None}
    return found


def _in_hand(courier: int) -> str:
    return _("He should have %(left)s in hand.") % {"left": cash.written(cash.in_hand(courier))}


@_for_who_records
def reverse_act(request: HttpRequest, pk: int) -> HttpResponse:
    """GET asks why; POST makes the counter entry, once."""
    act = get_object_or_404(CashHandover.objects.select_related("courier"), pk=pk)
    form = ReverseForm(request.POST) if request.method == "POST" else ReverseForm(initial={"key": uuid.uuid4()})
    if form.is_valid():
        try:
            made = cash.reverse(act.pk, form.cleaned_data["key"], form.cleaned_data["why"], request.user)
        except NotRecorded as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Act %(act)s is reversed.") % {"act": act})
            return HttpResponseRedirect(reverse("fiscal-cash-act", args=[made.pk]))
    return page(
        request,
        "cash.html",
        _("Reverse act %(act)s") % {"act": act},
        form=form,
        text=_("A counter entry takes back the %(amount)s of %(courier)s; both stay in the ledger.")
        % {"amount": cash.written(act.amount), "courier": act.courier},
        button=_("Reverse"),
        back=reverse("fiscal-cash-act", args=[act.pk]),
    )


def _act(request: HttpRequest, pk: int) -> HttpResponse:
    """The act for the printer, on a page of its own."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    found = CashHandover.objects.select_related("courier", "recorded_by", "reverses")
    act = get_object_or_404(found, pk=pk)
    reversal = CashHandover.objects.filter(reverses=act).first()
    context = {
        "act": act,
        "reversal": reversal,
        "may_reverse": act.reverses_id is None and reversal is None and request.user.has_perm(RECORD),
        "back": reverse("admin:fiscal_cashhandover_changelist"),
    }
    return TemplateResponse(request, "print/cash_act.html", context)


act = require_safe(admin.site.admin_view(_act))
