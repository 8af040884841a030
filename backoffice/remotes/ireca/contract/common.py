"""What several entities share: places on the map."""

import copy
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from msgspec import UNSET

from .codec import Entity
from .kinds import Coordinate, FlagBool, Text

FORMS = ("get", "list", "callback")
"""The forms in which iRECA tells an entity: one by its id, a list, the body of a callback."""


class Located(Entity, kw_only=True):
    """An entity with coordinates in degrees. T20: the seed's labels are swapped, its attribute names are right."""

    latitude: Coordinate = UNSET
    longitude: Coordinate = UNSET

    @classmethod
    def settle(cls, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        # T19: the point (0, 0) lies in the ocean and means "unknown"; a single 0 may be true.
        if values.get("latitude") == 0 and values.get("longitude") == 0:
            values["latitude"] = values["longitude"] = None

    @property
    def has_coordinates(self) -> bool:
        """Whether both coordinates are known."""
        return isinstance(self.latitude, Decimal) and isinstance(self.longitude, Decimal)


class Address(Located, kw_only=True):
    """addressFromEntity and addressToEntity of orders, addressEntity of clients (seed 96-113, 2133-2137).

    The house number is `home` here and `house` in warehouses (T24).
    """

    postindex: Text = UNSET
    city: Text = UNSET
    street: Text = UNSET
    home: Text = UNSET
    apartment: Text = UNSET
    is_use_google_geo: FlagBool = UNSET

    writes = dict.fromkeys(
        ("create", "refund", "update", "replace"),
        "postindex city! street! home! apartment latitude longitude is_use_google_geo!",
    )
    answers = dict.fromkeys(FORMS, "postindex city street home apartment latitude longitude")

    @property
    def line(self) -> str:
        """The address in one line, as addressTo spells it (518)."""
        parts = (self.postindex, self.city, self.street, self.home, self.apartment)
        return " ".join(part for part in parts if part is not UNSET and part)

    def spell(self, operation: str) -> Self | None:
        """T22: isUseGoogleGeo is required on write and never returned: let iRECA look for the point that we do not
        know. An address without a word and a point is what iRECA answers for none (509) and is not written, for
        city, street and home are required."""
        if not self.line and not self.has_coordinates:
            return None
        if self.is_use_google_geo is not UNSET and self.is_use_google_geo is not None:
            return self
        spelled = copy.copy(self)
        spelled.is_use_google_geo = not self.has_coordinates
        return spelled


class ClientAddress(Address, kw_only=True):
    """addressEntity of a client: four attributes are documented on write (2134-2137), seven come back (T58)."""

    writes = dict.fromkeys(("create", "update", "replace"), "city street home apartment")
    # T58: seven for one client (2175-2183), four in the list (2203-2208)
    answers = {"get": Address.answers["get"], "list": "city street home apartment"}

    def spell(self, operation: str) -> Self | None:
        """As it is: nothing is required of a client's address."""
        return self
