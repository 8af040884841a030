"""What the states of orders tell; none of it is in the seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from .common import UTC, joined

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

SYNC: Mapping[str, StrPromise] = {
    "orderId": _("Your number of the order."),
    "state": _(
        "`clean`: the couriers have it as it is here. `pending`: a change is on its way, or waits for what `reason`"
        " names. `failed`: iRECA refused it; it is sent again when it is changed. `conflict`: it was changed on both"
        " sides, and one of us decides. `held`: it is kept here, until a dispatcher hands it over or because the client"
        " comes for it."
    ),
    "reason": _("What iRECA answered, or what the order waits for. Empty: nothing."),
    "updatedAt": joined(_("When the order was last changed here."), UTC),
    "syncedAt": joined(_("When both sides last agreed. Null: iRECA has never had it."), UTC),
}
