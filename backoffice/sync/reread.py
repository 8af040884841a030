"""Reading again, before it is sent, what the remote may have changed meanwhile, and merging it.

An object that is sent whole would put back whatever changed there since we looked last; one whose creation may have
succeeded would be
created twice. Few are read by their id, many by one pass through the remote's list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from backoffice.remotes.http import Refused, RemoteError
from backoffice.remotes.ireca import contract
from backoffice.sync.apply import apply
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Mirror, Outgoing
from backoffice.sync.outbox import Outage, stop_at_outage

SINGLY = 5  # up to so many objects are read by their id
LIST_FACTOR = 200  # reading so many objects in a list takes about as long as reading one by its id


def reread(
    mirror: Mirror, client: Any, items: Sequence[Outgoing], renew: Callable[[Sequence[Outgoing]], Any]
) -> dict[int, str]:
    """Merge what the remote has of these. Returns, by push, why an object could not be shown. Raises Outage.

    :param renew: keeps the lease while this goes on.
    """
    if len(items) > SINGLY and mirror.model._base_manager.count() <= LIST_FACTOR * len(items):
        _read_list(mirror, client, items, renew)
        return {}
    errors: dict[int, str] = {}
    for item in items:
        renew([item])
        try:
            theirs = mirror.fetch(client, item.row.ireca_id)
        except (Refused, contract.ContractError):
            continue  # not there, or not to be read: nothing to merge with
        except RemoteError as error:
            stop_at_outage(error)
            errors[item.push.pk] = str(error)
            continue
        if theirs is not None:
            apply(mirror, [theirs])
    return errors


def _read_list(
    mirror: Mirror, client: Any, items: Sequence[Outgoing], renew: Callable[[Sequence[Outgoing]], Any]
) -> None:
    ours = {item.row.ireca_id for item in items}
    try:
        for batch in chunks(theirs for theirs in mirror.list(client) if mirror.ireca_id(theirs) in ours):
            renew(items)
            apply(mirror, batch)
    except RemoteError as error:
        raise Outage(error) from error
