"""What the order's form asks the server for while somebody types: goods, clients, sums. JSON, for who may edit orders.

The pages' side is in `static/orders/form_*.js`. Nothing is written here but a new client.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import formats
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backoffice.sync import dictionaries
from backoffice.sync.personal import is_hidden
from backoffice.values import row_key
from catalog.models import Good, Stock
from couriers import views as couriers
from fiscal.vat import KOPECK
from orders.admin import checks, labels, search, typed
from orders.models import Client, DeliveryStatus, Order
from orders.sums import spread

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

LAST_ORDERS = 5
ADDRESS = ("postindex", "city", "street", "home", "apartment", "latitude", "longitude")
PERSON = ("firstname", "lastname", "phone", "inn", "email")


class AssistMixin(Base):
    """For OrderAdmin: the addresses, and what the page of the form needs to know of them."""

    def get_urls(self) -> list[Any]:
        views = (
            ("goods", require_safe(self.goods_view)),
            ("clients", require_safe(self.clients_view)),
            ("new-client", require_POST(self.new_client_view)),
            ("sums", require_POST(self.sums_view)),
        )
        wrap = self.admin_site.admin_view
        return [
            *(path(f"form/{name}/", wrap(view), name=f"orders_order_form_{name}") for name, view in views),
            path("form/clients/<int:pk>/", wrap(require_safe(self.client_view)), name="orders_order_form_client"),
            *super().get_urls(),
        ]

    def assist_of(self, request: HttpRequest, order: Order | None) -> dict[str, Any]:
        """For `form_top.html`: addresses and words, as JSON of the page."""
        user = request.user
        return {
            "order": order.pk if order is not None else "",
            "map": couriers.map_config(),
            "goods": reverse("admin:orders_order_form_goods") if user.has_perm("catalog.view_good") else "",
            "clients": reverse("admin:orders_order_form_clients") if user.has_perm("orders.view_client") else "",
            "newClient": reverse("admin:orders_order_form_new-client") if user.has_perm("orders.add_client") else "",
            "sums": reverse("admin:orders_order_form_sums"),
            "texts": {
                "nothing": _("Nothing found."),
                "lost": _("The server did not answer. Try again."),
                "added": _("Added: {title}"),
                "counted": _("{title}: {count} by now"),
                "stock": _("in stock, {stock}"),
                "noStock": _("not in stock"),
                "takenOver": _("Taken over: {title}"),
                "known": _("There is a client with this phone already. Take him, or make a new one nevertheless."),
                "take": _("Take {title}"),
                "nevertheless": _("New client nevertheless"),
                "twice": _("This marking code is in the order already."),
                "place": _("Where to deliver: {place}"),
                "noPlace": _("No place is chosen."),
            },
        }

    def _ensure_editor(self, request: HttpRequest, *rights: str) -> None:
        may_edit = self.has_add_permission(request) or self.has_change_permission(request)
        if not (may_edit and request.user.has_perms(rights)):
            raise PermissionDenied

    def goods_view(self, request: HttpRequest) -> JsonResponse:
        """`?q=` a barcode, a marking code, an article or a part of a title."""
        self._ensure_editor(request, "catalog.view_good")
        term = request.GET.get("q", "").strip()
        found = search.goods(term) if term else search.FoundGoods([])
        stock = _stock(found.goods) if request.user.has_perm("catalog.view_stock") else {}
        results = [{**_good(good), "stock": stock.get(good.pk, [])} for good in found.goods]
        return JsonResponse({"results": results, "exact": found.is_exact, "mark": found.mark})

    def clients_view(self, request: HttpRequest) -> JsonResponse:
        """`?q=` the beginning of a phone or of a name."""
        self._ensure_editor(request, "orders.view_client")
        term = request.GET.get("q", "").strip()
        clients = search.clients_as_typed(term) if len(term) > 1 else []
        return JsonResponse({"results": [_client(client) for client in clients], "phone": search.as_phone(term)})

    def client_view(self, request: HttpRequest, pk: int) -> JsonResponse:
        """A client with his history, as HTML to show and as values to take over."""
        self._ensure_editor(request, "orders.view_client")
        if is_hidden():
            raise PermissionDenied  # masks would be taken over into the order
        client = Client.objects.filter(pk=pk).first()
        if client is None:
            raise Http404
        return self._client_answer(request, client)

    def new_client_view(self, request: HttpRequest) -> JsonResponse:
        """Make a client of what stands in the order's form. Answers as `client_view`, or {"problems": […]} with 400.

        Where somebody has this phone already it makes nobody and answers {"known": […]}, unless `nevertheless` is said.
        """
        self._ensure_editor(request, "orders.add_client")
        said = {name: request.POST.get(name, "").strip() for name in PERSON}
        place = {f"address_{name}": request.POST.get(name, "").strip() for name in ADDRESS[:5]}
        client = Client(**said, **place)
        may_look = request.user.has_perm("orders.view_client") and "nevertheless" not in request.POST
        if may_look and (known := search.clients_at(client.phone)):
            return JsonResponse({"known": [_client(one) for one in known]})
        if problems := [problem.text for problem in checks.of_client(client)]:
            return JsonResponse({"problems": problems}, status=400)
        client.save()
        return self._client_answer(request, client)

    def _client_answer(self, request: HttpRequest, client: Client) -> JsonResponse:
        history = _history(client) if request.user.has_perm("orders.view_order") else None
        context = {"client": client, "history": history}
        card = render_to_string("admin/orders/order/client_card.html", context, request)
        return JsonResponse({**_client(client), "address": _address_of(client, history), "card": card})

    def sums_view(self, request: HttpRequest) -> JsonResponse:
        """What the form's fields come to. With `spread` (roubles, or per cent), also that discount by lines."""
        self._ensure_editor(request)
        order = self.get_queryset(request).filter(pk=row_key(request.POST.get("order"))).first()
        found = typed.read(request.POST.dict(), order)
        answer = {
            "lines": {line.prefix: _line(line) for line in found.lines},
            "totals": render_to_string("admin/orders/order/totals.html", {"typed": found}, request),
            "amount": _amount(found),
        }
        if (wanted := request.POST.get("spread", "").strip()) and (sum_ := _discount(wanted, found)) is not None:
            lines = [line for line in found.lines if line.item is not None]
            parts = spread(-sum_, [line.item.total for line in lines if line.item is not None])
            answer["discounts"] = {line.prefix: str(part) for line, part in zip(lines, parts, strict=True)}
        return JsonResponse(answer)


def _good(good: Good) -> dict[str, Any]:
    return {
        "id": good.pk,
        "title": str(good),
        "article": good.article,
        "barcode": good.barcode,
        "price": str(good.price) if good.price is not None else "",
        "shownPrice": formats.localize(good.price) if good.price is not None else "",
        "unit": good.unit,
        "tax": {"id": good.tax.pk, "title": str(good.tax)} if good.tax is not None else None,
    }


def _stock(goods: Any) -> dict[int, list[dict[str, Any]]]:
    """By good, in one query."""
    found: dict[int, list[dict[str, Any]]] = {}
    rows = Stock.objects.filter(good__in=goods).select_related("warehouse").order_by("warehouse__title", "pk")
    for row in rows:
        told = {"warehouse": row.warehouse_id, "title": str(row.warehouse), "count": f"{row.count.normalize():f}"}
        found.setdefault(row.good_id, []).append(told)
    return found


def _client(client: Client) -> dict[str, Any]:
    return {
        "id": client.pk,
        "title": str(client),
        "company": client.title,
        "place": ", ".join(filter(None, (getattr(client, f"address_{name}") for name in ADDRESS[1:5]))),
        **{name: getattr(client, name) for name in PERSON},
    }


def _history(client: Client) -> dict[str, Any]:
    """His orders: how many, how many of them cancelled, and the last ones."""
    orders = Order.objects.filter(client=client)
    cancelled = Count("pk", filter=Q(delivery_status=DeliveryStatus.CANCELLED))
    counts = orders.order_by().aggregate(count=Count("pk"), cancelled=cancelled)
    last = list(orders.defer("remote_data", "sync_conflict").order_by("-delivery_time_from", "-pk")[:LAST_ORDERS])
    rows = [
        {
            "order": order,
            "payable": order.payable,
            "state": dictionaries.label("orderDeliveryStatuses", order.delivery_status, DeliveryStatus),
            "badge": labels.delivery_badge(order.delivery_status),
            "address": _place(order, "to"),
        }
        for order in last
    ]
    return {**counts, "last": rows}


def _place(row: Any, prefix: str) -> dict[str, str]:
    found = {name: getattr(row, f"{prefix}_{name}") for name in ADDRESS}
    return {name: str(value) if value not in (None, "") else "" for name, value in found.items()}


def _address_of(client: Client, history: dict[str, Any] | None) -> dict[str, str]:
    """Where he lives; where he was delivered to last, if that is not known."""
    own = _place(client, "address")
    if any(own.values()) or history is None:
        return own
    return next((row["address"] for row in history["last"] if row["address"]["street"]), own)


def _line(line: typed.TypedLine) -> dict[str, Any]:
    item = line.item
    if item is None:
        return {"total": "", "note": "", "problems": line.problems}
    figures = {"sum": formats.localize(item.payable)}
    note = _("to pay %(sum)s") % figures
    if item.vat is not None and item.rate is not None:
        figures = {"rate": str(item.rate.title), "vat": formats.localize(item.vat)}
        note = f"{note} · " + _("VAT %(rate)s: %(vat)s") % figures
    return {"total": str(item.total), "note": note, "problems": line.problems}


def _amount(found: typed.Typed) -> dict[str, Any]:
    amount = found.sums.amount
    note = _("Saved as %(sum)s: what the lines cost.") % {"sum": formats.localize(amount)}
    return {"follows": found.follows, "value": str(amount), "note": note}


def _discount(wanted: str, found: typed.Typed) -> Decimal | None:
    """A discount in roubles out of "150", "150,50" or "10 %"; None where it is neither, or more than there is."""
    text = wanted.replace(",", ".").replace(" ", "").lstrip("-−")
    number = typed.number(text.rstrip("%"))
    if number is None:
        return None
    goods = found.sums.goods
    sum_ = (goods * number / 100 if text.endswith("%") else number).quantize(KOPECK, ROUND_HALF_UP)
    return sum_ if sum_ <= goods else None
