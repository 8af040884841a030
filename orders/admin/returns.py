"""The page *Return…* of a paid order: which lines, how many of each, which payments; and what the order's form tells of
its returns.

Who may return must hold two rights: to change the order, and `orders.add_refund`, for money leaves by it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
)

from backoffice.sync.admin.forms import MomentField
from backoffice.sync.admin.references import KnownAutocompleteSelect
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import refunds
from orders.models import Order, PaymentStatus, ReturnReason
from orders.refunds import NotReturnable, Returnable, Wanted

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

WINDOW = timedelta(hours=2)  # from now on, as in the seed's example (002:315-316)


class ReturnForm(forms.Form):
    """What is returned. One field for each line and each payment that has something left.

    `shared` holds the counts for which the payments on the page were worked out. Where a person changes counts and
    leaves the payments as they were shown, they are worked out anew and shown again before anything is made.
    """

    key = forms.UUIDField(widget=forms.HiddenInput)
    shared = forms.CharField(widget=forms.HiddenInput, required=False)
    reason = forms.ModelChoiceField(
        ReturnReason.objects.filter(remote_data__isnull=False),
        label=gettext_lazy("Reason"),
        widget=UnfoldAdminSelectWidget,
    )
    courier = forms.ModelChoiceField(Courier.objects.filter(remote_data__isnull=False), label=gettext_lazy("Courier"))
    payment_type = forms.ModelChoiceField(
        PaymentType.objects.filter(remote_data__isnull=False),
        label=gettext_lazy("Payment type"),
        widget=UnfoldAdminSelectWidget,
    )
    delivery_status = forms.TypedChoiceField(
        label=gettext_lazy("Begins as"),
        choices=[(code.value, code.label) for code in refunds.DELIVERY_STATUSES],
        coerce=int,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy(
            "“Taken” when the courier is with the client already, “prepared” when he is yet to go there."
        ),
    )
    start = MomentField(label=gettext_lazy("From"))
    end = MomentField(label=gettext_lazy("Until"))

    COMMON = ("reason", "courier", "payment_type", "delivery_status", "start", "end")

    def __init__(self, left: Returnable, data: Any = None) -> None:
        self.left = left
        super().__init__(data, initial=self._beginning())
        widget = KnownAutocompleteSelect(Order._meta.get_field("courier"), admin.site)
        widget.is_required, widget.choices = True, self.fields["courier"].choices
        widget.known = left.order.courier
        self.fields["courier"].widget = widget
        for item in left.lines:
            self.fields[_line_field(item.line.pk)] = _decimal(
                item.left, 3, _("To return: %(line)s") % {"line": item.line}
            )
        for payment in left.payments:
            self.fields[_payment_field(payment.key)] = _decimal(
                payment.left, 2, _("To give back: %(payment)s") % {"payment": payment.payment}
            )

    def _beginning(self) -> dict[str, Any]:
        """All that is left comes back, to the payments one after the other."""
        order, now = self.left.order, timezone.localtime().replace(second=0, microsecond=0)
        counts = {item.line.pk: item.left for item in self.left.lines}
        sums = self.left.share_out(self.left.due(counts))
        return {
            "key": uuid.uuid4(),
            "shared": _dump(counts),
            "courier": order.courier_id,
            "payment_type": order.fr_used_payment_type_id or order.payment_type_id,
            "delivery_status": refunds.DELIVERY_STATUSES[0].value,
            "start": now,
            "end": now + WINDOW,
            **{_line_field(pk): _plain(count) for pk, count in counts.items()},
            **{_payment_field(key): sum_ for key, sum_ in sums.items()},
        }

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("start") and data.get("end") and data["end"] < data["start"]:
            self.add_error("end", _("The window ends before it starts."))
        return data

    @property
    def counts(self) -> dict[int, Decimal]:
        """By key of the line; only of a valid form, as `sums`."""
        return {item.line.pk: self.cleaned_data[_line_field(item.line.pk)] or Decimal(0) for item in self.left.lines}

    @property
    def sums(self) -> dict[str, Decimal]:
        return {item.key: self.cleaned_data[_payment_field(item.key)] or Decimal(0) for item in self.left.payments}

    def shared_anew(self) -> ReturnForm | None:
        """The form with other payments, where the counts were changed and the payments left as they were shown."""
        shown, counts = self.cleaned_data["shared"], self.counts
        if shown == _dump(counts) or self.sums != self.left.share_out(self.left.due(_load(shown))):
            return None
        data = self.data.copy()
        data["shared"] = _dump(counts)
        for key, sum_ in self.left.share_out(self.left.due(counts)).items():
            data[_payment_field(key)] = str(sum_)
        return ReturnForm(self.left, data)

    def wanted(self) -> Wanted:
        data = self.cleaned_data
        return Wanted(key=data["key"], counts=self.counts, sums=self.sums, **{name: data[name] for name in self.COMMON})

    # for the template

    def line_rows(self) -> list[tuple[Any, Any]]:
        return [(item, self[_line_field(item.line.pk)]) for item in self.left.lines]

    def payment_rows(self) -> list[tuple[Any, Any]]:
        return [(item, self[_payment_field(item.key)]) for item in self.left.payments]

    def common(self) -> list[Any]:
        return [self[name] for name in self.COMMON]


class ReturnsMixin(Base):
    """The page, its address, and what the order's form shows of returns."""

    page_name: Any
    page_context: Any

    def has_return_permission(self, request: HttpRequest, order: Order) -> bool:
        return self.has_change_permission(request, order) and request.user.has_perm("orders.add_refund")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.return_view)
        return [path("<path:object_id>/return/", view, name="orders_order_return"), *super().get_urls()]

    def return_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks what is returned; POST makes the return, once for a form, and opens it."""
        order = self.get_object(request, unquote(object_id))
        if order is None:
            raise Http404
        if not self.has_return_permission(request, order):
            raise PermissionDenied
        left = refunds.returnable(order)
        form = ReturnForm(left, request.POST if request.method == "POST" else None)
        if (made := _made_by(request, order)) is not None:
            return self._opened(request, made)
        if why := left.why_not():
            messages.warning(request, why)
            return HttpResponseRedirect(reverse(self.page_name("change"), args=[order.pk]))
        if form.is_valid():
            if (again := form.shared_anew()) is not None:
                form = again
                messages.info(request, _("The payments were worked out anew. Check them and confirm."))
            else:
                try:
                    return self._opened(request, refunds.make(order.pk, form.wanted(), request.user))
                except NotReturnable as error:
                    form.add_error(None, str(error))
        context = {
            **self.page_context(request, _("Return of order %(number)s") % {"number": order}),
            "original": order,
            "form": form,
            "left": left,
            "media": self.media + form.media,
            "back": reverse(self.page_name("change"), args=[order.pk]),
        }
        return TemplateResponse(request, "admin/orders/order/return.html", context)

    def _opened(self, request: HttpRequest, refund: Order) -> HttpResponse:
        messages.success(request, _("Return %(number)s is made and goes to iRECA.") % {"number": refund})
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[refund.pk]))

    def returns_of(self, request: HttpRequest, order: Order) -> dict[str, Any]:
        """For `returns.html`: the button or why there is none, the returns made of this order, and the order
        that this one returns.
        """
        may = order.status == PaymentStatus.PAID and not order.is_refund and self.has_return_permission(request, order)
        why_not = refunds.returnable(order).why_not() if may else ""
        return {
            "url": reverse(self.page_name("return"), args=[order.pk]) if may and not why_not else "",
            "why_not": why_not,
            "made": [] if order.is_refund else list(order.refund_orders.order_by("pk")),
            "of": order.refund_of,
        }


def _made_by(request: HttpRequest, order: Order) -> Order | None:
    """The return that this form has made already: it was sent twice."""
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return None
    return Order.objects.filter(refund_key=key, refund_of=order).first()


def _decimal(maximum: Decimal, places: int, label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(0),
        max_value=maximum,
        decimal_places=places,
        required=False,
        disabled=not maximum,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"style": "max-width: 9rem", "aria-label": label}),
    )


def _line_field(pk: int) -> str:
    return f"line-{pk}"


def _payment_field(key: str) -> str:
    """By the payment itself: its place in the list may be another's when the form comes back."""
    return f"payment-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _plain(count: Decimal) -> Decimal:
    return Decimal(f"{count.normalize():f}")


def _dump(counts: Mapping[int, Decimal]) -> str:
    return json.dumps({str(pk): f"{count.normalize():f}" for pk, count in sorted(counts.items())})


def _load(text: str) -> dict[int, Decimal]:
    try:
        return {int(pk): Decimal(count) for pk, count in json.loads(text).items()}
    except (ValueError, ArithmeticError, AttributeError):
        return {}  # not what our page sent: then it holds for no counts
