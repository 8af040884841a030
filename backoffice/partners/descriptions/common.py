"""What a description is, and the sentences that several domains share.

A text is said once and joined to others when it is shown: `at(115, _("From when to deliver."), UTC)`. Wire names and
values stand in backticks, for the schema's readers render Markdown. The Russian is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True, slots=True)
class Described:
    """What a partner's programmer reads of a field or an object, and the line of the seed (1-2862) that names it."""

    line: int
    text: StrPromise


def joined(*sentences: StrPromise) -> StrPromise:
    """The `sentences` as one text, in the language of whoever reads it."""
    return format_lazy(" ".join(["{}"] * len(sentences)), *sentences)


def at(line: int, *sentences: StrPromise) -> Described:
    """The description that the `sentences` make."""
    return Described(line, joined(*sentences))


def placed(texts: Mapping[str, StrPromise], **lines: int) -> dict[str, Described]:
    """Texts that several classes share, each with the line where this class has the attribute."""
    return {name: Described(line, texts[name]) for name, line in lines.items()}


UTC = _("UTC, `YYYY-MM-DD HH:MM:SS`.")
ROUBLES = _("In roubles, with kopecks after the point.")
NO_REASON = _("Null: none is given.")
SHARED_ID = _("The id is the same for all partners.")
OPEN_CODES = _("Other codes may come: keep them as they are.")

CHANGED_AT = joined(_("When it was last changed."), UTC)
IS_ACTIVE = _("`1`: active. `0`: deleted; what is deleted stays in the lists.")
ORDER = _("The order, in your own numbering.")
COURIER = _("The courier, by the id that all partners share.")
WAREHOUSE = _("The warehouse, by the id that all partners share.")
GOOD = _("The good, by the id that all partners share.")
SPECIFICITY = _("The characteristic, by the id that all partners share.")
TAX = _("The VAT rate: `taxId` of `taxes`.")
REASON = _("A `reasonId` of `orderReturnReasons`.")
PAYMENT_TYPE = _("A `paymentTypeId` of `paymentTypes`.")
PAYMENT_STATUS = _("Payment status: `0` not paid, `1` paid.")
DELIVERY_STATUS = joined(
    _("Delivery status: `1` new, `6` prepared, `7` taken by the courier, `9` delivered, `10` closed, `11` cancelled."),
    OPEN_CODES,
)
CALC = joined(_("What is sold, for the receipt: `0` not used, `1` goods without excise, `4` a service."), OPEN_CODES)
INN = _("Taxpayer number (INN): 10 digits of a company, 12 of a person or a sole trader. Empty: not known.")
MULTIPLICITY = _("The step by which the count is changed in the app.")
ARTICLE = _("Article number (SKU), as people know it.")
IMAGE = _("Web address of the image. Empty: no image.")
IMAGE_BIG = _("Web address of the large image. Empty: no image.")
LATITUDE = _("Latitude in degrees, `60.03` in the north of Saint Petersburg. `0` in both coordinates: not known.")
LONGITUDE = _("Longitude in degrees, `30.33` in the north of Saint Petersburg. `0` in both coordinates: not known.")
ACCURACY = _("How far off the coordinates may be, in metres.")

ADDRESS = {
    "postindex": _("Postal code."),
    "city": _("City, town or village."),
    "street": _("Street, with its kind: avenue, lane and so on."),
    "home": _("Number of the house, with its building and letter. In a warehouse it is called `house`."),
    "apartment": _("Number of the flat or office."),
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "is_use_google_geo": _(
        "`true`: find the coordinates by the address (Google Geocoding). `false`: take those that are given."
        " Only written, never answered."
    ),
}

WAREHOUSE_CARD = {
    "warehouse_id": WAREHOUSE,
    "title": _("Name of the warehouse."),
    "firstname": _("First name of the person in charge."),
    "lastname": _("Last name of the person in charge."),
    "phone": _("Phone of the person in charge."),
    "city": _("City where the warehouse is."),
    "street": _("Street where the warehouse is."),
    "house": _("Number of the warehouse's house. In an address it is called `home`."),
    "apartment": _("Number of the warehouse's office."),
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "description": _("Notes on the warehouse."),
    "updated_at": CHANGED_AT,
    "is_active": IS_ACTIVE,
}

SPECIFICITY_CARD = {
    "specificity_id": SPECIFICITY,
    "parent_id": _("The characteristic that this one belongs to. Null: to none."),
    "title": _("Name of the characteristic, such as colour."),
    "value": _("Value of the characteristic, such as blue. Empty: the name says all."),
    "image_url": IMAGE,
    "image_big_url": IMAGE_BIG,
    "article": ARTICLE,
    "is_active": IS_ACTIVE,
}
