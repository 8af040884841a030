"""What people read instead of the wire's names: "reasons of cancellation", not "orderReturnReasons".

A mirrored entity is called as its model is. The rest (what is only read, and commands) has its words here, because
this app knows no other app's models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

if TYPE_CHECKING:
    from backoffice.sync.mirror import Mirror

OTHERS = {
    "cards": gettext_lazy("discount cards"),
    "customers": gettext_lazy("customers of VirtPos"),
    "virtpos": gettext_lazy("orders of VirtPos"),
    "virtpos-customers": gettext_lazy("customers of VirtPos, read"),
    "atolOnlineSettings": gettext_lazy("settings of ATOL Online"),
    "bifit": gettext_lazy("orders of BIFIT Kassa"),
    "bankTerminalLogs": gettext_lazy("errors of bank terminals"),
    "correctionReceipts": gettext_lazy("correction receipts"),
    "dictionaries": gettext_lazy("dictionaries"),
    "fiscalRegistratorLogs": gettext_lazy("errors of fiscal registrars"),
    "journal": gettext_lazy("journals of orders"),
    "licenses": gettext_lazy("licences"),
    "locations": gettext_lazy("locations"),
    "online_orders": gettext_lazy("orders at BIFIT Kassa"),
    "orderReceipts": gettext_lazy("missing receipts"),
    "pechka54Settings": gettext_lazy("settings of Pechka54"),
    "retention": gettext_lazy("deleting what is over"),
}


def entity_title(entity: str) -> str:
    """The name of an entity or a reader, in the plural. One that nobody has named is called as the wire calls it."""
    mirror = _mirror(entity)
    if mirror is not None:
        return capfirst(str(mirror.model._meta.verbose_name_plural))
    return capfirst(str(OTHERS.get(entity, entity)))


def object_title(entity: str, id_: str) -> str:
    """The name of one object that is known by its id only."""
    mirror = _mirror(entity)
    name = mirror.model._meta.verbose_name if mirror is not None else OTHERS.get(entity, entity)
    return _("%(name)s %(id)s") % {"name": capfirst(str(name)), "id": id_}


def _mirror(entity: str) -> Mirror | None:
    from backoffice.sync.mirror import registry  # it stands on the models, which ask for their titles here

    return registry.for_entity(entity)
