"""The order desk: what the list of orders has beyond a list.

Tabs of ready and of saved views; columns that one chooses; the courier, changed in the row; a card that opens an order
beside the list. The list looks by itself for what has changed (`static/orders/desk.js`): it asks for its own address
again, so that there is one way in which a row is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from backoffice.values import row_key
from couriers.models import Courier
from orders import actions, timeline
from orders.admin import labels
from orders.models import ListColumns, SavedView

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

PAGE = "orders"
LIST = "admin:orders_order_changelist"
EVENTS = 6  # of the timeline, on the card
SHOWN_LINES = 50  # on the card, likewise

# (title, query) of what a dispatcher asks for all day.
TABS: Sequence[tuple[Any, dict[str, str]]] = (
    (gettext_lazy("Today"), {"day": "today"}),
    (gettext_lazy("Unassigned"), {"day": "today", "attention": "no_courier"}),
    (gettext_lazy("In delivery"), {"delivery_status": "7"}),
    (gettext_lazy("Late"), {"day": "late"}),
    (gettext_lazy("To agree"), {"day": "today", "attention": "to_agree"}),
    (gettext_lazy("Problems"), {"attention": "problems"}),
)


class SaveForm(forms.ModelForm):
    class Meta:
        model = SavedView
        fields = ("title", "query", "is_shared")

    def clean_query(self) -> str:
        """Filters only: a page number or what was selected is of the moment."""
        pairs = parse_qsl(self.cleaned_data["query"], keep_blank_values=True)
        return urlencode([(name, value) for name, value in pairs if name not in ("p", "_popup", "_to_field")])


class ColumnsForm(forms.Form):
    columns = forms.MultipleChoiceField(label=gettext_lazy("Columns"), widget=UnfoldAdminCheckboxSelectMultipleWidget)


class DeskMixin(Base):
    """For OrderAdmin. `list_display` are the columns that are shown to who has chosen none, `more_columns` the rest."""

    list_before_template = "admin/orders/order/desk.html"
    sync_badge: Any
    more_columns: Sequence[str] = ()

    class Media:
        js = (Script("orders/desk.js", defer=True),)  # it looks for what the page has below
        css = {"all": ("orders/desk.css",)}

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("views/", wrap(require_POST(self.save_view)), name="orders_order_save_view"),
            path("views/<int:pk>/delete/", wrap(require_POST(self.delete_view_of)), name="orders_order_delete_view"),
            path("columns/", wrap(self.columns_view), name="orders_order_columns"),
            path("<int:pk>/card/", wrap(require_safe(self.card_view)), name="orders_order_card"),
            path("<int:pk>/courier/", wrap(require_POST(self.courier_view)), name="orders_order_courier"),
            *super().get_urls(),
        ]

    # the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may_assign = self.has_change_permission(request)
        context = {
            "tabs": self._tabs(request),
            "may_share": request.user.has_perm("orders.add_savedview"),
            "couriers": named_couriers() if may_assign else {},
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def _tabs(self, request: HttpRequest) -> list[dict[str, Any]]:
        asked = _pairs(request.GET.urlencode())
        address = reverse(LIST)
        tabs = [
            {"title": title, "url": f"{address}?{urlencode(query)}", "is_current": asked == sorted(query.items())}
            for title, query in TABS
        ]
        for view in SavedView.objects.seen_by(request.user.pk, PAGE):
            is_own = view.owner_id == request.user.pk
            may_delete = is_own or request.user.has_perm("orders.delete_savedview")
            tabs.append(
                {
                    "title": view.title,
                    "url": f"{address}?{view.query}",
                    "is_current": asked == _pairs(view.query),
                    "whose": "" if is_own else str(view.owner),
                    "delete_url": reverse("admin:orders_order_delete_view", args=[view.pk]) if may_delete else "",
                }
            )
        return tabs

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        chosen = ListColumns.objects.filter(owner_id=request.user.pk, page=PAGE).first()
        if chosen is None:
            return list(columns)
        offered = [*columns, *self.more_columns]
        # The number stays: it leads to the order.
        return [name for name in offered if name in chosen.columns or name == columns[0]]

    # what can be done

    def save_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = SaveForm(request.POST)
        if not form.is_valid():
            messages.error(request, " ".join(str(text) for texts in form.errors.values() for text in texts))
            return HttpResponseRedirect(reverse(LIST))
        said = form.cleaned_data
        is_shared = said["is_shared"] and request.user.has_perm("orders.add_savedview")
        SavedView.objects.update_or_create(
            owner_id=request.user.pk,
            page=PAGE,
            title=said["title"],
            defaults={"query": said["query"], "is_shared": is_shared},
        )
        messages.success(request, _("Saved as “%(title)s”.") % {"title": said["title"]})
        return HttpResponseRedirect(f"{reverse(LIST)}?{said['query']}")

    def delete_view_of(self, request: HttpRequest, pk: int) -> HttpResponse:
        view = SavedView.objects.seen_by(request.user.pk, PAGE).filter(pk=pk).first()
        if view is None:
            raise Http404
        if view.owner_id != request.user.pk and not request.user.has_perm("orders.delete_savedview"):
            raise PermissionDenied
        view.delete()
        messages.success(request, _("The view “%(title)s” was deleted.") % {"title": view.title})
        return HttpResponseRedirect(reverse(LIST))

    def columns_view(self, request: HttpRequest) -> HttpResponse:
        """Choose the columns of one's own list; nothing chosen is what we think best."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        usual = super().get_list_display(request)
        offered = [*usual, *self.more_columns]
        form = ColumnsForm(request.POST or None, initial={"columns": self.get_list_display(request)})
        form.fields["columns"].choices = [(name, self._title_of(name)) for name in offered[1:]]
        form.fields["columns"].required = "usual" not in request.POST
        if request.method == "POST" and form.is_valid():
            mine = ListColumns.objects.filter(owner_id=request.user.pk, page=PAGE)
            if "usual" in request.POST:
                mine.delete()
            else:
                columns = {"columns": form.cleaned_data["columns"]}
                ListColumns.objects.update_or_create(owner_id=request.user.pk, page=PAGE, defaults=columns)
            return HttpResponseRedirect(reverse(LIST))
        context = {**self.admin_site.each_context(request), "title": _("Columns of the list"), "form": form}
        context |= {"opts": self.model._meta, "back": reverse(LIST)}
        return TemplateResponse(request, "admin/orders/order/columns.html", context)

    def _title_of(self, name: str) -> str:
        return str(admin.utils.label_for_field(name, self.model, self))

    def card_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """An order at a glance, to be shown beside the list."""
        rows = self.get_queryset(request).select_related("client", "courier", "source", "payment_type")
        order = rows.filter(pk=pk).first()
        if order is None:
            raise Http404
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        context = {
            "order": order,
            "lines": order.lines.select_related("good")[:SHOWN_LINES],
            "more_lines": max(0, order.lines.count() - SHOWN_LINES),
            "facts": self._facts(order),
            "events": timeline.of_order(order, limit=EVENTS).entries,
            "may_change": self.has_change_permission(request, order),
        }
        return TemplateResponse(request, "admin/orders/order/card.html", context)

    def _facts(self, order: Any) -> dict[str, Any]:
        return {
            "window": labels.window(order.delivery_time_from, order.delivery_time_to),
            "phone": labels.phone_link(order if order.phone or order.client is None else order.client),
            "delivery": labels.delivery_badge(order.delivery_status),
            "payable": formats.localize(order.payable),
            "payment": labels.payment_badge(order.status),
            "change": labels.change_to_bring(order),
            "sync": self.sync_badge(order),
        }

    def courier_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give one order to a courier, from its row. Answers {"done": …, "text": …}."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        courier = Courier.objects.filter(pk=row_key(request.POST.get("courier"))).first()
        if courier is None:
            return JsonResponse({"done": False, "text": _("There is no such courier.")}, status=400)
        for outcome in actions.assign([pk], courier, request.user):
            return JsonResponse({"done": outcome.done, "text": f"{outcome.order}: {outcome.text}"})
        raise Http404


def named_couriers() -> dict[str, int]:
    """Couriers by a name that tells them apart."""
    named: dict[str, int] = {}
    known = Courier.objects.exclude(remote_data={}, title=F("ireca_id")).order_by("title", "pk")
    for pk, title, phone in known.values_list("pk", "title", "phone"):
        name = title if title not in named else f"{title} · {phone or pk}"
        named[name] = pk
    return named


def _pairs(query: str) -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in parse_qsl(query) if name not in ("p", "o", "q"))
