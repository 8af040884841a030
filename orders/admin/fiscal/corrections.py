"""The helper for faults of receipts: the accountant says what is wrong, the page what to print and with which figures.

Nothing is sent: iRECA takes no corrections (seed 002:1252-1270), a person prints them at the register.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from fiscal.corrections import Fault, Ffd
from fiscal.models import Receipt
from fiscal.vat import RATES
from orders import fiscal_corrections
from orders.admin.fiscal.base import NO_LEGAL_ADVICE, fiscal_page, page, sheet
from orders.fiscal_corrections import Wrong
from orders.fiscal_figures import FORMS, PREFETCH, PREFETCH_OF_RETURN
from orders.models import Order

UNSAID = ("", "–")


def _number(value: str) -> int:
    return int(value)


class FaultForm(forms.Form):
    """What is wrong. The last four are what the wrong receipt says, or should have said, as far as they matter."""

    fault = forms.ChoiceField(
        label=gettext_lazy("What is wrong"),
        choices=[(fault.value, capfirst(fault.label)) for fault in Fault],
        widget=UnfoldAdminSelectWidget(),
    )
    ffd = forms.ChoiceField(
        label=gettext_lazy("Format of fiscal documents (FFD) of the register"),
        choices=Ffd.choices,
        help_text=gettext_lazy("iRECA does not tell it; it is in the register's report on registration."),
        widget=UnfoldAdminSelectWidget(),
    )
    sum = forms.DecimalField(
        label=gettext_lazy("Sum on the wrong receipt"),
        required=False,
        min_value=Decimal("0.01"),
        max_digits=14,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    rate = forms.TypedChoiceField(label=gettext_lazy("VAT rate on the wrong receipt"), required=False, coerce=_number)
    right_rate = forms.TypedChoiceField(
        label=gettext_lazy("Right VAT rate"),
        required=False,
        coerce=_number,
        help_text=gettext_lazy("When empty, those of the order's lines."),
    )
    form = forms.TypedChoiceField(label=gettext_lazy("Payment on the wrong receipt"), required=False, coerce=_number)

    OF_FAULT = {Fault.SUM: ("sum",), Fault.VAT: ("rate", "right_rate"), Fault.PAYMENT: ("form",)}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rates = [(code, f"{code} – {rate.title}") for code, rate in RATES.items()]
        forms_ = [(code, capfirst(str(title))) for code, (_tag, title) in FORMS.items()]
        for name, choices in (("rate", rates), ("right_rate", rates), ("form", forms_)):
            self.fields[name].widget = UnfoldAdminSelectWidget(choices=[UNSAID, *choices])
            self.fields[name].choices = [UNSAID, *choices]

    def wrong(self) -> Wrong:
        """Only of a valid form; what does not belong to the fault is left out."""
        values = self.cleaned_data
        matters = self.OF_FAULT.get(values["fault"], ())

        def said(name: str) -> Any:
            return (values[name] or None) if name in matters else None

        return Wrong(
            fault=values["fault"],
            ffd=values["ffd"],
            sum=said("sum"),
            rate=RATES.get(said("rate")),
            right_rate=RATES.get(said("right_rate")),
            form=said("form"),
        )


@fiscal_page
def correction(request: HttpRequest, pk: int) -> HttpResponse:
    """Of an order, and of one of its receipts with `?receipt=`."""
    context = _prepared(request, pk)
    return page(request, "correction.html", context.pop("title"), **context)


@fiscal_page
def printed(request: HttpRequest, pk: int) -> HttpResponse:
    context = _prepared(request, pk)
    if context["documents"] is None:
        raise Http404
    return sheet(request, "correction_print.html", context.pop("title"), **context)


def _prepared(request: HttpRequest, pk: int) -> dict[str, Any]:
    parts = [*PREFETCH, *PREFETCH_OF_RETURN]
    rows = Order.objects.select_related("courier", "refund").prefetch_related(*parts)
    order = get_object_or_404(rows, pk=pk)
    receipts = list(order.receipts.all())
    chosen = request.GET.get("receipt", "")
    receipt = next((each for each in receipts if str(each.pk) == chosen), None)
    if chosen and receipt is None:
        raise Http404
    fault = Fault.SUM if receipt is not None else Fault.NO_RECEIPT
    form = FaultForm(request.GET if "fault" in request.GET else None, initial={"fault": fault, "ffd": Ffd.V12})
    documents, wrong = None, None
    if form.is_bound and form.is_valid():
        wrong = form.wrong()
        if wrong.fault == Fault.NO_RECEIPT:
            receipt = None
        documents = fiscal_corrections.prepare(order, receipt, wrong)
    since = fiscal_corrections.moment_of(order, receipt)
    return {
        "title": _("Correction for order %(number)s") % {"number": order},
        "order": order,
        "receipt": receipt,
        "receipts": receipts,
        "form": form,
        "documents": documents,
        "fault": Fault(wrong.fault).label if wrong is not None else "",
        "ffd": wrong.ffd if wrong is not None else "",
        "is_doubtful": wrong is not None and wrong.fault == Fault.NO_RECEIPT and bool(receipts),
        "basis": fiscal_corrections.basis(order, wrong) if wrong is not None else "",
        "day": fiscal_corrections.day_of(order, receipt),
        "afterwards": fiscal_corrections.afterwards(order, receipt, since, documents or []),
        "is_return": (receipt.kind if receipt is not None else fiscal_corrections.kind_of(order))
        == Receipt.Kind.RETURN,
        "print_url": f"{reverse('fiscal-correction-print', args=[order.pk])}?{request.GET.urlencode()}",
        "no_legal_advice": NO_LEGAL_ADVICE,
    }
