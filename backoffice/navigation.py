"""The sidebar, grouped as dispatchers think, and what every admin page is told besides its own content.

`settings.UNFOLD` names these functions. A group shows what the person may see and nothing else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


class Page(NamedTuple):
    """A page that is no list of a model: the name of its address, and the rights that it asks for."""

    name: str
    permissions: tuple[str, ...]


# As `couriers/views.py` has them, which settings cannot import: where couriers stop is where clients live.
PLACES = ("couriers.view_location", "reports.view_personal")

# group: (title, model as "app.model" or a page, icon)
GROUPS: list[tuple[Any, list[tuple[Any, str | Page, str]]]] = [
    (
        _("Orders"),
        [
            (_("Orders"), "orders.order", "local_shipping"),
            (_("Board"), Page("admin:orders_order_board", ("orders.view_order",)), "view_kanban"),
            (_("Orders on the map"), Page("admin:orders_order_map", ("orders.view_order",)), "pin_drop"),
            (_("Route plans"), Page("admin:orders_routeplan_changelist", ("orders.view_order",)), "alt_route"),
            (_("Clients"), "orders.client", "person"),
            (_("Discount cards"), "orders.discountcard", "loyalty"),
            (_("Mappings"), "orders.mapping", "conversion_path"),
            (_("At register services"), "orders.origin", "point_of_sale"),
            (
                _("Fetch from BIFIT Kassa"),
                Page("admin:orders_origin_fetch", ("orders.add_order", "sync.change_pull")),
                "add_shopping_cart",
            ),
            (_("Reasons of cancellation"), "orders.returnreason", "undo"),
        ],
    ),
    (
        _("Couriers"),
        [
            (_("Couriers"), "couriers.courier", "directions_run"),
            (
                _("Couriers on the map"),
                Page("admin:couriers_courier_map", ("couriers.view_courier", *PLACES)),
                "map",
            ),
            (_("Licences"), "couriers.license", "smartphone"),
            (_("Licence usage"), "couriers.licenseusage", "monitoring"),
            (_("Locations"), Page("admin:couriers_location_changelist", PLACES), "location_on"),
            (_("Roles"), "couriers.role", "badge"),
            (
                _("Permissions"),
                Page("admin:couriers_permission_matrix", ("couriers.view_permission", "couriers.view_role")),
                "key",
            ),
        ],
    ),
    (
        _("Catalogue"),
        [
            (_("Goods"), "catalog.good", "inventory_2"),
            (_("Stock"), "catalog.stock", "inventory"),
            (_("Characteristics"), "catalog.specificity", "tune"),
            (_("Warehouses"), "catalog.warehouse", "warehouse"),
            (_("Suppliers"), "catalog.supplier", "handshake"),
        ],
    ),
    (
        _("Fiscal documents"),
        [
            (_("Fiscal control"), Page("fiscal-control", ("fiscal.view_receipt", "orders.view_order")), "fact_check"),
            (_("Shifts"), Page("fiscal-shifts", ("fiscal.view_receipt", "orders.view_order")), "schedule"),
            (_("Receipts"), "fiscal.receipt", "receipt_long"),
            (_("Acts of cash handed in"), "fiscal.cashhandover", "payments"),
            (_("Correction receipts"), "fiscal.correctionreceipt", "receipt"),
            (_("Payment types"), "fiscal.paymenttype", "credit_card"),
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
            (_("Sync health"), Page("sync-health", ("sync.view_push",)), "monitor_heart"),
            (_("Pushes"), "sync.push", "upload"),
            (_("Callbacks"), "sync.callback", "call_received"),
            (_("Pulls"), "sync.pull", "download"),
            (_("Exchanges"), "sync.exchange", "swap_horiz"),
            (_("Schedules"), "sync.schedule", "schedule"),
            (_("Remotes"), "sync.remotestate", "cloud_sync"),
            (_("Workers"), "sync.worker", "memory"),
            (_("Dictionaries"), "sync.dictionaryentry", "menu_book"),
            (_("Exports"), "sync.exportlog", "download"),
        ],
    ),
    (
        _("Administration"),
        [
            (_("Users"), "auth.user", "manage_accounts"),
            (_("Groups"), "auth.group", "groups"),
            (_("Audit"), "accounts.event", "policy"),
            (_("Sessions"), "accounts.visit", "devices"),
            (_("Failed logins"), "accounts.attempt", "lock_clock"),
            (_("Sources"), "partners.source", "storefront"),
            (_("Register services"), "orders.feed", "point_of_sale"),
            (_("Webhooks"), "partners.webhook", "webhook"),
            (_("Deliveries"), "partners.delivery", "outbox"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups with at least one list that the person may see."""
    groups = []
    for title, entries in GROUPS:
        items = [
            {"title": name, "icon": icon, "link": link}
            for name, target, icon in entries
            if (link := _link(request, target))
        ]
        if items:
            groups.append({"title": title, "items": items, "collapsible": False})
    if items := _reports(request):
        groups.insert(1, {"title": _("Reports"), "items": items, "collapsible": False})
    _mark_current(request, [item for group in groups for item in group["items"]])
    return groups


def _mark_current(request: HttpRequest, items: list[dict[str, Any]]) -> None:
    """Only the nearest address above the page is current: a page below a list would mark the list as well."""
    current = max((item["link"] for item in items if request.path.startswith(item["link"])), key=len, default="")
    for item in items:
        item["active"] = item["link"] == current


def _reports(request: HttpRequest) -> list[dict[str, Any]]:
    # Settings are read before the apps are loaded, so the reports are imported when a page asks.
    from backoffice.reports.access import RIGHTS, Reader
    from backoffice.reports.registry import MENU

    if not any(request.user.has_perm(f"reports.{right}") for right in RIGHTS):
        return []
    reader = Reader.of(request.user)
    return [
        {"title": report.title, "icon": report.icon, "link": reverse("report", args=[report.name])}
        for report in MENU
        if report.may_be_seen_by(reader)
    ]


def account_links(request: HttpRequest) -> list[dict[str, Any]]:
    """What the person's own menu leads to."""
    return [
        {"title": _("My account"), "link": reverse("account")},
        {"title": _("Change password"), "link": reverse("admin:password_change")},
    ]


def every_page(request: HttpRequest) -> dict[str, Any]:
    """Context of every admin page."""
    # Settings are read before the apps are loaded, so the tables are imported when a page asks.
    from backoffice.sync.admin.notices import notices

    return {"notices": notices(request)}


def _link(request: HttpRequest, target: str | Page) -> str:
    """Where an entry leads; nowhere for who may not see it."""
    user = request.user
    if isinstance(target, Page):
        return reverse(target.name) if user.has_perms(target.permissions) else ""
    app_label, name = target.split(".")
    if not (user.has_perm(f"{app_label}.view_{name}") or user.has_perm(f"{app_label}.change_{name}")):
        return ""
    try:
        return reverse(f"admin:{app_label}_{name}_changelist")
    except NoReverseMatch:  # no admin for it
        return ""
