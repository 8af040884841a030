"""What BIFIT Kassa, or a script of its owner, posts to us: a hint which orders to read, in any shape that names them.

Nothing of it is documented, so nothing but the ids is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from backoffice.remotes.errors import Retry
from backoffice.sync import callbacks, pull
from backoffice.sync.connection import BIFIT
from backoffice.sync.enqueue import chunks
from backoffice.sync.models import Pull
from orders.bifit import ENTITY

IDS = ("onlineOrderId", "orderId", "id")  # "id" beside one of the others is of something else, such as the event
DEPTH = 6  # of wrappers around wrappers
AT_ONCE = 500  # ids of one run


def handle(body: Any) -> str:
    """Ask for the orders that a decoded body names. ValueError when it names none; Retry while a run for just these is
    under way, or was interrupted: it may have read before what this tells of.
    """
    ids = list(dict.fromkeys(_ids(body, DEPTH)))
    if not ids:
        raise ValueError("no id of an order in it")
    for some in chunks(ids, AT_ONCE):
        run = pull.request(BIFIT, ids=some)
        if run.state == Pull.State.RUNNING or run.cursor is not None:
            raise Retry("it is being read, and will be once more", down=False)
    return _("to be read: %(count)s") % {"count": len(ids)}


def _ids(value: Any, depth: int) -> Iterator[str]:
    """An id, a list of ids, an order, orders in a list or under any key, or wrapped one by one."""
    if isinstance(value, bool) or depth < 0:
        return
    if isinstance(value, int | str):
        yield str(value).strip()
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item, depth - 1)
    elif isinstance(value, dict):
        if (name := next((name for name in IDS if isinstance(value.get(name), int | str)), None)) is not None:
            yield str(value[name]).strip()
            return
        for item in value.values():
            # A text beside the orders, such as the name of an event, is no id.
            if isinstance(item, dict | list):
                yield from _ids(item, depth - 1)


callbacks.HANDLERS[ENTITY] = handle
