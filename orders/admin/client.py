"""Clients, and the reasons of cancellation."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter

from backoffice.sync.admin.base import MirroredAdmin
from backoffice.sync.admin.labels import link
from backoffice.sync.admin.lists import BigChangeList
from backoffice.transfer.admin import ImportMixin
from orders.admin import labels, search
from orders.admin.forms import ClientForm
from orders.admin.merge import MergeMixin, MergingFilter
from orders.admin.personal import ClientDataMixin
from orders.admin.virtpos import VirtposMixin
from orders.models import Client, Order, ReturnReason


class ClientChangeList(BigChangeList):
    """Counts orders for the clients of the page only."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        counts = Order.objects.filter(client__in=rows).order_by().values_list("client").annotate(Count("pk"))
        by_client = dict(counts)
        for client in rows:
            client.orders_count = by_client.get(client.pk, 0)
        self.result_list = rows


@admin.register(Client)
class ClientAdmin(MergeMixin, VirtposMixin, ClientDataMixin, ImportMixin, MirroredAdmin):
    form = ClientForm
    actions = ("merge_clients", "send_to_virtpos", *MirroredAdmin.actions)  # type: ignore[assignment]  # one more of them
    change_form_outer_before_template = "admin/orders/client/before.html"
    list_display = ("name", "title", "shown_phone", "address", "orders_count", "source")
    list_display_links = ("name",)
    list_select_related = ("source", "merged_into")
    list_filter = (("source", RelatedDropdownFilter), MergingFilter)
    search_fields = ("lastname",)  # the box; what it looks for is in search.py
    search_help_text = gettext_lazy("Phone, name, company, INN or iRECA id")
    readonly_fields = ("source", "external_id", "remote_updated_at", "orders_link")
    fieldsets = (
        (
            gettext_lazy("Client"),
            {
                "classes": ["tab"],
                "fields": [
                    ("lastname", "firstname"),
                    ("title", "inn"),
                    ("phone", "email"),
                    "birthday",
                    "description",
                    "orders_link",
                    ("source", "external_id", "remote_updated_at"),
                ],
            },
        ),
        (
            gettext_lazy("Address"),
            {
                "classes": ["tab"],
                "fields": [
                    ("address_city", "address_street"),
                    ("address_home", "address_apartment"),
                    "address_postindex",
                    ("address_latitude", "address_longitude"),
                ],
            },
        ),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return ClientChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Client]:
        queryset = super().get_queryset(request)
        return queryset.filter(merged_into=None) if self.is_choice(request) else queryset

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Client], search_term: str
    ) -> tuple[QuerySet[Client], bool]:
        term = search_term.strip()
        return (search.clients(queryset, term) if term else queryset), False

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context["merging"] = self.merging_of(request, obj)
            context["virtpos"] = self.virtpos_of(request, obj)
            context["client_data_url"] = self.client_data_url(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    @admin.display(description=gettext_lazy("name"), ordering="lastname")
    def name(self, client: Client) -> str:
        return str(client) if client.merged_into is None else labels.stacked(client, f"→ {client.merged_into}")

    @admin.display(description=gettext_lazy("phone"))
    def shown_phone(self, client: Client) -> str:
        return labels.phone_link(client)

    @admin.display(description=gettext_lazy("address"))
    def address(self, client: Client) -> str:
        parts = [client.address_city, client.address_street, client.address_home, client.address_apartment]
        return ", ".join(filter(None, parts)) or "–"

    @admin.display(description=gettext_lazy("orders"))
    def orders_count(self, client: Any) -> str:
        return self._orders(client, str(client.orders_count))

    @admin.display(description=gettext_lazy("orders"))
    def orders_link(self, client: Client) -> str:
        return self._orders(client, _("Orders of this client")) if client.pk else "–"

    def _orders(self, client: Client, text: str) -> str:
        return link(f"{reverse('admin:orders_order_changelist')}?client__id__exact={client.pk}", text)


@admin.register(ReturnReason)
class ReturnReasonAdmin(MirroredAdmin):
    list_display = ("title", "type")
    search_fields = ("title",)
    fields = ("title", "type")
    readonly_fields = ("type",)
