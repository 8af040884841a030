"""Which loops have something to do: one statement for all of them, so that a worker with nothing to do costs nothing.

Rows alone say what is due, on any database and behind any pooler of connections. LISTEN would be lost behind one that
works by transaction, and NOTIFY makes all commits of a database wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Value
from django.utils import timezone

from backoffice.sync.models import RemoteState
from backoffice.sync.tasks import Task

NOW = datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC)  # stands for the moment of the look in a statement that is made once


class Lookout:
    """Looks for what is due. Twice a second, so the statement is made once: that takes longer than carrying it out."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self.tasks = list({task.name: task for task in tasks}.values())
        self._names: list[str] = []  # of the loop that each part of the statement is about
        self._statement = ""
        self._params: list[Any] = []

    @property
    def unseen(self) -> set[str]:
        """Names of the loops that no row waits for: only they themselves know whether it is time."""
        self._prepare()
        return {task.name for task in self.tasks} - set(self._names)

    def due(self) -> set[str]:
        """Names of the loops for which a row waits, but of those whose remote must be left alone now. Two queries."""
        self._prepare()
        placeholder, now = _adapted(NOW), _adapted(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(self._statement, [now if value == placeholder else value for value in self._params])
            found = cursor.fetchone()
        waiting = {name for name, is_there in zip(self._names, found, strict=True) if is_there}
        if not waiting:
            return waiting
        stopped = _stopped()
        return waiting - {task.name for task in self.tasks if task.remote in stopped}

    def _prepare(self) -> None:
        if self._statement:
            return
        parts = []
        for task in self.tasks:
            for rows in task.due(NOW):
                statement, values = rows.order_by().values(one=Value(1))[:1].query.sql_with_params()
                parts.append(f"EXISTS({statement})")
                self._names.append(task.name)
                self._params += values
        self._statement = f"SELECT {', '.join(parts)}"  # the ORM's own text: no value is in it


def _adapted(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


def _stopped() -> set[str]:
    """Remotes that are paused or blocked: what is due there stays due, and nobody need look again and again."""
    now = timezone.now()
    states = RemoteState.objects.values_list("name", "paused", "blocked_until")
    return {name for name, paused, until in states if paused or (until is not None and until > now)}
