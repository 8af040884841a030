"""What every emulated service does with a request around answering it: remember it, and what was wrong with it.

Every request is recorded in `requests`, every breach of the contract in `violations`: the tests of our clients end by
looking there.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from backoffice.remotes.redact import redact

from .errors import Refusal
from .schema import Invalid, Record
from .state import State

EXCERPT = 500


@dataclass(slots=True)
class Reply:
    """Status, headers and the body in pieces; `body` is empty for 201 and 204."""

    status: int
    body: Iterator[bytes] = field(default_factory=lambda: iter(()))
    headers: dict[str, str] = field(default_factory=dict)


def json_reply(status: int, payload: Any) -> Reply:
    return Reply(
        status,
        iter((json.dumps(payload, ensure_ascii=False, default=str).encode(),)),
        {"Content-Type": "application/json; charset=utf-8"},
    )


def loads(body: bytes, parse_float: type) -> Any:
    """The parsed body, or None when it is not JSON, which no endpoint takes."""
    try:
        return json.loads(body, parse_float=parse_float, parse_constant=_refuse_constant) if body else None
    except ValueError:
        return None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Recorded(ABC):
    """A service that records. Its `root` is such as "/api/v1/", `keep` is how many requests are remembered."""

    root: str

    def __init__(self, state: State, keep: int) -> None:
        self._state = state
        self._keep = keep
        self.requests: list[Record] = []
        self.violations: list[Record] = []

    @abstractmethod
    def answer(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        """The answer to a request; `path` is what follows the root. Raises Refusal or Invalid."""

    @abstractmethod
    def refusal(self, refusal: Refusal) -> Reply:
        """How this service says no."""

    def recorded_body(self, headers: Any, body: bytes) -> Any:
        """What is remembered of a body."""
        return loads(body, float)

    def handle(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        """Answers one request and records it."""
        entry: Record = {
            "time": self._state.clock.stamp(),
            "method": method,
            "path": f"/{path}",
            "query": dict(parse_qsl(raw_query, keep_blank_values=True)),
            "body": self.recorded_body(headers, body),
            "status": 0,
        }
        try:
            reply = self.answer(method, path, raw_query, headers, body)
        except Invalid as problem:
            reply = self._refused(entry, Refusal(str(problem)), body)
        except Refusal as refusal:
            reply = self._refused(entry, refusal, body)
        entry["status"] = reply.status
        with self._state.lock:
            self.requests.append(entry)
            del self.requests[: -self._keep]
        return reply

    def forget(self) -> None:
        """Forgets all that was recorded."""
        self.requests.clear()
        self.violations.clear()

    def _refused(self, entry: Record, refusal: Refusal, body: bytes) -> Reply:
        if refusal.violation:
            names = ("time", "method", "path", "query")
            violation = {name: entry[name] for name in names}
            violation |= {"message": refusal.message, "body": redact(body[:EXCERPT].decode("utf-8", "replace"))}
            with self._state.lock:
                self.violations.append(violation)
                del self.violations[: -self._keep]
        return self.refusal(refusal)
