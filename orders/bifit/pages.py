"""BIFIT Kassa as the pages see it: what of an online order is shown beside our own row, read now, told now."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from backoffice.remotes.bifit.contract import OnlineOrder, decode
from backoffice.remotes.errors import ContractError, Refused, RemoteError
from backoffice.sync import clients, connection, enqueue
from backoffice.sync.connection import BIFIT
from backoffice.sync.refresh import Unavailable, unavailable
from orders import registers
from orders.bifit import ENTITY, statuses, words
from orders.bifit.reader import take
from orders.models import Deed, Origin


def details(origin: Origin) -> list[tuple[Any, Any]]:
    """What the document names and does not explain is shown as it is told."""
    try:
        said = decode(origin.data)
    except ContractError:  # made by hand, and not read yet
        said = OnlineOrder()
    return [
        (_("number in the shop"), said.external_id),
        (_("responsible person"), said.responsible_person_login),
        (_("discount"), said.discount),
        (_("kind of discount"), said.discount_type),
        (_("cost of delivery"), said.delivery_amount),
        (_("delivered at"), said.actual_delivery_time),
        (_("cashier"), said.cashier_name),
    ]


def read(origin: Origin) -> str:
    """Read one order now and merge it. Outside any transaction."""
    if why := unavailable(BIFIT):
        raise Unavailable(why)
    client: Any = clients.client(BIFIT)
    try:
        found = client.order(origin.key)
    except RemoteError as error:
        if connection.is_outage(error):
            connection.failed(BIFIT, error)
        raise
    connection.worked(BIFIT)
    if found is None:
        raise Refused(_("BIFIT Kassa has no order %(key)s.") % {"key": origin.key})
    applied = take([found])
    if applied.bad:
        raise Refused("; ".join(applied.bad))
    if applied.conflicts:
        return _("Read: changed here and there, a person must decide.")
    return _("Read: it has changed.") if applied.updated else _("Read: nothing has changed.")


def tell(origin: Origin) -> None:
    """The worker tells it with its next round, also what was refused before."""
    enqueue.open_pushes(BIFIT, ENTITY, [(origin.pk, origin.key)])


registers.REGISTERS[BIFIT] = registers.Register(
    status=words.status,
    delivery=words.delivery,
    tax_system=words.tax_system,
    details=details,
    read=read,
    tell=tell,
    rules={Deed(deed): str(status) for deed, status in statuses.DEFAULTS.items()},
    assumed=("BIFIT_STATUS_PATH", "BIFIT_STATUS_KEY", "BIFIT_ITEMS_KEY"),
)
