"""Pages of the bulk actions: ask, do, tell for each order what happened, and return to the list as it was filtered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from backoffice.sync import clients
from backoffice.sync.admin.references import KnownAutocompleteSelect
from couriers.models import Courier
from orders import actions
from orders.admin.forms import OrderForm
from orders.models import Order, ReturnReason

CONFIRM = "confirm"
NAMED = 20  # orders that a page or a message names one by one


class AssignForm(forms.Form):
    courier = forms.ModelChoiceField(Courier.objects.all(), label=gettext_lazy("Courier"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = KnownAutocompleteSelect(Order._meta.get_field("courier"), admin.site)
        widget.is_required, widget.choices = True, self.fields["courier"].choices
        self.fields["courier"].widget = widget


class CancelForm(forms.Form):
    reason = forms.ModelChoiceField(
        ReturnReason.objects.all(), label=gettext_lazy("Reason"), widget=UnfoldAdminSelectWidget
    )


class MoveForm(forms.Form):
    start = forms.SplitDateTimeField(label=gettext_lazy("Deliver from"), widget=UnfoldAdminSplitDateTimeWidget)
    end = forms.SplitDateTimeField(label=gettext_lazy("Deliver until"), widget=UnfoldAdminSplitDateTimeWidget)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("start") and data.get("end") and data["end"] < data["start"]:
            self.add_error("end", _("The window ends before it starts."))
        return data


class AddressForm(forms.Form):
    line = forms.CharField(
        label=gettext_lazy("Address in one line"),
        help_text=gettext_lazy(
            "City, street, house, flat. It replaces the exact address; the order shows the parts once iRECA has "
            "found them."
        ),
        widget=UnfoldAdminTextInputWidget,
    )


class AgreedForm(forms.Form):
    agreed = forms.TypedChoiceField(
        label=gettext_lazy("With the client"),
        choices=[("1", gettext_lazy("Agreed")), ("0", gettext_lazy("Not agreed"))],
        coerce=lambda value: value == "1",
        widget=UnfoldAdminSelectWidget,
    )


class BulkActionsMixin:
    """The dispatcher's actions of the order list."""

    BULK_ACTIONS = (
        *("assign_courier", "hand_over", "cancel_orders", "move_window", "change_address", "set_agreed"),
        "pull_receipts",
    )

    @action(description=gettext_lazy("Assign courier"), permissions=["change"])
    def assign_courier(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            AssignForm(request.POST if CONFIRM in request.POST else None),
            title=_("Assign a courier"),
            submit=_("Assign the courier"),
            run=lambda ids, data: actions.assign(ids, data["courier"], request.user),
        )

    @action(description=gettext_lazy("Cancel with reason"), permissions=["change"])
    def cancel_orders(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            CancelForm(request.POST if CONFIRM in request.POST else None),
            title=_("Cancel orders"),
            submit=_("Cancel the orders"),
            danger=True,
            run=lambda ids, data: actions.cancel(ids, data["reason"], request.user),
        )

    @action(description=gettext_lazy("Move window"), permissions=["change"])
    def move_window(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        today = OrderForm.window_today()
        return self._ask(
            request,
            queryset,
            MoveForm(
                request.POST if CONFIRM in request.POST else None,
                initial={"start": today["delivery_time_from"], "end": today["delivery_time_to"]},
            ),
            title=_("Move the delivery window"),
            submit=_("Move the window"),
            run=lambda ids, data: actions.move_window(ids, data["start"], data["end"], request.user),
        )

    @action(description=gettext_lazy("Change address"), permissions=["change"])
    def change_address(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            AddressForm(request.POST if CONFIRM in request.POST else None),
            title=_("Change the delivery address"),
            submit=_("Change the address"),
            run=lambda ids, data: actions.change_address(ids, data["line"], request.user),
        )

    @action(description=gettext_lazy("Mark as agreed or not"), permissions=["change"])
    def set_agreed(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            AgreedForm(request.POST if CONFIRM in request.POST else None),
            title=_("Agreed with the client"),
            submit=_("Mark the orders"),
            run=lambda ids, data: actions.set_agreed(ids, data["agreed"], request.user),
        )

    @action(description=gettext_lazy("Hand over to the couriers"), permissions=["change"])
    def hand_over(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        tell_outcomes(request, actions.hand_over(ids, request.user))
        return HttpResponseRedirect(request.get_full_path())

    @action(description=gettext_lazy("Pull receipts"), permissions=["change"])
    def pull_receipts(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        ids = list(queryset.order_by().values_list("pk", flat=True))
        # More than a few are left to the worker, and then no client is needed.
        client = clients.client() if len(ids) <= actions.READ_AT_ONCE else None
        tell_outcomes(request, actions.pull_receipts(ids, client))
        return HttpResponseRedirect(request.get_full_path())

    def _ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[Order],
        form: forms.Form,
        *,
        title: str,
        submit: str,
        run: Callable[[Collection[int], dict[str, Any]], Iterable[actions.Outcome]],
        danger: bool = False,
    ) -> HttpResponse:
        """The form first; once it is confirmed and valid, the change, and back to the list with its filters."""
        if form.is_bound:
            # The keys that the page showed: an order that has left the filter meanwhile gets its answer too.
            ids = [int(value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME) if value.isdigit()]
        else:
            ids = list(queryset.values_list("pk", flat=True))
        if form.is_valid():
            tell_outcomes(request, run(ids, form.cleaned_data))
            return HttpResponseRedirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            "form": form,
            "media": self.media + form.media,
            "ids": ids,
            "named": Order.objects.filter(pk__in=ids[:NAMED]).only("number", "ireca_id").order_by("pk"),
            "more": max(0, len(ids) - NAMED),
            "action": request.POST.get("action", ""),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "confirm": CONFIRM,
            "button": submit,
            "danger": danger,
            "back": request.get_full_path(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/orders/order/bulk_action.html", context)


def tell_outcomes(request: HttpRequest, outcomes: Iterable[actions.Outcome]) -> None:
    """One message for each thing that happened: how many orders, and the first of them by number."""
    groups: dict[tuple[bool, str], list[Order]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.done, outcome.text].append(outcome.order)
    if not groups:
        messages.warning(request, _("None of the selected orders is there any more."))
    for (done, text), orders in sorted(groups.items(), key=lambda group: not group[0][0]):
        count = ngettext("%(count)s order", "%(count)s orders", len(orders)) % {"count": len(orders)}
        links = format_html_join(
            ", ",
            '<a class="underline" href="{}">{}</a>',
            ((reverse("admin:orders_order_change", args=[order.pk]), order) for order in orders[:NAMED]),
        )
        rest = len(orders) - NAMED
        more = _(" and %(count)s more") % {"count": rest} if rest > 0 else ""
        level = messages.SUCCESS if done else messages.WARNING
        messages.add_message(request, level, format_html("<b>{}: {}.</b> {}{}", count, text, links, more))
