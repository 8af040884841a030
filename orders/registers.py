"""What pages say of an order at a register service, and do with it, by service.

Each service has its own words and its own ways; `orders/bifit` and `orders/virtpos` register theirs here, so that the
pages know none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from orders.models import Deed, Origin


def _as_it_is(code: str) -> str:
    return code


def _nothing(origin: Origin) -> list[tuple[Any, Any]]:
    return []


@dataclass(frozen=True)
class Register:
    """A service as the pages see it.

    `status`, `delivery`, `tax_system` put its codes into words. `details` are further things to show of an order.
    `read(origin)` is the short read that a person asked for: it says what came of it, and raises RemoteError,
    ContractError or Unavailable. `tell(origin)` has the service told how the order is. `rules` are the states that our
    deeds become by default; without any, there are no rules.
    """

    status: Callable[[str], str] = _as_it_is
    delivery: Callable[[str], str] = _as_it_is
    tax_system: Callable[[str], str] = _as_it_is
    details: Callable[[Origin], Sequence[tuple[Any, Any]]] = _nothing
    read: Callable[[Origin], str] | None = None
    tell: Callable[[Origin], None] | None = None
    rules: dict[Deed, str] = field(default_factory=dict)
    assumed: Sequence[str] = ()  # settings for what its document leaves open


REGISTERS: dict[str, Register] = {}


def of(remote: str) -> Register:
    return REGISTERS.get(remote, _PLAIN)


_PLAIN = Register()
