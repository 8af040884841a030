"""What partners read of the contract: each entity and each of its attributes, described for a shop's programmer.

`ENTITIES` and `FIELDS` are keyed by the contract's classes and attributes, `PARAMETERS` and `ENVELOPES` (what stands
around the entities) by wire names. The texts are ours, the line is the seed's. A partner's numbers of orders and
clients are its own; couriers, goods, warehouses and directories are shared. Whether an attribute is required, nullable
or only read is told by the contract itself (`writes`, kinds), not here.
"""

from collections.abc import Mapping

from backoffice.remotes.ireca.contract import Entity

from . import catalogue, directories, fiscal, orders, people
from .common import Described
from .operations import FILTERS, NOTES, SUMMARIES
from .requests import ENVELOPES, PARAMETERS

__all__ = ["ENTITIES", "ENVELOPES", "FIELDS", "FILTERS", "NOTES", "PARAMETERS", "SUMMARIES", "Described"]

_DOMAINS = (orders, catalogue, people, fiscal, directories)

ENTITIES: Mapping[type[Entity], Described] = {
    cls: described for domain in _DOMAINS for cls, described in domain.ENTITIES.items()
}
FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    cls: fields for domain in _DOMAINS for cls, fields in domain.FIELDS.items()
}
