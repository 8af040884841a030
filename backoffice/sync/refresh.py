"""A short read that a person asked for: some objects, one by one, with what came of each.

This is the only HTTP that a web request may cause. It runs outside any transaction; whoever wants more than LIMIT
objects asks for a pull.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.translation import gettext as _

from backoffice.remotes.errors import ContractError, Refused, RemoteError
from backoffice.sync import arrive, clients, clock, connection
from backoffice.sync.mirror import Mirror

LIMIT = 50  # objects; one request each


class Outcome(Enum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True)
class Refreshed:
    """What came of one row; `text` is the remote's own where it failed."""

    row: Any
    outcome: Outcome
    text: str = ""


class Unavailable(Exception):
    """The remote cannot be asked now; the text says why."""


def refresh(mirror: Mirror, rows: Sequence[Any]) -> list[Refreshed]:
    """Read the rows' objects from the remote and merge them. Stops when the remote is out: the rest is not tried.

    Raises Unavailable when the remote is off, paused or blocked, ValueError for more than LIMIT rows.
    """
    if len(rows) > LIMIT:
        raise ValueError(f"{len(rows)} rows, but at most {LIMIT}")
    if why := unavailable(mirror.remote):
        raise Unavailable(why)
    client = clients.client(mirror.remote)
    results = []
    for index, row in enumerate(rows):
        try:
            results.append(_refresh(mirror, row, client))
        except RemoteError as error:
            if connection.is_outage(error):
                connection.failed(mirror.remote, error)
                return results + [Refreshed(left, Outcome.FAILED, str(error)) for left in rows[index:]]
            results.append(Refreshed(row, Outcome.FAILED, str(error)))
    return results


def unavailable(remote: str) -> str:
    """Why the remote cannot be asked now; empty when it can."""
    state = connection.state_of(remote)
    if not state["on"]:
        return connection.why_off(remote)
    if not state["blocked"]:
        return ""
    title = connection.TITLES[remote]
    if state["state"].paused:
        return _("The exchange with %(remote)s is paused by a person.") % {"remote": title}
    return _("%(remote)s is not available now: %(reason)s") % {"remote": title, "reason": state["state"].reason}


def _refresh(mirror: Mirror, row: Any, client: Any) -> Refreshed:
    asked = clock.now()
    try:
        theirs = mirror.fetch(client, row.ireca_id)
    except Refused as refusal:
        # How iRECA says "no such object" is not documented, so its own words are shown.
        return Refreshed(row, Outcome.ABSENT, str(refusal))
    except ContractError as error:
        return Refreshed(row, Outcome.FAILED, str(error))
    connection.worked(mirror.remote)
    if theirs is None:
        return Refreshed(row, Outcome.ABSENT)
    applied = arrive.merge(mirror, client, [theirs], asked)
    if failed := applied.unstored.get(row.ireca_id):
        return Refreshed(row, Outcome.FAILED, failed)
    outcome = Outcome.CHANGED if applied.created or applied.updated else Outcome.UNCHANGED
    return Refreshed(applied.rows[-1], Outcome.CONFLICT if applied.conflicts else outcome)
