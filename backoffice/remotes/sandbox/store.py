"""Objects of the sandbox: kind -> id -> record, in memory, optionally kept in a SQLite file.

Records are never changed in place: a writer puts a new dict. So a reader that took a list of records under the lock may
render it after the lock was released, while others write.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """A dict of dicts that remembers what has changed and writes it to `path` on `flush`."""

    def __init__(self, path: str | Path | None = None) -> None:
        self.lock = threading.RLock()
        self._rows: dict[str, dict[str, Any]] = defaultdict(dict)
        # A dict and not a set: rows are written in the order in which they were made, and listed so after a restart.
        self._dirty: dict[tuple[str, str], None] = {}
        self._file: sqlite3.Connection | None = None
        if path is not None:
            self._file = sqlite3.connect(path, check_same_thread=False)
            self._file.execute(
                "CREATE TABLE IF NOT EXISTS object (seq INTEGER PRIMARY KEY,"
                " kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id))"
            )
            for kind, key, body in self._file.execute("SELECT kind, id, body FROM object ORDER BY seq"):
                self._rows[kind][key] = json.loads(body)

    @property
    def empty(self) -> bool:
        return not any(self._rows.values())

    def everything(self) -> dict[str, dict[str, Any]]:
        """All records by kind and id; kinds that have some."""
        return {kind: dict(rows) for kind, rows in self._rows.items() if rows}

    def get(self, kind: str, key: str) -> Any:
        """The record, or None."""
        return self._rows[kind].get(key)

    def has(self, kind: str, key: str) -> bool:
        return key in self._rows[kind]

    def put(self, kind: str, key: str, record: Any) -> None:
        self._rows[kind][key] = record
        self._dirty[kind, key] = None

    def remove(self, kind: str, key: str) -> None:
        self._rows[kind].pop(key, None)
        self._dirty[kind, key] = None

    def append(self, kind: str, key: str, item: Record) -> None:
        """Adds to the list kept under the key: journals, receipts, locations."""
        self.put(kind, key, [*self._rows[kind].get(key, ()), item])

    def all(self, kind: str) -> list[Any]:
        """The records of a kind in the order in which they were made: a copy, safe to use without the lock."""
        return list(self._rows[kind].values())

    def items(self, kind: str) -> Iterator[tuple[str, Any]]:
        return iter(list(self._rows[kind].items()))

    def count(self, kind: str) -> int:
        return len(self._rows[kind])

    def next_number(self, name: str, first: int = 1) -> int:
        """The next value of a named counter, which survives a restart."""
        value = self._rows["counter"].get(name, first - 1) + 1
        self.put("counter", name, value)
        return value

    def clear(self) -> None:
        with self.lock:
            for kind, rows in self._rows.items():
                self._dirty.update(dict.fromkeys((kind, key) for key in rows))
            self._rows.clear()

    def flush(self) -> None:
        """Writes what has changed since the last flush, in one transaction."""
        if self._file is None:
            self._dirty.clear()
            return
        with self.lock, self._file:
            for kind, key in self._dirty:
                if key in self._rows[kind]:
                    body = json.dumps(self._rows[kind][key], ensure_ascii=False)
                    self._file.execute(
                        "INSERT INTO object (kind, id, body) VALUES (?, ?, ?)"
                        " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
                        (kind, key, body),
                    )
                else:
                    self._file.execute("DELETE FROM object WHERE kind = ? AND id = ?", (kind, key))
            self._dirty.clear()

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
