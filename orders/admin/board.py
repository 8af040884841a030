"""Pages of the board: the orders of a day by courier, in columns or along the hours, and what moves them.

The page refreshes itself by asking for its own address with `part` (`static/orders/board.js`), so that there is one way
in which a card is drawn. A move is `actions.assign`: history, reasons and undo are those of the list.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from backoffice.values import row_key, whole_numbers
from couriers.models import Courier
from couriers.track import BadDate, parse_day
from orders import actions, board, undo
from orders.admin.cards import painter
from orders.admin.desk import named_couriers
from orders.models import BulkChange, Order

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

AT_ONCE = 1000  # orders in one move
NAMED = 5  # skipped orders that a text names
VIEWS = ("columns", "hours")


class BoardMixin(Base):
    """For OrderAdmin."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("board/", wrap(require_safe(self.board_view)), name="orders_order_board"),
            path("board/move/", wrap(require_POST(self.board_move_view)), name="orders_order_board_move"),
            path("board/undo/<int:change>/", wrap(require_POST(self.board_undo_view)), name="orders_order_board_undo"),
            *super().get_urls(),
        ]

    def board_view(self, request: HttpRequest) -> HttpResponse:
        """`day` is YYYY-MM-DD, today without it; `view` is `columns` or `hours`; `part` leaves out the frame."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        day = _day(request.GET.get("day", ""), today)
        view = request.GET.get("view", "")
        view = view if view in VIEWS else VIEWS[0]
        found = board.of_day(day, timezone.now())
        context: dict[str, Any] = {
            "board": found,
            "view": view,
            "may_move": self.has_change_permission(request),
            "may_see_places": request.user.has_perm("couriers.view_location"),
        }
        draw = painter(reverse("admin:orders_order_changelist"), may_move=context["may_move"])
        if view == "hours":
            context["rows"] = [
                (column, [draw(card, *found.place(card)) for card in column.cards]) for column in found.columns
            ]
        else:
            context["rows"] = [
                (column, [draw(card) for card in column.open], [draw(card) for card in column.done])
                for column in found.columns
            ]
        if "part" in request.GET:
            return TemplateResponse(request, "admin/orders/board/body.html", context)
        address = reverse("admin:orders_order_board")
        context |= {
            **self.admin_site.each_context(request),
            "title": _("Board"),
            "opts": self.model._meta,
            "today": today,
            "previous": day - timedelta(days=1),
            "next": day + timedelta(days=1),
            "views": [(name, title, f"{address}?day={day}&view={name}") for name, title in _titles()],
            "couriers": named_couriers() if context["may_move"] else {},
        }
        return TemplateResponse(request, "admin/orders/board/board.html", context)

    def board_move_view(self, request: HttpRequest) -> HttpResponse:
        """Give `orders` to `courier` (nobody when it is empty). Answers {"moved": […], "text": …, "undo": address}."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        ids = whole_numbers(request.POST.getlist("orders"))[:AT_ONCE]
        wanted = request.POST.get("courier", "")
        if not wanted:
            return JsonResponse(_told(actions.unassign(ids, request.user)))
        courier = Courier.objects.filter(pk=row_key(wanted)).first()
        if courier is None:
            return JsonResponse({"moved": [], "text": _("There is no such courier."), "undo": ""}, status=400)
        return JsonResponse(_told(actions.assign(ids, courier, request.user)))

    def board_undo_view(self, request: HttpRequest, change: int) -> HttpResponse:
        """Take a move of one's own back."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if not BulkChange.objects.filter(pk=change, user_id=request.user.pk or 0).exists():
            raise Http404
        try:
            outcomes = [actions.Outcome(*outcome) for outcome in undo.undo(change, request.user)]
        except undo.TooLate as why:
            return JsonResponse({"moved": [], "text": str(why), "undo": ""})
        return JsonResponse(_told(outcomes))


def _titles() -> list[tuple[str, str]]:
    return [("columns", _("By courier")), ("hours", _("By hour"))]


def _day(text: str, today: date) -> date:
    try:
        return parse_day(text)
    except BadDate:
        return today


def _told(outcomes: Iterable[actions.Outcome]) -> dict[str, Any]:
    """What happened, in one text: what was done, then what was skipped and why."""
    done: list[Order] = []
    texts: list[str] = []
    skipped: dict[str, list[Order]] = {}
    change = None
    for outcome in outcomes:
        if outcome.done:
            done.append(outcome.order)
            texts = texts or [outcome.text]
            change = outcome.change or change
        else:
            skipped.setdefault(outcome.text, []).append(outcome.order)
    if done:
        count = ngettext("%(count)s order", "%(count)s orders", len(done)) % {"count": len(done)}
        texts = [f"{done[0] if len(done) == 1 else count}: {texts[0]}"]
    for reason, orders in skipped.items():
        names = ", ".join(map(str, orders[:NAMED])) + ("…" if len(orders) > NAMED else "")
        texts.append(_("not moved: %(orders)s (%(reason)s)") % {"orders": names, "reason": reason})
    return {
        "moved": [order.pk for order in done],
        "text": ". ".join(texts) or _("None of the selected orders is there any more."),
        "undo": reverse("admin:orders_order_board_undo", args=[change]) if change is not None else "",
    }
