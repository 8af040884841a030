"""The two outbound requests of the document: {"items": [order]} for orders, a bare session for licences.

Only 201 counts as delivered (seed lines 1180, 2447). Until then a delivery is repeated with growing pauses; deliveries
that hold the same object keep their order, others overtake. Nothing is sent to an address that is not on the loopback
interface.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from .faults import CALLBACK_KINDS, Faults
from .render import CALLBACK, order_row
from .schema import Record
from .state import State


def is_loopback(host: str) -> bool:
    """Whether the name or address is the loopback interface, without asking a resolver."""
    return host in ("localhost", "::1") or (host.startswith("127.") and host.replace(".", "").isdigit())


@dataclass(slots=True)
class Delivery:
    """One request to be posted: what, about which objects, and how often it was tried."""

    kind: str
    url: str
    body: bytes
    objects: frozenset[str]
    attempts: int = 0
    due: float = 0.0
    problem: str = ""
    number: int = field(default_factory=itertools.count(1).__next__)

    def describe(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "url": self.url, "objects": sorted(self.objects), "attempts": self.attempts,
            "problem": self.problem,
        }  # fmt: skip


class Callbacks:
    """Queue and thread that post callbacks. `delivered` and `failed` hold what has ended, oldest first."""

    def __init__(
        self,
        state: State,
        faults: Faults,
        *,
        batch: int = 50,
        attempts: int = 8,
        backoff: float = 0.2,
        longest: float = 60.0,
        timeout: float = 10.0,
        keep: int = 10_000,
    ) -> None:
        self._state = state
        self._faults = faults
        self._batch = batch
        self._attempts = attempts
        self._backoff = backoff
        self._longest = longest
        self._timeout = timeout
        self._keep = keep
        self._pending: list[Delivery] = []
        self.enqueued = 0  # so many were ever to be posted
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.certificate = ""  # a file of what to trust besides what everybody does
        self.delivered: list[Delivery] = []
        self.failed: list[Delivery] = []
        self.dropped: list[Delivery] = []

    def orders_changed(self, orders: list[Record]) -> None:
        """Posts orders as they are now, up to `batch` of them in one request. Called under the state's lock."""
        url = self._url("orders")
        for start in range(0, len(orders) if url else 0, self._batch):
            part = orders[start : start + self._batch]
            items = [order_row(self._state, order, CALLBACK) for order in part]
            self._enqueue("orders", url, {"items": items}, frozenset(order["orderId"] for order in part))

    def license_closed(self, session: Record) -> None:
        """Posts a finished session: six attributes (seed lines 2439-2446)."""
        url = self._url("licenses")
        if url:
            names = ("sessionId", "courierId", "deviceId", "deviceTitle", "sessionStartAt", "sessionFinishAt")
            self._enqueue("licenses", url, {name: session[name] for name in names}, frozenset({session["deviceId"]}))

    def _url(self, kind: str) -> str:
        registered = self._state.store.get("callback", kind)
        return registered["url"] if registered and registered["isActive"] else ""

    def _enqueue(self, kind: str, url: str, payload: Any, objects: frozenset[str]) -> None:
        delivery = Delivery(kind, url, json.dumps(payload, ensure_ascii=False).encode(), objects)
        struck = {fault.kind for fault in self._faults.fire(url, CALLBACK_KINDS[:2])}
        with self._changed:
            self.enqueued += 1
            if "drop_callbacks" in struck:
                self.dropped.append(delivery)
                return
            self._pending.append(delivery)
            if "double_callbacks" in struck:
                self._pending.append(Delivery(kind, url, delivery.body, objects))
            self._changed.notify_all()

    @property
    def pending(self) -> int:
        with self._changed:
            return len(self._pending)

    def wait_idle(self, timeout: float = 10.0) -> bool:
        """Waits until everything is delivered or given up; False when the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, timeout)

    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sandbox-callbacks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread; what is pending stays and goes on after the next start."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(self._timeout + 1)
            self._thread = None

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while (delivery := self._next()) is not None:
                problem = self._post(session, delivery)
                self._record(delivery, problem)

    def _next(self) -> Delivery | None:
        """Waits for a delivery that is due and not behind an earlier one of the same object; None when stopping."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                held: set[str] = set()
                ready: list[Delivery] = []
                soonest = float("inf")
                for delivery in self._pending:
                    if held.isdisjoint(delivery.objects):
                        soonest = min(soonest, delivery.due)
                        if delivery.due <= now:
                            ready.append(delivery)
                            break
                    held |= delivery.objects
                if ready:
                    if self._faults.fire(ready[0].url, ("shuffle_callbacks",)):
                        return self._pending[self._faults.choose(len(self._pending))]
                    return ready[0]
                self._changed.wait(None if soonest == float("inf") else soonest - now)
            return None

    def _post(self, session: requests.Session, delivery: Delivery) -> str:
        """Posts once; "" when answered 201, else what was wrong."""
        if not is_loopback(urlsplit(delivery.url).hostname or ""):
            return "not a loopback address"
        headers = {"Content-Type": "application/json"}
        try:
            answer = session.post(
                delivery.url,
                data=delivery.body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                verify=self.certificate or True,
            )
        except requests.RequestException as problem:
            return f"{type(problem).__name__}: {problem}"
        return "" if answer.status_code == 201 else f"HTTP {answer.status_code}"

    def _record(self, delivery: Delivery, problem: str) -> None:
        with self._changed:
            delivery.attempts += 1
            delivery.problem = problem
            unreachable = problem == "not a loopback address"
            if problem and not unreachable and delivery.attempts < self._attempts:
                pause = min(self._backoff * 2 ** (delivery.attempts - 1), self._longest)
                delivery.due = time.monotonic() + pause
                return
            self._pending.remove(delivery)
            ended = self.failed if problem else self.delivered
            ended.append(delivery)
            del ended[: -self._keep]
            self._changed.notify_all()
