"""What all parts share: the store, the clock, the options, poisoned objects, and hooks for what is told outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .clock import Clock
from .dictionaries import constants
from .errors import Refusal
from .options import Options
from .schema import Field, Record, references
from .store import Store


class State:
    """Everything that is guarded by `lock`."""

    def __init__(self, options: Options, clock: Clock, path: str | Path | None = None) -> None:
        self.options = options
        self.clock = clock
        self.store = Store(path)
        self.lock = self.store.lock
        self.poison: dict[tuple[str, str], str] = {}
        self.orders_changed: Callable[[list[Record]], None] = lambda orders: None
        self.license_closed: Callable[[Record], None] = lambda session: None

    def check_poison(self, entity: str, key: str) -> None:
        """Refuses an object that a test has poisoned."""
        message = self.poison.get((entity, key))
        if message is not None:
            raise Refusal(message, violation=False)

    def check_references(
        self, fields: tuple[Field, ...], record: Record, path: str, coming: frozenset[tuple[str, str]]
    ) -> None:
        """Refuses a record that refers to what neither exists nor comes in the same request."""
        if not self.options.references:
            return
        for entity, key in references(fields, record):
            if not (self.store.has(entity, key) or (entity, key) in coming or (entity, key) in constants()):
                raise Refusal(f"{path}: {entity} {key}: модель не существует")
