"""The catalogue that all partners share: goods, characteristics, warehouses, suppliers (seed 1442-1897, 2286-2397)."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Entity

from .common import (
    ARTICLE,
    CALC,
    IMAGE,
    IMAGE_BIG,
    INN,
    IS_ACTIVE,
    MULTIPLICITY,
    ROUBLES,
    SHARED_ID,
    SPECIFICITY_CARD,
    TAX,
    WAREHOUSE,
    WAREHOUSE_CARD,
    Described,
    at,
    placed,
)

ENTITIES: Mapping[type[Entity], Described] = {
    contract.Good: at(1442, _("A good of the catalogue, or a folder of goods."), SHARED_ID),
    contract.GoodStock: at(1462, _("How much of a good lies in a warehouse.")),
    contract.Specificity: at(1608, _("A characteristic of goods, such as a colour or a package."), SHARED_ID),
    contract.Warehouse: at(1744, _("A warehouse where couriers fetch goods."), SHARED_ID),
    contract.Supplier: at(2286, _("A supplier whose goods are sold in the agent scheme."), SHARED_ID),
}

FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    contract.Good: {
        "good_id": at(1449, _("The good's number, chosen by whoever creates it."), SHARED_ID),
        "article": at(1450, ARTICLE),
        "parent_id": at(1451, _("The good's parent in the catalogue. It must be given; null: at the top.")),
        "tax_id": at(1452, TAX),
        "calc_id": at(1453, CALC),
        "title": at(1454, _("Name of the good.")),
        "unit": at(1455, _("Unit of measure. Empty text stays empty here, unlike in a line of an order.")),
        "weight": at(
            1456,
            _("Weight of the good, a number written as text. The contract names no unit; its examples are in grams."),
        ),
        "multiplicity": at(1457, MULTIPLICITY),
        "price": at(1458, _("Price of one."), ROUBLES),
        "description": at(1459, _("What the good is, for people.")),
        "image_url": at(1460, IMAGE),
        "image_big_url": at(1461, IMAGE_BIG),
        "warehouses": at(1462, _("The warehouses that have the good, and how much of it.")),
        "is_active": at(1494, IS_ACTIVE),
    },
    contract.GoodStock: {
        "warehouse_id": at(1464, WAREHOUSE),
        "count": at(1465, _("How much of the good there is, in its `unit`.")),
    },
    contract.Specificity: {
        "price": at(1619, _("What the characteristic adds to the price of a good."), ROUBLES),
        **placed(
            SPECIFICITY_CARD,
            specificity_id=1615,
            parent_id=1616,
            title=1617,
            value=1618,
            image_url=1620,
            image_big_url=1621,
            article=1622,
            is_active=1646,
        ),
    },
    contract.Warehouse: placed(
        WAREHOUSE_CARD,
        warehouse_id=1751,
        title=1752,
        firstname=1753,
        lastname=1754,
        phone=1755,
        city=1756,
        street=1757,
        house=1758,
        apartment=1759,
        latitude=1760,
        longitude=1761,
        description=1762,
        is_active=1788,
        updated_at=1803,
    ),
    contract.Supplier: {
        "supplier_id": at(2294, _("The supplier's number, chosen by whoever creates it."), SHARED_ID),
        "title": at(2295, _("Name of the supplier.")),
        "tax_id": at(2296, TAX),
        "inn": at(2297, INN),
        "phone": at(2298, _("The supplier's phone.")),
        "address": at(2299, _("The supplier's address, in one line.")),
        "description": at(2300, _("Notes on the supplier.")),
    },
}
