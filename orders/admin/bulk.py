"""Pages of the bulk actions: ask, do, tell for each order what happened, and return to the list as it was filtered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from backoffice.sync import clients
from backoffice.sync.admin.forms import MomentField
from backoffice.sync.admin.references import KnownAutocompleteSelect
from backoffice.values import row_key, whole_numbers
from couriers.models import Courier
from orders import actions, conditions, undo
from orders.admin.forms import OrderForm
from orders.models import BulkChange, DeliveryStatus, Order, ReturnReason

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

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
    start = MomentField(label=gettext_lazy("Deliver from"))
    end = MomentField(label=gettext_lazy("Deliver until"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("start") and data.get("end") and data["end"] < data["start"]:
            self.add_error("end", _("The window ends before it starts."))
        return data


class ShiftForm(forms.Form):
    days = forms.IntegerField(
        label=gettext_lazy("Days"),
        initial=1,
        required=False,
        min_value=-366,
        max_value=366,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=gettext_lazy("Each order keeps the hours of its own window. A negative number moves it earlier."),
    )
    hours = forms.IntegerField(
        label=gettext_lazy("Hours"), required=False, min_value=-23, max_value=23, widget=UnfoldAdminIntegerFieldWidget
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and not (data.get("days") or data.get("hours")):
            self.add_error("days", _("Say by how many days or hours."))
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


class StateForm(forms.Form):
    state = forms.TypedChoiceField(
        label=gettext_lazy("State"),
        choices=[(status.value, status.label) for status in DeliveryStatus if status != DeliveryStatus.CANCELLED],
        coerce=lambda value: DeliveryStatus(int(value)),
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("Cancelling asks for a reason: it is an action of its own."),
    )


class PaidForm(forms.Form):
    paid = forms.TypedChoiceField(
        label=gettext_lazy("Payment"),
        choices=[("1", gettext_lazy("Paid")), ("0", gettext_lazy("Not paid"))],
        coerce=lambda value: value == "1",
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The payment status. Payments themselves come from the registers."),
    )


class BulkActionsMixin(Base):
    """The dispatcher's actions of the order list."""

    BULK_ACTIONS = (
        *("assign_courier", "hand_over", "cancel_orders", "shift_window", "move_window"),
        *("change_address", "set_agreed", "set_state", "set_paid", "pull_receipts"),
    )

    @action(description=gettext_lazy("Assign courier"), permissions=["change"])
    def assign_courier(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            # The list may have named the courier already (desk.js).
            AssignForm(request.POST if CONFIRM in request.POST else None, initial=_named_courier(request)),
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

    @action(description=gettext_lazy("Move windows by days or hours"), permissions=["change"])
    def shift_window(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            ShiftForm(request.POST if CONFIRM in request.POST else None),
            title=_("Move the delivery windows"),
            submit=_("Move the windows"),
            run=lambda ids, data: actions.shift_window(ids, data["days"] or 0, data["hours"] or 0, request.user),
        )

    @action(description=gettext_lazy("Give one window to all"), permissions=["change"])
    def move_window(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        today = OrderForm.window_today()
        return self._ask(
            request,
            queryset,
            MoveForm(
                request.POST if CONFIRM in request.POST else None,
                initial={"start": today["delivery_time_from"], "end": today["delivery_time_to"]},
            ),
            title=_("Give all orders one delivery window"),
            submit=_("Give this window"),
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

    @action(description=gettext_lazy("Set the state"), permissions=["change"])
    def set_state(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            StateForm(request.POST if CONFIRM in request.POST else None),
            title=_("How far the orders are"),
            submit=_("Set the state"),
            run=lambda ids, data: actions.set_state(ids, data["state"], request.user),
        )

    @action(description=gettext_lazy("Mark as paid or not"), permissions=["change"])
    def set_paid(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._ask(
            request,
            queryset,
            PaidForm(request.POST if CONFIRM in request.POST else None),
            title=_("Paid or not"),
            submit=_("Mark the orders"),
            run=lambda ids, data: actions.set_paid(ids, data["paid"], request.user),
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

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.undo_view)
        return [path("undo/<int:change>/", view, name="orders_order_undo"), *super().get_urls()]

    def undo_view(self, request: HttpRequest, change: int) -> HttpResponse:
        """Take a bulk change of one's own back, once it is confirmed."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = BulkChange.objects.filter(pk=change, user_id=request.user.pk or 0).first()
        if found is None:
            raise Http404
        back = reverse("admin:orders_order_changelist")
        if request.method == "POST":
            try:
                told = [actions.Outcome(*outcome) for outcome in undo.undo(change, request.user)]
            except undo.TooLate as why:
                messages.error(request, str(why))
            else:
                tell_outcomes(request, told)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Take back: %(change)s") % {"change": found},
            "too_late": undo.too_late(found),
            "count": len(found.before),
            "opts": self.model._meta,
            "back": back,
        }
        return TemplateResponse(request, "admin/orders/order/undo.html", context)

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
            ids = whole_numbers(request.POST.getlist(ACTION_CHECKBOX_NAME))
        else:
            ids = list(queryset.values_list("pk", flat=True))
        if form.is_valid():
            tell_outcomes(request, run(ids, form.cleaned_data))
            return HttpResponseRedirect(request.get_full_path())
        # Who chose an action types next, and confirms with Enter.
        next(iter(form.fields.values())).widget.attrs["autofocus"] = True
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            "form": form,
            "media": self.media + form.media,
            "ids": ids,
            "named": Order.objects.filter(pk__in=ids[:NAMED]).only("number", "ireca_id").order_by("pk"),
            "more": max(0, len(ids) - NAMED),
            "finished": Order.objects.filter(pk__in=ids).exclude(conditions.IS_OPEN).count(),
            "action": request.POST.get("action", ""),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "confirm": CONFIRM,
            "button": submit,
            "danger": danger,
            "back": request.get_full_path(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/orders/order/bulk_action.html", context)


def _named_courier(request: HttpRequest) -> dict[str, Courier | None]:
    return {"courier": Courier.objects.filter(pk=row_key(request.POST.get("courier"))).first()}


def tell_outcomes(request: HttpRequest, outcomes: Iterable[actions.Outcome]) -> None:
    """One message for each thing that happened: how many orders, and the first of them by number."""
    groups: dict[tuple[bool, str], list[Order]] = defaultdict(list)
    change = None
    for outcome in outcomes:
        groups[outcome.done, outcome.text].append(outcome.order)
        change = outcome.change or change
    if not groups:
        messages.warning(request, _("None of the selected orders is there any more."))
    for (done, text), orders in sorted(groups.items(), key=lambda group: not group[0][0]):
        count = ngettext("%(count)s order", "%(count)s orders", len(orders)) % {"count": len(orders)}
        if not done:
            count = _("%(count)s, not done") % {"count": count}
        links = format_html_join(
            ", ",
            '<a class="underline" href="{}">{}</a>',
            ((reverse("admin:orders_order_change", args=[order.pk]), order) for order in orders[:NAMED]),
        )
        rest = len(orders) - NAMED
        more = _(" and %(count)s more") % {"count": rest} if rest > 0 else ""
        if done and change is not None:
            url = reverse("admin:orders_order_undo", args=[change])
            more = format_html('{} <a class="underline font-semibold" href="{}">{}</a>', more, url, _("Undo…"))
        level = messages.SUCCESS if done else messages.WARNING
        messages.add_message(request, level, format_html("<b>{}: {}.</b> {}{}", count, text, links, more))
