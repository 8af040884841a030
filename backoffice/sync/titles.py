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
    from backoffice.sync.mirror import Field, Mirror
    from backoffice.sync.mirrored import Mirrored

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
NESTED = {
    "addressEntity": gettext_lazy("Address"),
    "addressFromEntity": gettext_lazy("Where from"),
    "addressToEntity": gettext_lazy("Where to"),
    "client": gettext_lazy("Client"),
    "goods": gettext_lazy("lines"),
    "warehouses": gettext_lazy("stock"),
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


def attribute_title(mirror: Mirror, spec: Field) -> str:
    """The name of an attribute: of its column, or of the nested object that it is."""
    from backoffice.sync.mirror import Embedded, Parts  # likewise

    if isinstance(spec, Embedded | Parts):
        wire = mirror.wire(spec.attr)
        return capfirst(str(NESTED.get(wire, wire)))
    return capfirst(str(mirror.model._meta.get_field(spec.name).verbose_name))


def conflict_titles(mirror: Mirror, row: Mirrored) -> str:
    """What is in conflict on a row, by name."""
    specs = {mirror.wire(spec.attr): spec for spec in mirror.fields}
    return ", ".join(attribute_title(mirror, specs[name]) if name in specs else name for name in row.sync_conflict)


def _mirror(entity: str) -> Mirror | None:
    from backoffice.sync.mirror import registry  # it stands on the models, which ask for their titles here

    return registry.for_entity(entity)
