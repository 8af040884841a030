"""How webhooks are told of orders: in the form of the callback (seed 002:1049-1180), in the source's own numbering."""

from __future__ import annotations

from collections.abc import Collection

from backoffice.partners.models import Source
from backoffice.partners.webhooks import events


def bodies(source: Source, ids: Collection[int]) -> dict[int, bytes]:
    from orders.api.resources import callback_items  # the API, which not every command needs

    return callback_items(source, ids)


events.PAYLOADS["orders"] = bodies
