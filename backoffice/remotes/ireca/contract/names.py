"""Questions about an entity class that its users ask: how an attribute is spelled, which ones an operation carries."""

from collections.abc import Callable
from typing import Any

from .codec import Entity, plan_of


def wire_name(cls: type[Entity], attribute: str) -> str:
    """The wire's spelling of an attribute: order_id -> orderId."""
    return plan_of(cls).fields[attribute].wire


def attributes(cls: type[Entity], operation: str) -> frozenset[str]:
    """The attributes that the seed documents for an operation."""
    return frozenset(word.rstrip("!*") for word in cls.writes[operation].split())


def spelling(cls: type[Entity], attribute: str) -> Callable[[Any], Any]:
    """How `dump` spells the values of an attribute."""
    return plan_of(cls).fields[attribute].kind.dump


def is_secret(cls: type[Entity], attribute: str) -> bool:
    """Whether an attribute is left out of what `dump` stores."""
    return plan_of(cls).fields[attribute].kind.secret
