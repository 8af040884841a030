"""A client at VirtPos, on the client's own page: what VirtPos says of him, sending him there, conflicts, his cards."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import action

from backoffice.sync import connection, personal
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.refresh import unavailable
from orders.models import Client, Customer, DiscountCard
from orders.virtpos.customers import held_by
from orders.virtpos.enrolment import ENTITY, enrol, resolve

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

MOST_CARDS = 20  # shown of one client
# What VirtPos tells and our client has no column for.
FACTS = {
    "mname": gettext_lazy("middle name"),
    "gender": gettext_lazy("gender"),
    "age": gettext_lazy("age"),
    "register_date": gettext_lazy("registered"),
    "accumulated_sales": gettext_lazy("bought for"),
}


class VirtposMixin(Base):
    """For the admin of clients."""

    page_name: Any
    has_settle_permission: Any

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path(
                "<path:object_id>/virtpos/send/",
                wrap(require_POST(self.virtpos_send_view)),
                name="orders_client_virtpos_send",
            ),
            path(
                "<path:object_id>/virtpos/settle/",
                wrap(require_POST(self.virtpos_settle_view)),
                name="orders_client_virtpos_settle",
            ),
            *super().get_urls(),
        ]

    def virtpos_of(self, request: HttpRequest, client: Client) -> dict[str, Any] | None:
        """For `virtpos.html`; None where VirtPos is off and never knew him."""
        row = Customer.objects.filter(client=client).first()
        sees_cards = request.user.has_perm("orders.view_discountcard")
        cards = list(DiscountCard.objects.filter(client=client, is_deleted=False)[:MOST_CARDS]) if sees_cards else []
        if row is None and not cards and not connection.is_on(VIRTPOS):
            return None
        may_change = self.has_change_permission(request, client)
        may_settle = self.has_settle_permission(request, client)
        is_new = row is None or (not row.key and row.sync_state == SyncState.FAILED)
        may_send = may_change and is_new and client.merged_into_id is None and connection.is_on(VIRTPOS)
        return {
            "row": row,
            "facts": _facts(row) if row and not personal.is_hidden() else [],
            "conflicts": _conflicts(row, client) if row and not personal.is_hidden() else [],
            "seen": _seen(row) if row else "",
            "cards": cards,
            "push": self._open_push(request, client) if row else None,
            "unavailable": unavailable(VIRTPOS) if row and row.sync_state == SyncState.PENDING else "",
            "send_url": reverse("admin:orders_client_virtpos_send", args=[client.pk]) if may_send else "",
            "settle_url": reverse("admin:orders_client_virtpos_settle", args=[client.pk]) if may_settle else "",
            "card_url": reverse("admin:orders_discountcard_add", query={"client": client.pk})
            if request.user.has_perm("orders.add_discountcard") and client.merged_into_id is None
            else "",
        }

    def _open_push(self, request: HttpRequest, client: Client) -> Push | None:
        if not request.user.has_perm("sync.view_push"):
            return None
        return Push.objects.filter(remote=VIRTPOS, entity=ENTITY, object_id=client.pk, state__in=Push.OPEN).first()

    @action(description=gettext_lazy("Send to VirtPos"), permissions=["change"])
    def send_to_virtpos(self, request: HttpRequest, queryset: QuerySet[Client]) -> None:
        self._send(request, list(queryset.filter(merged_into=None)))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if not connection.is_on(VIRTPOS):
            actions.pop("send_to_virtpos", None)
        return actions

    def virtpos_send_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        client = self._client(request, object_id)
        self._send(request, [client])
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[client.pk]))

    def _send(self, request: HttpRequest, clients: list[Client]) -> None:
        added = enrol(clients)
        for client in added:
            self.log_change(request, client, _("Send to VirtPos"))
        text = ngettext("%(count)d client goes to VirtPos.", "%(count)d clients go to VirtPos.", len(added))
        messages.success(request, text % {"count": len(added)})
        if left := len(clients) - len(added):
            text = ngettext(
                "%(count)d client is there already, or on its way.",
                "%(count)d clients are there already, or on their way.",
                left,
            )
            messages.info(request, text % {"count": left})
        if why := unavailable(VIRTPOS):
            messages.warning(request, _("%(why)s What is to be sent stays in the queue.") % {"why": why})

    def virtpos_settle_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was shown is what is settled: the form tells the values that it decided on."""
        client = self._client(request, object_id)
        if not self.has_settle_permission(request, client):
            raise PermissionDenied
        row = Customer.objects.filter(client=client).first()
        side = request.POST.get("side", "")
        seen = request.POST.get("seen", "")
        if row is None or side not in ("ours", "theirs") or seen != _seen(row):
            messages.warning(request, _("This was settled or has changed meanwhile. Look at it again."))
        else:
            resolve(row.pk, side)
            self.log_change(request, client, f"VirtPos: {side}")
            messages.success(request, _("The conflict is settled."))
        return HttpResponseRedirect(reverse(self.page_name("change"), args=[client.pk]))

    def _client(self, request: HttpRequest, object_id: str) -> Client:
        client = self.get_object(request, unquote(object_id))
        if client is None:
            raise Http404
        if not self.has_change_permission(request, client):
            raise PermissionDenied
        return client


def _facts(row: Customer) -> list[tuple[Any, Any]]:
    return [(label, row.data[name]) for name, label in FACTS.items() if row.data.get(name)]


def _conflicts(row: Customer, client: Client) -> list[dict[str, Any]]:
    ours, columns = held_by(client), {column.name: column for column in Client._meta.concrete_fields}
    return [
        {
            "label": capfirst(str(columns[name].verbose_name)),
            "ours": ours[name] or "–",
            "theirs": sides["theirs"] or "–",
        }
        for name, sides in row.sync_conflict.items()
    ]


def _seen(row: Customer) -> str:
    """What stands for the conflict that a page showed."""
    return hashlib.sha256(json.dumps(row.sync_conflict, sort_keys=True).encode()).hexdigest()[:16]
