"""What the sandbox tells at first is pulled once by each process of the tests, and copied from then on.

Half a thousand tests begin with it, and a pull takes half a second. The copy is of whole tables with their keys, which
nobody else gets: no sequence goes back, but where a test migrates (`forget`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from backoffice.remotes.sandbox import Sandbox
from tests.flush import filled

NOT_PULLED = frozenset({"journal"})  # which has the moment at which each sandbox began
OF_PEOPLE = ("auth_", "django_", "accounts_")  # tables whose rows a pull neither reads nor writes


class Copy:
    """What is in the tables now, as the database spells it."""

    def __init__(self) -> None:
        self._tables = {name: _read(name) for name in _filled()}

    def paste(self) -> None:
        # Every foreign key is checked when the transaction ends, so the order does not matter.
        with transaction.atomic():
            for name, rows in self._tables.items():
                _write(name, rows)


_copies: dict[str, Copy] = {}


def forget() -> None:
    """For a test that migrates: tables, columns and sequences are others afterwards."""
    _copies.clear()


def once(sandbox: Sandbox, pull: Callable[[], None]) -> None:
    """Have the rows that `pull` makes of what this sandbox has, in a database that has none."""
    if _filled():
        pull()  # a test has rows already, with which what is pulled is merged
        return
    state = sandbox.state
    told = {kind: rows for kind, rows in state.store.everything().items() if kind not in NOT_PULLED}
    digest = json.dumps([told, repr(state.options), sorted(state.poison)], sort_keys=True)
    if digest in _copies:
        _copies[digest].paste()
    else:
        pull()
        _copies[digest] = Copy()


def _filled() -> list[str]:
    return [name for name in filled(connection) if not name.startswith(OF_PEOPLE)]


def _read(table: str) -> Any:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as copy:
                return b"".join(copy)
        cursor.execute(f'SELECT * FROM "{table}"')
        return [description[0] for description in cursor.description], cursor.fetchall()


def _write(table: str, rows: Any) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f'COPY "{table}" FROM STDIN (FORMAT binary)') as copy:
                copy.write(rows)
            return
        columns, values = rows
        names, marks = ", ".join(f'"{name}"' for name in columns), ", ".join(["%s"] * len(columns))
        cursor.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', values)
