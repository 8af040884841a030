"""/__sandbox__/: what a person with curl or another process may ask and do, from loopback, without a token.

GET /__sandbox__/ lists the calls, which stand in one table, `CALLS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .recording import Reply, json_reply

if TYPE_CHECKING:
    from .sandbox import Sandbox

ACTIONS = ("take", "deliver", "close", "cancel", "refund", "edit_line")
DEFAULT_LAST = 100


@dataclass(frozen=True)
class Call:
    """What is answered under a name. `takes`: the bodies of a POST, as they are shown."""

    run: Callable[[Sandbox, Any], Any]  # with the `last` of a GET, with the object of a POST
    says: str
    takes: tuple[str, ...] = ()


class Control:
    """The control interface of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answers one request; a mistake of the caller is answered 400 with its text."""
        if method not in ("GET", "POST"):
            return json_reply(405, {"error": True, "message": "GET or POST"})
        what = path.strip("/")
        try:
            arguments = json.loads(body) if body else {}
            if not isinstance(arguments, dict):
                raise ValueError("an object is expected")
            call = CALLS.get((method, what))
            if call is None:
                raise LookupError(f"there is no {method} {what!r}; GET /__sandbox__/ lists what there is")
            last = int(parse_qs(query).get("last", [str(DEFAULT_LAST)])[0])
            return json_reply(200, call.run(self._sandbox, last if method == "GET" else arguments))
        except (ValueError, LookupError, TypeError) as problem:
            return json_reply(400, {"error": True, "message": str(problem)})


def _calls(sandbox: Sandbox, last: int) -> list[dict[str, Any]]:
    return [
        {"method": method, "path": f"/__sandbox__/{what}", "says": call.says}
        | ({"takes": call.takes} if call.takes else {})
        for (method, what), call in CALLS.items()
    ]


def _state(sandbox: Sandbox, last: int) -> Any:
    return sandbox.describe()


def _requests(sandbox: Sandbox, last: int) -> Any:
    return sandbox.requests[-last:]


def _violations(sandbox: Sandbox, last: int) -> Any:
    return sandbox.violations[-last:]


def _faults(sandbox: Sandbox, last: int) -> Any:
    return sandbox.faults.describe()


def _callbacks(sandbox: Sandbox, last: int) -> dict[str, Any]:
    return {
        "delivered": [delivery.describe() for delivery in sandbox.callbacks_delivered[-last:]],
        "failed": [delivery.describe() for delivery in sandbox.callbacks_failed[-last:]],
        "pending": sandbox.callbacks.pending,
    }


def _bifit(sandbox: Sandbox, last: int) -> dict[str, Any]:
    bifit = sandbox.bifit
    listed = {"all": bifit.orders, "last": bifit.requests[-last:], "breaches": bifit.violations[-last:]}
    return bifit.describe() | listed


def _virtpos(sandbox: Sandbox, last: int) -> dict[str, Any]:
    virtpos = sandbox.virtpos
    data = {"all": virtpos.orders, "customers": virtpos.customers, "cards": virtpos.cards}
    return {
        "figures": virtpos.describe(),
        **data,
        "last": virtpos.requests[-last:],
        "breaches": virtpos.violations[-last:],
    }


def _set_faults(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    if arguments.get("clear"):
        sandbox.faults.clear()
    else:
        sandbox.faults.set(**arguments)
    return sandbox.faults.describe()


def _tick(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    sandbox.tick(float(arguments["seconds"]))
    return sandbox.describe()


def _courier(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    action = arguments.pop("action")
    if action not in ACTIONS:
        raise ValueError(f"action is one of {', '.join(ACTIONS)}")
    getattr(sandbox, action)(**arguments)
    return sandbox.order(arguments["order_id"])


def _change(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    return sandbox.change(arguments["order_id"], **arguments["attributes"])


def _poison(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    sandbox.refuse(arguments["entity"], arguments["id"], arguments.get("message"))
    return {f"{entity} {key}": text for (entity, key), text in sandbox.state.poison.items()}


def _at_bifit(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    return sandbox.bifit.control(arguments)


def _at_virtpos(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    return sandbox.virtpos.control(**arguments)


def _reset(sandbox: Sandbox, arguments: dict[str, Any]) -> Any:
    sandbox.reset()
    return sandbox.describe()


CALLS: dict[tuple[str, str], Call] = {
    ("GET", ""): Call(_calls, "this list"),
    ("GET", "state"): Call(_state, "its time and figures"),
    ("GET", "requests"): Call(_requests, f"the last requests (?last={DEFAULT_LAST})"),
    ("GET", "violations"): Call(_violations, f"breaches of the contract (?last={DEFAULT_LAST})"),
    ("GET", "faults"): Call(_faults, "faults that are switched on"),
    ("GET", "callbacks"): Call(_callbacks, f"callbacks that were posted, or not (?last={DEFAULT_LAST})"),
    ("POST", "faults"): Call(
        _set_faults,
        "switches a fault on, or all off",
        ('{"kind": "500", "probability": 1, "times": 3, "path_contains": "orders"}', '{"clear": true}'),
    ),
    ("POST", "tick"): Call(_tick, "time goes on", ('{"seconds": 600}',)),
    ("POST", "courier"): Call(
        _courier,
        "a courier does something",
        (f'{{"action": "{"|".join(ACTIONS)}", "order_id": 1, ...the method\'s own arguments}}',),
    ),
    ("POST", "change"): Call(_change, "someone else changes an order", ('{"order_id": 1, "attributes": {...}}',)),
    ("POST", "poison"): Call(
        _poison,
        'an object is refused with this message; without one, no more. BIFIT Kassa\'s orders are "online_orders"',
        ('{"entity": "orders", "id": "1", "message": "..."}',),
    ),
    ("GET", "bifit"): Call(_bifit, "BIFIT Kassa: its figures, orders, last requests and violations"),
    ("POST", "bifit"): Call(
        _at_bifit,
        "something happens at BIFIT Kassa",
        (
            '{"action": "add", "fields": {...}}',
            '{"action": "change", "id": 1, "fields": {...}}',
            '{"action": "expire_tokens", "refresh": false}',
        ),
    ),
    ("GET", "virtpos"): Call(_virtpos, "VirtPos: its figures, orders, customers, cards, last requests and violations"),
    ("POST", "virtpos"): Call(
        _at_virtpos,
        "something happens at VirtPos",
        (
            '{"action": "add_order", "items": [...], ...fields}',
            '{"action": "change_order", "number": 1, ...fields}',
            '{"action": "add_customer", ...fields}',
            '{"action": "layout", "orders": "flat", ...}',
            '{"action": "refuse", "what": "customers|cards", "key": "3", "message": "..."}',
        ),
    ),
    ("POST", "reset"): Call(
        _reset, "puts the sample data back and forgets requests, violations, faults and poison", ("{}",)
    ),
}
