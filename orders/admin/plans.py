"""Route plans in the admin: choose couriers, look at the proposal, move orders by hand, accept it as one change.

A plan is made from chosen orders (an action of the list, the selection of the map) or from the day's unassigned ones.
Who may see orders sees plans; who may change orders makes, changes and accepts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import action

from backoffice.sync.admin.labels import badge
from backoffice.sync.admin.lists import MasksMixin
from backoffice.values import row_key, whole_number, whole_numbers
from couriers.views import map_config, with_tiles
from orders import plan_view, plans
from orders.admin.bulk import tell_outcomes
from orders.admin.plan_form import PlanForm
from orders.models import Order, RoutePlan

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

STATES = {
    RoutePlan.State.DRAFT: "",
    RoutePlan.State.PROPOSED: "info",
    RoutePlan.State.ACCEPTED: "success",
    RoutePlan.State.DISCARDED: "",
}
ENGINES = {"vroom": "VROOM", "nearest": gettext_lazy("nearest neighbour by window")}


def begin(request: HttpRequest, ids: list[int]) -> HttpResponse:
    """A new plan for these orders, and where it goes on."""
    if not ids:
        messages.warning(request, _("There is no order to distribute."))
    elif len(ids) > plans.MOST:
        messages.error(request, _("At most %(most)s orders are distributed at once.") % {"most": plans.MOST})
    else:
        plan = RoutePlan.objects.create(owner_id=request.user.pk, orders=ids)
        return HttpResponseRedirect(reverse("admin:orders_routeplan_change", args=[plan.pk]))
    return HttpResponseRedirect(request.headers.get("referer") or reverse("admin:orders_order_map"))


class DistributeMixin(Base):
    """For OrderAdmin: the action that begins a plan."""

    @action(description=gettext_lazy("Distribute among couriers…"), permissions=["change"])
    def distribute(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return begin(request, list(queryset.order_by("pk").values_list("pk", flat=True)[: plans.MOST + 1]))


@admin.register(RoutePlan)
class RoutePlanAdmin(MasksMixin, ModelAdmin):
    """The list of plans, and instead of a form the page of one."""

    list_display = ("__str__", "owner", "shown_state", "shown_orders")
    list_select_related = ("owner",)
    list_filter = ("state",)
    actions = None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("orders.view_order")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("orders.change_order")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, plan: RoutePlan) -> str:
        return badge(plan.get_state_display(), STATES.get(plan.state, ""))  # type: ignore[call-overload]

    @admin.display(description=gettext_lazy("orders"))
    def shown_orders(self, plan: RoutePlan) -> int:
        return len(plan.orders)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("new/", wrap(require_POST(self.new_view)), name="orders_routeplan_new"),
            path("<int:pk>/setup/", wrap(self.setup_view), name="orders_routeplan_setup"),
            path("<int:pk>/move/", wrap(require_POST(self.move_view)), name="orders_routeplan_move"),
            path("<int:pk>/accept/", wrap(require_POST(self.accept_view)), name="orders_routeplan_accept"),
            path("<int:pk>/discard/", wrap(require_POST(self.discard_view)), name="orders_routeplan_discard"),
            *super().get_urls(),
        ]

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Begin a plan of the orders `ids` (with commas), or with `of=today` of the day's unassigned ones."""
        self._may(request)
        is_today = request.POST.get("of") == "today"
        asked = request.POST.get("ids", "").split(",")
        ids = plans.unassigned_today(timezone.now()) if is_today else whole_numbers(asked)
        return begin(request, list(Order.objects.filter(pk__in=ids).order_by("pk").values_list("pk", flat=True)))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The proposal; of a plan that has none yet, the way to it."""
        plan = self._plan(request, object_id)
        if plan.state == RoutePlan.State.DRAFT and self.has_change_permission(request):
            return HttpResponseRedirect(reverse("admin:orders_routeplan_setup", args=[plan.pk]))
        if not plan.setup:
            messages.info(request, _("Nothing is proposed yet: couriers are being chosen."))
            return HttpResponseRedirect(reverse("admin:orders_routeplan_changelist"))
        change = plan.change
        context = {
            "data": plan_view.shown(plan),
            "may_change": plan.state == RoutePlan.State.PROPOSED and self.has_change_permission(request),
            "engine": ENGINES.get(plan.engine, plan.engine),
            "is_accepted": plan.state == RoutePlan.State.ACCEPTED,
            "undo": change if change is not None and change.user_id == request.user.pk else None,
            "print_ids": ",".join(str(key) for keys in plan.routes["routes"].values() for key in keys),
            "config": {
                **map_config(),
                "move": reverse("admin:orders_routeplan_move", args=[plan.pk]),
                "order": reverse("admin:orders_order_change", args=[0]),
                "texts": _texts(),
            },
        }
        return self._page(request, plan, "admin/orders/plan/page.html", context)

    def setup_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Who drives; submitted, the routes are computed, in the request: it takes seconds, and is bounded."""
        self._may(request)
        plan = self._plan(request, pk)
        if plan.state not in (RoutePlan.State.DRAFT, RoutePlan.State.PROPOSED):
            return HttpResponseRedirect(reverse("admin:orders_routeplan_change", args=[plan.pk]))
        form = PlanForm(plan, timezone.now(), request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                plans.propose(plan, form.setup())
            except plans.Stale as why:
                messages.error(request, str(why))
            return HttpResponseRedirect(reverse("admin:orders_routeplan_change", args=[plan.pk]))
        context = {"form": form, "config": {**map_config(), "orders": form.places}, "limit": settings.ROUTES_SECONDS}
        return self._page(request, plan, "admin/orders/plan/setup.html", context)

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Move `order` to `position` (from 0) of `courier`, or with no courier off all routes.

        Answers the plan with its new times, and {"error": …} beside it where it was not moved.
        """
        self._may(request)
        self._plan(request, pk)
        version, order, position = (whole_number(request.POST.get(name)) for name in ("version", "order", "position"))
        courier = whole_number(wanted := request.POST.get("courier", ""))
        if version is None or order is None or position is None or (wanted and courier is None):
            return JsonResponse({"error": _("This cannot be moved.")}, status=400)
        try:
            plan = plans.move(pk, version, order, courier, position)
        except plans.Stale as why:
            return JsonResponse({**plan_view.shown(self._plan(request, pk)), "error": str(why)}, status=409)
        except KeyError:
            return JsonResponse({"error": _("This cannot be moved.")}, status=400)
        return JsonResponse(plan_view.shown(plan))

    def accept_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._may(request)
        self._plan(request, pk)
        try:
            outcomes = plans.accept(pk, whole_number(request.POST.get("version")) or 0, request.user)
        except plans.Stale as why:
            messages.error(request, str(why))
        else:
            tell_outcomes(request, outcomes)
        return HttpResponseRedirect(reverse("admin:orders_routeplan_change", args=[pk]))

    def discard_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._may(request)
        self._plan(request, pk)
        try:
            plans.discard(pk)
        except plans.Stale as why:
            messages.error(request, str(why))
        return HttpResponseRedirect(reverse("admin:orders_routeplan_changelist"))

    def _may(self, request: HttpRequest) -> None:
        if not self.has_change_permission(request):
            raise PermissionDenied

    def _plan(self, request: HttpRequest, pk: Any) -> RoutePlan:
        if not self.has_view_permission(request):
            raise PermissionDenied
        plan = RoutePlan.objects.filter(pk=row_key(str(pk))).first()
        if plan is None:
            raise Http404
        return plan

    def _page(self, request: HttpRequest, plan: RoutePlan, template: str, context: dict[str, Any]) -> HttpResponse:
        frame = {
            **self.admin_site.each_context(request),
            "title": str(plan),
            "opts": self.model._meta,
            "plan": plan,
            "state": self.shown_state(plan),
        }
        return with_tiles(TemplateResponse(request, template, {**frame, **context}))


def _texts() -> dict[str, str]:
    return {
        "late": _("{minutes} min late"),
        "overtime": _("{minutes} min longer than he works"),
        "stops": _("orders: {count}"),
        "capacity": _("orders: {count} of {capacity}"),
        "km": _("{km} km"),
        "move": _("Move order {number}"),
        "nowhere": _("no courier"),
        "first": _("first"),
        "after": _("after {number}"),
        "moved": _("{number}: moved to {name}"),
        "removed": _("{number}: taken off its route"),
        "lost": _("The server does not answer; nothing was moved."),
        "start": _("start: {start}"),
        "empty": _("no orders"),
    }
