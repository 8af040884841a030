"""How orders look in lists and forms: badges for codes, windows, phones, places."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from backoffice.sync import dictionaries
from backoffice.sync.admin.labels import badge, link
from backoffice.sync.connection import TITLES
from backoffice.sync.mirrored import SyncState
from orders.models import DeliveryStatus, Order, Origin, PaymentStatus

DELIVERY_COLOURS: dict[int | None, str] = {
    DeliveryStatus.NEW: "",
    DeliveryStatus.PREPARED: "",
    DeliveryStatus.TAKEN: "info",
    DeliveryStatus.DELIVERED: "primary",
    DeliveryStatus.CLOSED: "success",
    DeliveryStatus.CANCELLED: "danger",
}
PAYMENT_COLOURS: dict[int | None, str] = {PaymentStatus.PAID: "success", PaymentStatus.UNPAID: ""}


def delivery_badge(code: int | None) -> str:
    text = dictionaries.label("orderDeliveryStatuses", code, DeliveryStatus)
    return badge(text, DELIVERY_COLOURS.get(code, "warning"))


def payment_badge(code: int) -> str:
    text = dictionaries.label("orderStatuses", code, PaymentStatus)
    return badge(text, PAYMENT_COLOURS.get(code, "warning"))


def receipt_badge(order: Order, *, is_there: bool) -> str:
    """Whether the receipt of an order is there; an alarm where it should be, nothing where none is due."""
    if is_there:
        return badge(_("Receipt"), "success")
    if order.status == PaymentStatus.PAID and order.delivery_status == DeliveryStatus.CLOSED:
        return badge(_("No receipt"), "danger", _("Paid and closed, but there is no receipt."))
    return ""


def with_duplicate_badge(order: Order) -> SafeString:
    """The number and, in the same line, that the order may be there twice: a narrow screen shows but two lines."""
    title = _("The same phone, sum and delivery window from another source.")
    return format_html("{} {}", order, badge(_("Duplicate?"), "warning", title))


def register_badge(origin: Origin) -> str:
    """What keeps an order and its register service apart."""
    is_refused = origin.sync_state == SyncState.FAILED
    text = _("%(service)s: not told") if is_refused else _("%(service)s: conflict")
    service = TITLES.get(origin.remote, origin.remote)
    return badge(text % {"service": service}, "danger" if is_refused else "warning", origin.sync_error[:300])


def window(start: datetime | None, end: datetime | None) -> str:
    """The delivery window in local time, as short as it can be without doubt: the day, then the hours."""
    if start is None or end is None:
        return " – ".join(_moment(value) if value else "…" for value in (start, end)) if start or end else "–"
    if timezone.localtime(start).date() == timezone.localtime(end).date():
        return stacked(_day(start), f"{timezone.localtime(start):%H:%M}–{timezone.localtime(end):%H:%M}")
    return stacked(f"{_moment(start)} –", _moment(end))


def _moment(value: datetime) -> str:
    return f"{_day(value)} {timezone.localtime(value):%H:%M}"


def _day(value: datetime) -> str:
    local = timezone.localtime(value)
    return f"{local:%d.%m}" if local.year == timezone.localdate().year else f"{local:%d.%m.%Y}"


def stacked(first: Any, *others: Any) -> SafeString:
    """Short things in one cell, one under the other, none of them broken into lines."""
    rest = format_html_join("", '<span class="block text-xs">{}</span>', ((other,) for other in others if other))
    return format_html('<span class="inline-block whitespace-nowrap">{}{}</span>', first, rest)


def phone_link(row: Any) -> str:
    """The phone of an order or a client as a link that dials it."""
    if not row.phone:
        return "–"
    dialled = row.phone_e164 or "".join(c for c in row.phone if c.isdigit() or c == "+")
    if not dialled:
        return row.phone
    return format_html('<a class="underline decoration-dotted" href="tel:{}">{}</a>', dialled, row.phone)


def place(row: Any) -> str:
    """Coordinates as a link that opens whatever shows maps there."""
    if row.latitude is None or row.longitude is None:
        return "–"
    latitude, longitude = f"{row.latitude:.6f}", f"{row.longitude:.6f}"
    return link(f"geo:{latitude},{longitude}", f"{latitude}, {longitude}")


def moment(value: datetime | None) -> str:
    return formats.localize(timezone.localtime(value)) if value else "–"


def two_receipts(order: Order) -> dict[str, Any] | None:
    """Of an order with a prepayment: that a second receipt is printed (seed 002:94), and how many are there."""
    if not order.prepayment_sum or order.is_refund:
        return None
    there = order.sale_receipts
    is_due = order.status == PaymentStatus.PAID and order.delivery_status == DeliveryStatus.CLOSED
    return {"sum": formats.localize(order.prepayment_sum), "there": there, "missing": is_due and there < 2}


def courier_field(order: Order) -> SafeString:
    """The courier, to be changed in the row (`static/orders/desk.js`). It has no name, so that the list's form does not
    send it.
    """
    return format_html(
        '<input type="text" class="desk-courier" list="desk-couriers" autocomplete="off" data-url="{}" value="{}"'
        ' placeholder="{}" aria-label="{}">',
        reverse("admin:orders_order_courier", args=[order.pk]),
        order.courier or "",
        _("nobody"),
        _("Courier of order %(number)s") % {"number": order},
    )


def change_to_bring(order: Any) -> str:
    """What the courier must have ready when the client pays with the banknote that he named."""
    if order.cash is None or order.status == PaymentStatus.PAID or order.cash <= order.due:
        return ""
    return _("change from %(cash)s: %(change)s") % {
        "cash": formats.localize(order.cash),
        "change": formats.localize(order.cash - order.due),
    }


def place_picker(side: str) -> SafeString:
    """A map beside the coordinates of an address; what draws it is `static/orders/form_map.js`."""
    return format_html(
        '<div class="form-map" data-place="{}"><div class="form-map-canvas map-canvas" role="region" aria-label="{}">'
        '</div><p><button type="button" class="form-link" data-do="centre">{}</button>'
        '<button type="button" class="form-link" data-do="clear">{}</button>'
        '<span role="status"></span></p></div>',
        side,
        _("Map"),
        _("Here, in the middle of the map"),
        _("No coordinates"),
    )
