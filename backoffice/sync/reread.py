"""Reading again, right before it is sent, what the remote may have changed meanwhile, and merging it.

An object that is sent whole would put back whatever changed there since we looked last; one whose creation may have
succeeded would be created twice. What is read grows old while other requests take their turn, so it is read slice by
slice, and each slice is sent before the next one is read (decision 005).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from backoffice import trace
from backoffice.remotes.http import Refused, RemoteError
from backoffice.remotes.ireca import contract
from backoffice.sync import arrive, clock
from backoffice.sync.connection import has_stumbled
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Mirror, Outgoing
from backoffice.sync.outbox import Outage, stop_at_outage

SINGLY = 5  # so few objects are always read by their id
SLICE = 25  # objects read by id before they are sent: a second's worth of requests


def by_list(mirror: Mirror, count: int) -> bool:
    """Whether one pass through the remote's list is the better way to read `count` objects.

    A pass costs in proportion to all that the remote has, which is about what we know it to have, and all of it is as
    old as the pass is long. The statement looks at no more rows than would be worth it.
    """
    if count <= SINGLY:
        return False
    known = mirror.model._base_manager.filter(remote_data__isnull=False).order_by("pk")
    most = mirror.listed * count
    return not known[most : most + 1].exists()


def slices(
    mirror: Mirror, client: Any, items: Sequence[Outgoing], renew: Callable[[Sequence[Outgoing]], Collection[int]]
) -> Iterator[tuple[list[Outgoing], dict[int, str]]]:
    """Read and merge some of the objects, give them to be sent, and only then go on to the next. Raises Outage.

    Of a remote that stumbled a moment ago a few are read first: what is read is lost when it stumbles again before they
    are sent, and of many reads in a row one nearly always does.

    :param renew: holds the leases longer and returns the pushes that are still held; others are left alone.
    :return: the objects that were looked at and, by push, why one of them could not be shown.
    """
    start = 0
    while start < len(items):
        left = len(items) - start
        size = SINGLY if has_stumbled(mirror.remote) else left if by_list(mirror, left) else SLICE
        held = renew(items[start:])
        some = [item for item in items[start : start + size] if item.push.pk in held]
        if some:
            with trace.bound(item.push.trace for item in some):
                errors = reread(mirror, client, some, renew)
            yield some, errors
        start += size


def reread(
    mirror: Mirror, client: Any, items: Sequence[Outgoing], renew: Callable[[Sequence[Outgoing]], Any]
) -> dict[int, str]:
    """Merge what the remote has of these. Returns, by push, why an object could not be shown. Raises Outage.

    :param renew: keeps the leases while a list goes by.
    """
    if by_list(mirror, len(items)):
        try:
            return _unmerged(items, _read_list(mirror, client, items, renew))
        except (Refused, contract.ContractError):
            pass  # the list is not to be had: what is wanted of it may be
    errors: dict[int, str] = {}
    found = []
    asked = clock.now()
    for item in items:
        try:
            theirs = mirror.fetch(client, item.row.ireca_id)
        except (Refused, contract.ContractError):
            continue  # not there, or not to be read: nothing to merge with
        except RemoteError as error:
            stop_at_outage(error)
            errors[item.push.pk] = str(error)
            continue
        if theirs is not None:
            found.append(theirs)
    return errors | _unmerged(items, _merge(mirror, client, found, asked))


def _merge(mirror: Mirror, client: Any, objects: Sequence[Any], asked: datetime) -> dict[str, str]:
    """Returns, by id, why one could not be merged."""
    try:
        applied = arrive.merge(mirror, client, objects, asked)
    except RemoteError as error:
        raise Outage(error) from error
    return dict.fromkeys(applied.outdated, _("It was agreed on anew while it was read.")) | applied.unstored


def _unmerged(items: Sequence[Outgoing], bad: Mapping[str, str]) -> dict[int, str]:
    return {item.push.pk: bad[item.row.ireca_id] for item in items if item.row.ireca_id in bad}


def _read_list(
    mirror: Mirror, client: Any, items: Sequence[Outgoing], renew: Callable[[Sequence[Outgoing]], Any]
) -> dict[str, str]:
    ours = {item.row.ireca_id for item in items}
    bad: dict[str, str] = {}
    asked = clock.now()
    try:
        for batch in chunks(theirs for theirs in mirror.list(client) if mirror.ireca_id(theirs) in ours):
            renew(items)
            bad |= _merge(mirror, client, batch, asked)
    except Refused:
        raise
    except RemoteError as error:
        raise Outage(error) from error
    return bad
