"""The sidebar, grouped as dispatchers think, and what every admin page is told besides its own content.

`settings.UNFOLD` names these functions. A group shows what the person may see and nothing else.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

# group: (title, model as "app.model", icon)
GROUPS: list[tuple[Any, list[tuple[Any, str, str]]]] = [
    (
        _("Orders"),
        [
            (_("Orders"), "orders.order", "local_shipping"),
            (_("Clients"), "orders.client", "person"),
            (_("Reasons of cancellation"), "orders.returnreason", "undo"),
        ],
    ),
    (
        _("Couriers"),
        [
            (_("Couriers"), "couriers.courier", "directions_run"),
            (_("Licences"), "couriers.license", "smartphone"),
            (_("Licence usage"), "couriers.licenseusage", "monitoring"),
            (_("Locations"), "couriers.location", "location_on"),
            (_("Roles"), "couriers.role", "badge"),
            (_("Permissions"), "couriers.permission", "key"),
        ],
    ),
    (
        _("Catalogue"),
        [
            (_("Goods"), "catalog.good", "inventory_2"),
            (_("Characteristics"), "catalog.specificity", "tune"),
            (_("Warehouses"), "catalog.warehouse", "warehouse"),
            (_("Suppliers"), "catalog.supplier", "handshake"),
        ],
    ),
    (
        _("Fiscal documents"),
        [
            (_("Receipts"), "fiscal.receipt", "receipt_long"),
            (_("Correction receipts"), "fiscal.correctionreceipt", "receipt"),
            (_("Payment types"), "fiscal.paymenttype", "payments"),
            (_("Tax rates"), "fiscal.tax", "percent"),
            (_("ATOL Online"), "fiscal.atolsettings", "cloud"),
            (_("Pechka54"), "fiscal.pechka54", "print"),
            (_("Registrar errors"), "fiscal.registrarerror", "print_error"),
            (_("Terminal errors"), "fiscal.terminalerror", "credit_card_off"),
        ],
    ),
    (
        _("Synchronisation"),
        [
            (_("Pushes"), "sync.push", "upload"),
            (_("Callbacks"), "sync.callback", "call_received"),
            (_("Pulls"), "sync.pull", "download"),
            (_("Exchanges"), "sync.exchange", "swap_horiz"),
            (_("Schedules"), "sync.schedule", "schedule"),
            (_("Remotes"), "sync.remotestate", "cloud_sync"),
            (_("Workers"), "sync.worker", "memory"),
            (_("Dictionaries"), "sync.dictionaryentry", "menu_book"),
        ],
    ),
    (
        _("Administration"),
        [
            (_("Users"), "auth.user", "manage_accounts"),
            (_("Groups"), "auth.group", "groups"),
            (_("Sources"), "partners.source", "storefront"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with at least one list that the person may see."""
    groups = []
    for title, entries in GROUPS:
        items = [
            {"title": name, "icon": icon, "link": link}
            for name, model, icon in entries
            if (link := _link(request, model))
        ]
        if items:
            groups.append({"title": title, "items": items, "collapsible": False})
    return groups


def every_page(request: HttpRequest) -> dict[str, Any]:
    """Context of every admin page."""
    # Settings are read before the apps are loaded, so the tables are imported when a page asks.
    from backoffice.sync.admin.notices import notices

    return {"notices": notices(request)}


def _link(request: HttpRequest, model: str) -> str:
    app_label, name = model.split(".")
    user = request.user
    if not (user.has_perm(f"{app_label}.view_{name}") or user.has_perm(f"{app_label}.change_{name}")):
        return ""
    try:
        return reverse(f"admin:{app_label}_{name}_changelist")
    except NoReverseMatch:  # no admin for it
        return ""
