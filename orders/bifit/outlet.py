"""How BIFIT Kassa is told of one order: read it, decide, change its status, read it again.

The object read right before is what goes back whole, so that nothing of it is set back; and what changed there
meanwhile reaches our order first. An answer that it was changed is no proof, the order that is read again is. Repeating
is safe: an order that is already there as it should be is left alone.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from django.utils.translation import gettext as _

from backoffice.remotes.bifit.contract import OnlineOrder, Status
from backoffice.remotes.errors import Refused
from backoffice.sync.connection import BIFIT
from backoffice.sync.mirrored import SyncState
from backoffice.sync.outlets import OUTLETS, Outlet
from orders.bifit import ENTITY, statuses, words
from orders.bifit.reader import store
from orders.models import Origin


def tell(client: Any, object_id: int) -> OnlineOrder | None:
    """Returns the order as it is there in the end; None when it is gone here. Raises what a person has to know."""
    origin = Origin.objects.filter(pk=object_id).first()
    if origin is None:
        return None
    there = _read(client, origin.key)
    _store(there)
    origin = Origin.objects.select_related("order").filter(pk=object_id).first()
    if origin is None:
        return None
    wanted = statuses.target(origin.order, origin, statuses.rules())
    if wanted.why_not:
        raise Refused(wanted.why_not)
    if not wanted.status:
        return there
    client.set_status(there, wanted.status)
    found: OnlineOrder | None = client.order(origin.key)
    if found is None and wanted.status == Status.DELETED:
        return msgspec.structs.replace(there, current_status_type=wanted.status)  # it shows no deleted orders
    if found is None:
        _gone(origin.key)
    if found.current_status_type == there.current_status_type != wanted.status:
        text = _("BIFIT Kassa answered that the order is %(wanted)s now, but it is %(current)s still.")
        shown = {"wanted": words.status(wanted.status), "current": words.status(str(found.current_status_type))}
        raise Refused(text % shown)
    return found


def told(object_id: int, there: OnlineOrder | None) -> None:
    if there is None:
        return
    _store(there)
    Origin.objects.filter(pk=object_id).exclude(sync_state=SyncState.CONFLICT).update(
        sync_state=SyncState.CLEAN, sync_error=""
    )


def refused(object_id: int, text: str) -> None:
    Origin.objects.filter(pk=object_id).exclude(sync_state=SyncState.CONFLICT).update(
        sync_state=SyncState.FAILED, sync_error=text
    )


def _read(client: Any, key: str) -> OnlineOrder:
    found: OnlineOrder | None = client.order(key)
    return found if found is not None else _gone(key)


def _gone(key: str) -> NoReturn:
    raise Refused(_("BIFIT Kassa has no order %(key)s.") % {"key": key})


def _store(there: OnlineOrder) -> None:
    if bad := store([there]).bad:
        raise Refused("; ".join(bad))


OUTLETS[BIFIT, ENTITY] = Outlet(tell=tell, told=told, refused=refused)
