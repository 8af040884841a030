"""Creating a return at iRECA: how its command is sent, found there after a lost answer, and taken for agreed.

Made in `orders/refunds.py`. The same money must not be given twice, so one whose answer was lost asks iRECA first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.remotes.http import Refused
from backoffice.remotes.ireca import contract
from backoffice.sync import clock
from backoffice.sync.commands import Command
from backoffice.sync.locks import unlocked
from backoffice.sync.mirror import Keys, registry
from backoffice.sync.mirrored import Mirrored, SyncState
from backoffice.sync.models import Push
from orders.models import DeliveryStatus, Order

COMMAND = "refund"


def _said(push: Push) -> contract.Order:
    assert push.payload is not None  # a command always has it
    return contract.decode(contract.Order, push.payload["order"])


def _row_of(push: Push) -> QuerySet[Order]:
    assert push.object_id is not None  # nor without its object
    return Order._base_manager.filter(pk=push.object_id)


@contextmanager
def _shown_on_the_row(push: Push) -> Iterator[None]:
    """A refusal is shown on the refund itself, as that of any row."""
    try:
        yield
    except (Refused, contract.ContractError) as error:
        # A worker whose lease ran out is refused because another one was quicker.
        if Push.objects.filter(pk=push.pk, lease_owner=push.lease_owner).exists():
            row = _row_of(push).exclude(sync_state=SyncState.CONFLICT)
            row.update(sync_state=SyncState.FAILED, sync_error=str(error))
        raise


def _is_given_up(push: Push) -> bool:
    row = _row_of(push).first()
    return row is None or row.delivery_status == DeliveryStatus.CANCELLED


def _waits_for(push: Push) -> Mirrored | None:
    """What the command names and iRECA does not know yet. Not what the row names: edits made since leave after it."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    if _is_given_up(push):
        return None
    said, keys = _said(push), Keys()
    for spec in mirror.wanting:
        if (value := getattr(said, spec.attr)) is not UNSET:
            spec.want(Order, value, keys)
    return keys.unknown()


def _show_whom(push: Push, whom: str) -> None:
    """The refund shows what it waits for, as any row does."""
    _row_of(push).exclude(sync_state=SyncState.CONFLICT).update(
        sync_state=SyncState.PENDING, sync_error=_("Waits for %(whom)s") % {"whom": whom}
    )


def _send(client: Any, push: Push) -> None:
    with _shown_on_the_row(push):
        if _is_given_up(push):
            # What it would return may be in another refund by now.
            raise contract.ContractError("", _("The return was cancelled or deleted here before it was sent."))
        client.orders.create_refund([_said(push)])


def _exists(client: Any, push: Push) -> bool:
    """Whether iRECA has the refund. How it says "no such order" is not documented, so a refusal is taken for it."""
    try:
        found = client.orders.get(push.remote_id)
    except Refused:
        return False
    with _shown_on_the_row(push):
        if found is not None and found.is_refund is False:
            text = _("iRECA has another order under the id %(id)s.") % {"id": push.remote_id}
            raise contract.ContractError("", text)
    return found is not None


def _done(push: Push) -> None:
    """iRECA knows the refund now: what was sent is agreed, unless a pull has told more already; edits may follow."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    rows = _row_of(push)
    row = (rows.select_for_update() if connection.features.has_select_for_update else rows).first()
    if row is not None:
        if row.remote_data is None:
            rows.update(remote_data=mirror.state(_said(push)), synced_at=clock.now())
        is_edited = Push.objects.filter(open_key=Push.key(mirror.remote, mirror.entity, row.pk)).exists()
        rows.exclude(sync_state=SyncState.CONFLICT).update(
            sync_state=SyncState.PENDING if is_edited else SyncState.CLEAN, sync_error=""
        )
    unlocked(Push.objects.filter(remote=mirror.remote, state=Push.State.WAITING)).update(due_at=timezone.now())


REFUND = Command(send=_send, exists=_exists, done=_done, waits_for=_waits_for, waiting=_show_whom)
