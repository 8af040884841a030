"""A mapping was changed: orders that have not left for iRECA are put into our terms once more, as read last."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

from backoffice.remotes.virtpos import layouts
from backoffice.remotes.virtpos.contract import Order
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.enqueue import chunks
from orders import arrivals
from orders.arrivals import Arrived
from orders.models import DeliveryStatus, Feed, Mapping, Origin
from orders.virtpos import mapping
from orders.virtpos.reader import arriving

OVER = (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


def reapply(rows: Collection[Mapping]) -> Arrived:
    """Apply changed mappings to the orders that name them, are open, and are unknown to iRECA."""
    feed = Feed.of(VIRTPOS)
    keys = {(row.kind, row.external_id) for row in rows}
    result = Arrived()
    for some in chunks(_unsent(feed), arrivals.SLICE):
        named = [order for order in some if any(code.key in keys for code in mapping.codes(order))]
        if not named:
            continue
        applied = arrivals.apply(feed, arriving(feed, named, set(), result.bad.extend), again=True)
        result += applied
        result.bad += applied.bad
    return result


def _unsent(feed: Feed) -> Iterator[Order]:
    origins = Origin.objects.filter(remote=feed.remote, order__remote_data__isnull=True)
    for origin in origins.exclude(order__delivery_status__in=OVER).iterator(arrivals.SLICE):
        yield from read_again(origin)


def read_again(origin: Origin) -> list[Order]:
    """The order of an origin, from what was kept of it; nothing where that cannot be understood any more."""
    kept = json.dumps({"success": "1", "orders": [origin.data]}).encode()
    return layouts.orders(layouts.read_answer(kept), lambda row: None)
