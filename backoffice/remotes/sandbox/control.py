"""/__sandbox__/: what a person with curl or another process may ask and do, from loopback, without a token.

GET  state | requests | violations | faults | callbacks
POST faults      {"kind": "500", "probability": 1, "times": 3, "path_contains": "orders"}; {"clear": true} removes all
POST tick        {"seconds": 600}
POST courier     {"action": "take|deliver|close|cancel|refund|edit_line", "order_id": 1, ...the method's own arguments}
POST change      {"order_id": 1, "attributes": {...}}: someone else changes an order
POST poison      {"entity": "orders", "id": "1", "message": "..."}; without a message the poison is taken away
GET  bifit       its figures, orders, last requests and violations
POST bifit       {"action": "add", "fields": {...}} | {"action": "change", "id": 1, "fields": {...}}
                 | {"action": "expire_tokens", "refresh": false}; it is poisoned as "online_orders"
GET  virtpos     its figures, orders, customers, cards, last requests and violations
POST virtpos     {"action": "add_order", "items": [...], ...fields} | {"action": "change_order", "number": 1, ...fields}
                 | {"action": "add_customer", ...fields} | {"action": "layout", "orders": "flat", ...}
                 | {"action": "refuse", "what": "customers|cards", "key": "3", "message": "..."}
POST reset       {} puts the sample data back and forgets requests, violations, faults and poison
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .recording import Reply, json_reply

if TYPE_CHECKING:
    from .sandbox import Sandbox

ACTIONS = ("take", "deliver", "close", "cancel", "refund", "edit_line")
DEFAULT_LAST = 100


class Control:
    """The control interface of one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answers one request; a mistake of the caller is answered 400 with its text."""
        try:
            arguments = json.loads(body) if body else {}
            if not isinstance(arguments, dict):
                raise ValueError("an object is expected")
            if method == "GET":
                return json_reply(200, self._get(path.strip("/"), parse_qs(query)))
            if method == "POST":
                return json_reply(200, self._post(path.strip("/"), arguments))
        except (ValueError, LookupError, TypeError) as problem:
            return json_reply(400, {"error": True, "message": str(problem)})
        return json_reply(405, {"error": True, "message": "GET or POST"})

    def _get(self, what: str, query: dict[str, list[str]]) -> Any:
        sandbox = self._sandbox
        last = int(query.get("last", [str(DEFAULT_LAST)])[0])
        if what == "state":
            return sandbox.describe()
        if what == "requests":
            return sandbox.requests[-last:]
        if what == "violations":
            return sandbox.violations[-last:]
        if what == "faults":
            return sandbox.faults.describe()
        if what == "bifit":
            bifit = sandbox.bifit
            listed = {"all": bifit.orders, "last": bifit.requests[-last:], "breaches": bifit.violations[-last:]}
            return bifit.describe() | listed
        if what == "virtpos":
            virtpos = sandbox.virtpos
            data = {"all": virtpos.orders, "customers": virtpos.customers, "cards": virtpos.cards}
            return {
                "figures": virtpos.describe(),
                **data,
                "last": virtpos.requests[-last:],
                "breaches": virtpos.violations[-last:],
            }
        if what == "callbacks":
            return {
                "delivered": [delivery.describe() for delivery in sandbox.callbacks_delivered[-last:]],
                "failed": [delivery.describe() for delivery in sandbox.callbacks_failed[-last:]],
                "pending": sandbox.callbacks.pending,
            }
        raise LookupError(f"nothing is known about {what!r}")

    def _post(self, what: str, arguments: dict[str, Any]) -> Any:
        sandbox = self._sandbox
        if what == "faults":
            if arguments.get("clear"):
                sandbox.faults.clear()
            else:
                sandbox.faults.set(**arguments)
            return sandbox.faults.describe()
        if what == "tick":
            sandbox.tick(float(arguments["seconds"]))
            return sandbox.describe()
        if what == "courier":
            action = arguments.pop("action")
            if action not in ACTIONS:
                raise ValueError(f"action is one of {', '.join(ACTIONS)}")
            getattr(sandbox, action)(**arguments)
            return sandbox.order(arguments["order_id"])
        if what == "change":
            return sandbox.change(arguments["order_id"], **arguments["attributes"])
        if what == "bifit":
            return sandbox.bifit.control(arguments)
        if what == "virtpos":
            return sandbox.virtpos.control(**arguments)
        if what == "poison":
            sandbox.refuse(arguments["entity"], arguments["id"], arguments.get("message"))
            return {f"{entity} {key}": text for (entity, key), text in sandbox.state.poison.items()}
        if what == "reset":
            sandbox.reset()
            return sandbox.describe()
        raise LookupError(f"{what!r} cannot be done")
