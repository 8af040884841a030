"""Copy an order, and split one in two: the buttons of the order's form and the page that asks what goes.

Each form has a key of its own, which the admin's log keeps with what the form made: a double click makes it once.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from orders import copying
from orders.admin.forms import OrderForm
from orders.models import Line, Order

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

KEPT = timedelta(days=1)  # as long as a page stays open


class SplitForm(forms.Form):
    """How much of each line goes to the second order."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, lines: list[Line], data: Any = None) -> None:
        super().__init__(data, initial={"key": uuid.uuid4()})
        self.lines = lines
        for line in lines:
            label = _("To the second order: %(line)s") % {"line": line}
            self.fields[_name(line)] = forms.DecimalField(
                label=label,
                min_value=Decimal(0),
                max_value=max(line.count, Decimal(0)),
                decimal_places=3,
                required=False,
                widget=UnfoldAdminDecimalFieldWidget(attrs={"class": "line-figure", "aria-label": label}),
            )

    def rows(self) -> list[tuple[Line, Any]]:
        return [(line, self[_name(line)]) for line in self.lines]

    @property
    def counts(self) -> dict[int, Decimal]:
        """By key of the line; only of a valid form."""
        return {line.pk: self.cleaned_data[_name(line)] or Decimal(0) for line in self.lines}


class CopiesMixin(Base):
    """For OrderAdmin."""

    page_name: Any
    page_context: Any

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("<path:object_id>/copy/", wrap(require_POST(self.copy_view)), name="orders_order_copy"),
            path("<path:object_id>/split/", wrap(self.split_view), name="orders_order_split"),
            *super().get_urls(),
        ]

    def copies_of(self, request: HttpRequest, order: Order) -> dict[str, str]:
        """For `copies.html`: the addresses of what may be done."""
        may_add = self.has_add_permission(request)
        copy = reverse(self.page_name("copy"), args=[order.pk]) if may_add and not order.is_refund else ""
        may_split = (
            may_add and not order.is_refund and not order.is_closed and self.has_change_permission(request, order)
        )
        split = reverse(self.page_name("split"), args=[order.pk]) if may_split else ""
        return {"copy": copy, "split": split, "key": str(uuid.uuid4())}

    def copy_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self._found(request, object_id)
        if not (self.has_add_permission(request) and self.has_view_permission(request, order)):
            raise PermissionDenied
        window = OrderForm.window_today()
        try:
            with transaction.atomic():
                copying.lock(order.pk)  # the other click waits, and then finds what this one made
                if (made := _made_by(request)) is None:
                    made = copying.copy(order, (window["delivery_time_from"], window["delivery_time_to"]))
                    self.log_addition(request, made, _said(request))
        except copying.NotPossible as error:
            messages.warning(request, str(error))
            return self._open(order)
        text = _("This is a copy of order %(number)s. It waits here: choose “%(goes)s” to let it go.")
        goes = Order._meta.get_field("hold").choices[0][1]  # type: ignore[index]  # it has choices
        messages.success(request, text % {"number": order, "goes": goes})
        return self._open(made)

    def split_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET asks which lines go; POST makes the second order and opens it."""
        order = self._found(request, object_id)
        if not (self.has_add_permission(request) and self.has_change_permission(request, order)):
            raise PermissionDenied
        if (made := _made_by(request)) is not None:
            return self._open(made)
        if why := copying.why_no_split(order):
            messages.warning(request, why)
            return self._open(order)
        lines = [line for line in order.lines.select_related("good") if line.count > 0]
        form = SplitForm(lines, request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                with transaction.atomic():
                    copying.lock(order.pk)
                    if (made := _made_by(request)) is None:
                        made = copying.split(order.pk, form.counts)
                        self.log_change(request, order, [{"changed": {"fields": [str(_("lines"))]}}])
                        self.log_addition(request, made, _said(request))
            except copying.NotPossible as error:
                form.add_error(None, str(error))
            else:
                text = _("Order %(number)s was split: this is the second one, %(second)s. It has no courier yet.")
                messages.success(request, text % {"number": order, "second": made})
                return self._open(made)
        context = {
            **self.page_context(request, _("Split order %(number)s") % {"number": order}),
            "original": order,
            "form": form,
            "back": reverse(self.page_name("change"), args=[order.pk]),
        }
        return TemplateResponse(request, "admin/orders/order/split.html", context)

    def _found(self, request: HttpRequest, object_id: str) -> Order:
        order = self.get_object(request, unquote(object_id))
        if order is None:
            raise Http404
        return order

    def _open(self, order: Order) -> HttpResponse:
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[order.pk]))


def _key(request: HttpRequest) -> str:
    """The form's key as we wrote it, or an empty text."""
    try:
        return str(uuid.UUID(request.POST.get("key", "")))
    except ValueError:
        return ""


def _said(request: HttpRequest) -> list[dict[str, Any]]:
    """What the log notes of a new order."""
    return [{"added": {}, "form": _key(request)}]


def _made_by(request: HttpRequest) -> Order | None:
    """The order that this form has made already: it was sent twice."""
    key = _key(request)
    if not key:
        return None
    mine = LogEntry.objects.filter(
        user_id=request.user.pk or 0, action_flag=ADDITION, action_time__gte=timezone.now() - KEPT
    )
    entry = mine.filter(change_message__contains=key).first()
    return Order.objects.filter(pk=int(entry.object_id or 0)).first() if entry is not None else None


def _name(line: Line) -> str:
    return f"line-{line.pk}"
