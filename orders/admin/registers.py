"""An order at a register service, on the order's own page: what the service says, conflicts, read now, tell now; and,
for BIFIT Kassa, creating an order there that was made here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from backoffice.remotes.errors import ContractError, RemoteError
from backoffice.sync import connection, dictionaries
from backoffice.sync.admin.conflicts import readable
from backoffice.sync.connection import BIFIT, TITLES
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.refresh import Unavailable, unavailable
from orders import arrivals, registers, three_ways, timeline, told
from orders.admin.bulk import tell_outcomes
from orders.bifit import commands, statuses
from orders.models import DeliveryStatus, Hold, Order, Origin

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object


@dataclass(frozen=True)
class Difference:
    """A column that both sides changed, in words. `token` stands for theirs in the form, `by_hand` tells why theirs is
    not taken there.
    """

    name: str
    label: str
    base: str
    ours: str
    theirs: str
    by_hand: str = ""

    @property
    def token(self) -> str:
        return hashlib.sha256(self.theirs.encode()).hexdigest()[:16]


def differences(origin: Origin) -> list[Difference]:
    """What is in conflict; one query for each reference in it."""
    found = []
    for name, sides in origin.sync_conflict.items():
        by_hand = str(arrivals.BY_HAND.get(name, ""))
        if name == told.LINES:
            theirs = _("as told by %(service)s") % {"service": TITLES[origin.remote]}
            found.append(Difference(name, _("Lines"), "", _("as they are here"), theirs, by_hand))
            continue
        column: Any = Order._meta.get_field(name)
        ours = getattr(origin.order, name)
        base, ours, theirs = (_text(column, value) for value in (sides.get("base"), ours, sides.get("theirs")))
        found.append(Difference(name, capfirst(str(column.verbose_name)), base, ours, theirs, by_hand))
    return found


def _text(column: Any, value: Any) -> str:
    if column.name == three_ways.WAY:
        return str(Hold(value or "").label)
    if value in (None, ""):
        return ""
    if column.is_relation:
        row = column.related_model._base_manager.filter(pk=value).first()
        return str(row) if row is not None else str(value)
    if column.name in timeline.CODES:
        kind, known = timeline.CODES[column.name]
        return str(dictionaries.label(kind, value, known))
    if isinstance(column, models.DateTimeField) and isinstance(value, str):
        value = parse_datetime(value)
    elif isinstance(column, models.DecimalField):
        value = column.to_python(value)
    return readable(value)


def _comes_back(orders: Iterable[Order]) -> list[Origin]:
    """Where these orders are at services that are switched on."""
    on = [remote for remote in TITLES if connection.is_on(remote)]
    ids = [order.pk for order in orders]
    return [
        origin
        for some in chunks(ids)
        for origin in Origin.objects.filter(order__in=some, remote__in=on).select_related("order").order_by("pk")
    ]


class LinkForm(forms.Form):
    id = forms.RegexField(
        r"^\s*[0-9A-Za-z_-]{1,100}\s*$", label=gettext_lazy("Id at BIFIT Kassa"), widget=UnfoldAdminTextInputWidget
    )


class RegistersMixin(Base):
    """For the admin of orders."""

    page_name: Any
    page_context: Any
    has_settle_permission: Any

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        views = {
            "read": require_POST(self.register_read_view),
            "tell": require_POST(self.register_tell_view),
            "create": require_POST(self.register_create_view),
            "link": require_POST(self.register_link_view),
            "conflict": self.register_conflict_view,
        }
        return [
            *(
                path(f"<path:object_id>/register/{name}/", wrap(view), name=f"orders_order_register_{name}")
                for name, view in views.items()
            ),
            *super().get_urls(),
        ]

    # an order that its service would send again

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not _comes_back([obj]))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[Any], dict[str, int], set[str], list]:
        """Nothing is deleted while one that would come back, and go to the couriers, is among them."""
        shown, counts, lacking, protected = super().get_deleted_objects(objs, request)
        again = [
            _("%(order)s is known at %(service)s and would come back from there: cancel it instead.")
            % {"order": origin.order, "service": TITLES[origin.remote]}
            for origin in _comes_back(objs)
        ]
        # Why matters more than that "a permission is missing", and forbids it just so.
        return shown, counts, set() if again else lacking, [*protected, *again]

    # what the form shows

    def register_of(self, request: HttpRequest, order: Order) -> dict[str, Any] | None:
        """For `origin.html`: None where there is nothing to say."""
        may_change = self.has_change_permission(request, order)
        origin = Origin.objects.filter(order=order).first()
        if origin is None:
            return self._creation_of(order) if may_change else None
        register = registers.of(origin.remote)
        why_not_cancel = statuses.cannot_be_cancelled([order.pk]).get(order.pk, "")
        is_behind = origin.sync_state in (SyncState.PENDING, SyncState.FAILED)
        urls = {
            "read": register.read is not None and origin.data != {},
            "tell": register.tell is not None and is_behind,
            "conflict": origin.sync_state == SyncState.CONFLICT and self.has_settle_permission(request, order),
        }
        return {
            "origin": origin,
            "service": TITLES.get(origin.remote, origin.remote),
            "status": register.status(origin.status),
            "facts": [
                (label, value) for label, value in self._register_facts(register, origin) if value not in (None, "")
            ],
            "conflict": ", ".join(each.label for each in differences(origin)),
            "unavailable": unavailable(origin.remote) if is_behind else "",
            "why_not_cancel": why_not_cancel if origin.sync_state != SyncState.FAILED else "",
            "raw_url": reverse("admin:orders_origin_change", args=[origin.pk])
            if request.user.has_perm("orders.view_origin")
            else "",
            **{
                f"{name}_url": self._url(name, order) if may_change and is_shown else ""
                for name, is_shown in urls.items()
            },
        }

    def _register_facts(self, register: registers.Register, origin: Origin) -> Iterable[tuple[Any, Any]]:
        yield _("state since"), readable(origin.status_at) if origin.status_at else ""
        yield _("way of delivery"), register.delivery(origin.delivery)
        yield _("tax system"), register.tax_system(origin.tax_system)
        for label, value in register.details(origin):
            yield label, readable(value)
        yield _("read last"), readable(origin.read_at) if origin.read_at else ""

    def _creation_of(self, order: Order) -> dict[str, Any] | None:
        """The button that creates the order at BIFIT Kassa, or what became of it."""
        if not connection.is_on(BIFIT) or order.is_refund:
            return None
        push = commands.creation(order)
        if push is None:
            return None if order.is_closed else {"create_url": self._url("create", order)}
        is_unsure = push.state in (Push.State.DONE, Push.State.UNKNOWN)
        return {
            "creation": push,
            "link_url": self._url("link", order) if is_unsure else "",
            "create_url": self._url("create", order) if push.state == Push.State.REFUSED else "",
        }

    def _url(self, name: str, order: Order) -> str:
        return reverse(self.page_name(f"register_{name}"), args=[order.pk])

    # what a person does

    def register_read_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        origin = self._origin(request, object_id)
        read = registers.of(origin.remote).read
        if read is None:
            raise Http404
        try:
            messages.info(request, read(origin))
        except (RemoteError, ContractError, Unavailable) as error:
            messages.error(request, str(error))
        return self._back(origin.order)

    def register_tell_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        origin = self._origin(request, object_id)
        tell = registers.of(origin.remote).tell
        if tell is None:
            raise Http404
        tell(origin)
        messages.success(request, _("%(service)s is told now.") % {"service": TITLES[origin.remote]})
        if why := unavailable(origin.remote):
            messages.warning(request, _("%(why)s What is to be sent stays in the queue.") % {"why": why})
        return self._back(origin.order)

    def register_create_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self._order(request, object_id)
        self._create(request, [order.pk])
        return self._back(order)

    def register_link_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A person enters the id that the service gave to an order of ours."""
        order = self._order(request, object_id)
        form = LinkForm(request.POST)
        if not form.is_valid():
            messages.error(request, _("This is no id of an order."))
            return self._back(order)
        try:
            commands.link(order, form.cleaned_data["id"].strip())
        except ValueError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("Noted. The order is read from BIFIT Kassa now."))
            self.log_change(request, order, [{"changed": {"fields": [form.cleaned_data["id"]]}}])
        return self._back(order)

    def register_conflict_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET shows what both sides changed; POST settles what was chosen, or (`all`) everything."""
        order = self._order(request, object_id)
        if not self.has_settle_permission(request, order):
            raise PermissionDenied
        origin = Origin.objects.select_related("order").filter(order=order).first()
        found = differences(origin) if origin is not None else []
        if origin is None or not found:
            messages.info(request, _("There is no conflict any more."))
            return self._back(order)
        if request.method == "POST":
            side = request.POST.get("all", "")
            choices = {
                each.name: chosen
                for each in found
                # What the page showed is what was decided on.
                if request.POST.get(f"seen:{each.name}") == each.token
                and (chosen := side or request.POST.get(f"field:{each.name}", "")) in ("ours", "theirs")
                and (chosen == "ours" or not each.by_hand)
            }
            try:
                arrivals.resolve(origin, choices)
            except ValueError as error:
                messages.error(request, str(error))
                return HttpResponseRedirect(request.get_full_path())
            text = ", ".join(f"{name}: {chosen}" for name, chosen in choices.items())
            self.log_change(request, order, [{"changed": {"fields": [text]}}])
            if len(choices) == len(found):
                messages.success(request, _("The conflict is settled."))
                return self._back(order)
            messages.warning(request, _("Some fields are not decided yet, or changed again meanwhile."))
            return HttpResponseRedirect(request.get_full_path())
        context = {
            **self.page_context(request, _("Conflict: %(name)s") % {"name": order}),
            "original": order,
            "service": TITLES[origin.remote],
            "fields": found,
            "back": reverse(self.page_name("change"), args=[order.pk]),
        }
        return TemplateResponse(request, "admin/orders/order/origin_conflict.html", context)

    @action(description=gettext_lazy("Create at BIFIT Kassa"), permissions=["change"])
    def create_at_bifit(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        self._create(request, list(queryset.order_by().values_list("pk", flat=True)))
        return HttpResponseRedirect(request.get_full_path())

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if not connection.is_on(BIFIT):
            actions.pop("create_at_bifit", None)
        return actions

    def _create(self, request: HttpRequest, ids: list[int]) -> None:
        try:
            tell_outcomes(request, commands.create(ids))
        except ValueError as error:
            messages.error(request, str(error))

    def save_model(self, request: HttpRequest, obj: Order, form: Any, change: bool) -> None:
        """An order may be cancelled on its form though its service forbids it: the courier has to know, and so does the
        person who asks for it.
        """
        super().save_model(request, obj, form, change)
        is_cancelled = change and "delivery_status" in form.changed_data
        if not is_cancelled or obj.delivery_status != DeliveryStatus.CANCELLED:
            return
        origin = Origin.objects.filter(order=obj, remote=BIFIT).first()
        if origin is not None and (why := statuses.target(obj, origin, statuses.rules()).why_not):
            messages.warning(request, why)

    # whose it is

    def _order(self, request: HttpRequest, object_id: str) -> Order:
        order = self.get_object(request, unquote(object_id))
        if order is None:
            raise Http404
        if not self.has_change_permission(request, order):
            raise PermissionDenied
        return order

    def _origin(self, request: HttpRequest, object_id: str) -> Origin:
        order = self._order(request, object_id)
        origin = Origin.objects.select_related("order").filter(order=order).first()
        if origin is None:
            raise Http404
        return origin

    def _back(self, order: Order) -> HttpResponse:
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[order.pk]))
