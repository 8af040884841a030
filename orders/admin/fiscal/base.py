"""What the fiscal pages share: who may see them, and a page of the admin or a sheet for the printer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from orders import conditions
from orders.models import Order, PaymentStatus

VIEW = ("fiscal.view_receipt", "orders.view_order")
NO_LEGAL_ADVICE = _("What is said here holds as a rule; it is no legal advice.")

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]


def fiscal_page(view: View[Parameters]) -> View[Parameters]:
    """A page for who may see both receipts and orders; others are asked to log in, or refused."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
        if not request.user.has_perms(VIEW):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_safe(admin.site.admin_view(guarded))


def correction_of(request: HttpRequest, order: Order) -> dict[str, Any] | None:
    """For the order's form: where the helper for corrections is, and whether a receipt is missing that is due."""
    if order.status != PaymentStatus.PAID or not request.user.has_perms(VIEW):
        return None
    is_late = Order.objects.filter(conditions.NO_RECEIPT, pk=order.pk).exists()
    return {"url": reverse("fiscal-correction", args=[order.pk]), "is_late": is_late}


def page(request: HttpRequest, template: str, title: str, *, status: int = 200, **context: Any) -> HttpResponse:
    """A page in the admin's frame."""
    context = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/fiscal/control/{template}", context, status=status)


def sheet(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page for the printer, without the admin's frame."""
    context = {"title": title, "printed_at": timezone.now(), **context}
    return TemplateResponse(request, f"admin/fiscal/control/{template}", context)
