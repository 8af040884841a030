"""How webhooks are told that a courier's session was closed (seed 002:2418-2446)."""

from __future__ import annotations

from collections.abc import Collection

from backoffice.partners.models import Source
from backoffice.partners.webhooks import events
from backoffice.remotes.ireca import contract
from couriers.models import License

COLUMNS = {
    "courier_id": "courier__ireca_id",
    **{name: name for name in ("session_id", "device_id", "device_title", "session_start_at", "session_finish_at")},
}


def bodies(source: Source, ids: Collection[int]) -> dict[int, bytes]:
    """Bare objects, as the seed's example has it (2437-2446), and the same ones for all sources."""
    from backoffice.partners.api.projection import Projection, encoder  # the API, which not every command needs

    closed = Projection(License, contract.SessionClosed, "callback", COLUMNS)
    return {key: encoder.encode(row) for key, row in closed.rows(License.objects.filter(pk__in=ids))}


events.PAYLOADS["licenses"] = bodies
