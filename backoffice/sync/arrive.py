"""What was read is merged; what we wrote while it was read is looked at once more.

An answer that was asked for before a write of ours and arrives after it tells what was there before: taken as it is, it
would undo here what a person did, until the next read. So each read says when it was asked for, and what both sides
have agreed on since is left alone and read again by its id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from backoffice.remotes.errors import ContractError, Refused, RemoteError
from backoffice.sync import clock
from backoffice.sync.apply import Applied, apply_each
from backoffice.sync.connection import is_outage
from backoffice.sync.mirror import Mirror

ROUNDS = 3  # in which an object is read again; then it is left to the next read
FEW = 50  # objects that are read again of one batch; the rest is left to the next read


def merge(mirror: Mirror, client: Any, objects: Sequence[Any], asked: datetime) -> Applied:
    """Merge what was asked for at that moment, by the database's clock. What is `outdated` in the end is for the next
    read. Raises RemoteError when the remote is out.
    """
    applied = apply_each(mirror, objects, asked)
    for _round in range(ROUNDS):
        if not applied.outdated or client is None:
            break
        asked, again = clock.now(), applied.outdated[:FEW]
        found, unread = _read(mirror, client, again)
        applied.outdated = [*unread, *applied.outdated[FEW:]]
        applied += apply_each(mirror, found, asked)
        if unread:
            break
    return applied


def _read(mirror: Mirror, client: Any, ireca_ids: Iterable[str]) -> tuple[list[Any], list[str]]:
    """What the remote has of these now, and which of them it cannot tell. What is gone is neither."""
    found, unread = [], []
    for ireca_id in ireca_ids:
        try:
            theirs = mirror.fetch(client, ireca_id)
        except (Refused, ContractError):
            continue
        except RemoteError as error:
            if is_outage(error):
                raise
            unread.append(ireca_id)
        else:
            found += [theirs] if theirs is not None else []
    return found, unread
