"""Faults that can be switched on: what a network, a proxy or an overloaded service does to a client."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass
from typing import Any

HTTP_KINDS = ("delay", "reset_before", "500", "502", "503", "429", "401", "html", "reset_after", "garbage")
CALLBACK_KINDS = ("drop_callbacks", "double_callbacks", "shuffle_callbacks")
KINDS = HTTP_KINDS + CALLBACK_KINDS


@dataclass(slots=True)
class Fault:
    """`times` counts down to 0, None is for ever; `seconds` is a delay's length or the Retry-After of a 429 or 503."""

    kind: str
    probability: float = 1.0
    times: int | None = None
    path_contains: str = ""
    method: str = ""
    seconds: float = 1.0
    fired: int = 0


class Faults:
    """The faults in force. Thread-safe; random with a seed, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  # made-up faults
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def set(
        self,
        kind: str | int,
        probability: float = 1.0,
        times: int | None = None,
        path_contains: str | None = None,
        *,
        method: str | None = None,
        seconds: float = 1.0,
    ) -> Fault:
        """Adds a fault; ValueError for an unknown kind."""
        kind = str(kind)
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}, known are {', '.join(KINDS)}")
        fault = Fault(kind, float(probability), times, path_contains or "", (method or "").upper(), float(seconds))
        with self._lock:
            self._active.append(fault)
        return fault

    def clear(self, kind: str | int | None = None) -> None:
        """Removes the faults of a kind, or all."""
        with self._lock:
            self._active = [fault for fault in self._active if kind is not None and fault.kind != str(kind)]

    def fire(self, path: str, kinds: tuple[str, ...], method: str = "") -> list[Fault]:
        """The faults that strike this request or callback: every delay that applies and at most one other."""
        struck: list[Fault] = []
        with self._lock:
            for fault in self._active:
                if fault.kind not in kinds or fault.times == 0 or fault.path_contains not in path:
                    continue
                if fault.method and fault.method != method:
                    continue
                if fault.kind != "delay" and any(other.kind != "delay" for other in struck):
                    continue
                if self._random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.fired += 1
                struck.append(fault)
        return struck

    def choose(self, count: int) -> int:
        """An index for shuffled callbacks."""
        with self._lock:
            return self._random.randrange(count)

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._active]
