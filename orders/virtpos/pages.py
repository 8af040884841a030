"""VirtPos as the pages see it: its states in words, what else is to be told of an order, read now."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.remotes.errors import Refused, RemoteError
from backoffice.remotes.virtpos.contract import Order, key, mismatches
from backoffice.sync import clients, connection
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.refresh import Unavailable, unavailable
from orders import arrivals, registers
from orders.models import Feed, Mapping, Origin
from orders.virtpos import arriving, mapping
from orders.virtpos.reader import arriving as in_our_terms
from orders.virtpos.reapplying import read_again

STATUSES = {
    arriving.NEW: gettext_lazy("new"),
    arriving.SHIPPED: gettext_lazy("shipped"),
    arriving.CANCELLED: gettext_lazy("cancelled"),
}


def status(code: str) -> str:
    return str(STATUSES.get(code, code))


def details(origin: Origin) -> list[tuple[Any, Any]]:
    """What has no place in our order, what does not add up, and what waits for a person."""
    orders = read_again(origin)
    if not orders:
        return []
    order = orders[0]
    return [
        (_("paid there"), _yes_or_no(order.paid)),
        (_("shipped there"), _yes_or_no(order.shipped)),
        (_("cost of delivery"), _shipping(order)),
        (_("receipt of the pickup"), order.pickup_receipt_id),
        (_("sums that do not add up"), "; ".join(map(str, mismatches(order)))),
        (_("waits for a mapping"), ", ".join(map(str, _waiting(order)))),
        (_("window"), _("VirtPos tells no time of delivery: the window begins when the order was made.")),
    ]


def read(origin: Origin) -> str:
    """Read the orders of this one's customer now, and merge this one. Outside any transaction."""
    if why := unavailable(VIRTPOS):
        raise Unavailable(why)
    client: Any = clients.client(VIRTPOS)
    customer = origin.data.get("customer_id")
    try:
        found = [order for order in client.orders(customer_id=customer and str(customer)) if key(order) == origin.key]
    except RemoteError as error:
        if connection.is_outage(error):
            connection.failed(VIRTPOS, error)
        raise
    connection.worked(VIRTPOS)
    if not found:
        raise Refused(_("VirtPos tells no order %(key)s any more.") % {"key": origin.key})
    problems: list[str] = []
    feed = Feed.of(VIRTPOS)
    applied = arrivals.apply(feed, in_our_terms(feed, found, set(), problems.extend))
    if problems := [*problems, *applied.bad]:
        raise Refused("; ".join(problems))
    if applied.conflicts:
        return _("Read: changed here and there, a person must decide.")
    return _("Read: it has changed.") if applied.updated else _("Read: nothing has changed.")


def _yes_or_no(flag: bool | None) -> str:
    return "" if flag is None else _("yes") if flag else _("no")


def _shipping(order: Order) -> str:
    if not order.shipping_cost:
        return ""
    if Feed.of(VIRTPOS).delivery_good_id is not None:
        return str(order.shipping_cost)
    text = _("%(sum)s, in no line: no good stands for delivery in the settings of the service")
    return text % {"sum": order.shipping_cost}


def _waiting(order: Order) -> list[Mapping]:
    keys = {code.key for code in mapping.codes(order)}
    rows = Mapping.objects.filter(Mapping.WAITING, source=Feed.of(VIRTPOS).source, external_id__in=[k[1] for k in keys])
    return [row for row in rows if (row.kind, row.external_id) in keys]


registers.REGISTERS[VIRTPOS] = registers.Register(
    status=status,
    details=details,
    read=read,
    assumed=(
        *("VIRTPOS_FORMAT", "VIRTPOS_WRITE_METHOD", "VIRTPOS_TIME_ZONE", "VIRTPOS_DAYS"),
        *("VIRTPOS_CUSTOMERS_PATH", "VIRTPOS_CARDS_PATH"),
    ),
)
