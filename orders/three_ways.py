"""Three ways: what both sides agreed on last, what we have and what a service tells; who changed it?"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from orders.models import DeliveryStatus, Feed, Hold, Order
from orders.told import OUTCOME, Arrival, Way

WAY = "hold"
IN_HAND = (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)
ENDED = (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)


def decide(name: str, ours: Any, theirs: Any, agreed: dict[str, Any], conflicts: dict[str, Any]) -> bool:
    """Three ways for one column: whether theirs is taken. `agreed` and `conflicts` are brought up to date."""
    base = agreed.get(name, UNSET)
    if theirs == ours:
        agreed[name] = theirs
        return False
    if theirs == base:
        return False
    if ours == base or (base is UNSET and ours in (None, "")):
        agreed[name] = theirs
        return True
    conflicts[name] = {"base": None if base is UNSET else base, "theirs": theirs}
    return False


def decide_way(
    feed: Feed, order: Order, arrival: Arrival, agreed: dict[str, Any], conflicts: dict[str, Any]
) -> Hold | None:
    """An order that no courier has heard of follows what its service says of the way of delivery; of any other a person
    is told.
    """
    if arrival.way is None:
        return None
    if arrival.way.value == agreed.get("way") or order.is_closed:
        if not order.is_closed:
            agreed.pop(WAY, None)
        return None
    if order.remote_data is not None or not order.hold:
        theirs = Hold.PICKUP if arrival.way is Way.PICKUP else Hold.NO
        if arrival.way is Way.UNKNOWN or order.hold == theirs:
            agreed["way"] = arrival.way.value
        elif agreed.get(WAY) != theirs.value:
            base = Hold.PICKUP if agreed.get("way") == Way.PICKUP.value else Hold.NO
            conflicts[WAY] = {"base": base.value, "theirs": theirs.value}
        return None
    agreed["way"] = arrival.way.value
    return hold_of(feed, arrival)


def decide_outcome(
    feed: Feed, order: Order, arrival: Arrival, agreed: dict[str, Any], conflicts: dict[str, Any]
) -> dict[str, Any]:
    """Cancelled or finished there: it ends here too, unless a courier has it in hand or it ended otherwise. Opened
    again there after both had ended it: a person decides.
    """
    outcome = arrival.outcome
    if outcome is None:
        if agreed.get(OUTCOME) in ENDED and order.delivery_status == agreed[OUTCOME]:
            conflicts[OUTCOME] = {"base": agreed[OUTCOME], "theirs": DeliveryStatus.PREPARED.value}
        else:
            agreed.pop(OUTCOME, None)
        return {}
    if agreed.get(OUTCOME) == outcome.value:
        return {}
    if order.delivery_status == outcome:
        agreed[OUTCOME] = outcome.value
        return {}
    if outcome == DeliveryStatus.CANCELLED and not order.is_closed and order.delivery_status not in IN_HAND:
        agreed[OUTCOME] = outcome.value
        return ended(feed, outcome)
    conflicts[OUTCOME] = {"base": agreed.get(OUTCOME), "theirs": outcome.value}
    return {}


def hold_of(feed: Feed, arrival: Arrival) -> Hold:
    if arrival.way is Way.PICKUP:
        return Hold.PICKUP
    if arrival.way is Way.COURIER and not feed.source.waits_for_dispatcher:
        return Hold.NO
    return Hold.WAITS


def ended(feed: Feed, outcome: DeliveryStatus) -> dict[str, Any]:
    reason = {"return_reason_id": feed.return_reason_id} if outcome == DeliveryStatus.CANCELLED else {}
    return {OUTCOME: outcome.value, **reason}
