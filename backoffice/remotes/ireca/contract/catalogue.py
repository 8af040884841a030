"""The catalogue: goods, their specificities, warehouses and suppliers (seed 1442-1897, 2286-2397)."""

from msgspec import UNSET, UnsetType

from .codec import Entity
from .common import Located
from .kinds import Code, Flag, KnownRef, Moment, Money, Quantity, QuantityText, Ref, Text


class GoodStock(Entity, kw_only=True):
    """How much of a good lies in a warehouse (1462-1465)."""

    warehouse_id: Ref = UNSET
    count: Quantity = UNSET

    wire_id = "warehouse_id"
    writes = dict.fromkeys(("create", "update", "replace"), "warehouse_id count")
    answers = dict.fromkeys(("get", "list"), "warehouse_id count")


_GOOD_WRITES = (
    "good_id! article parent_id* tax_id! calc_id title! unit weight multiplicity price! description image_url"
    " image_big_url warehouses"
)


class Good(Entity, kw_only=True):
    """A good (1448-1465). `parent_id` is required and may be null (T46); `is_active` is written in edits only (T51).

    An empty unit stays empty here, unlike in an order's line (T72). Deleted goods stay listed as inactive (T33). T50:
    reads document is_active alone, and show the attributes of creation besides.
    """

    good_id: Ref = UNSET
    article: Text = UNSET
    parent_id: Ref = UNSET
    tax_id: Ref = UNSET
    calc_id: Code = UNSET
    title: Text = UNSET
    unit: Text = UNSET
    weight: QuantityText = UNSET
    multiplicity: Quantity = UNSET
    price: Money = UNSET
    description: Text = UNSET
    image_url: Text = UNSET
    image_big_url: Text = UNSET
    warehouses: list[GoodStock] | UnsetType = UNSET
    is_active: Flag = UNSET

    wire_id = "good_id"
    writes = {"create": _GOOD_WRITES, **dict.fromkeys(("update", "replace"), f"{_GOOD_WRITES} is_active")}
    answers = dict.fromkeys(
        ("get", "list"),
        "parent_id:number good_id article tax_id calc_id title unit weight multiplicity price description image_url"
        " image_big_url is_active warehouses",
    )


class Specificity(Entity, kw_only=True):
    """A specificity of goods (1614-1622)."""

    specificity_id: Ref = UNSET
    parent_id: Ref = UNSET
    title: Text = UNSET
    value: Text = UNSET
    price: Money = UNSET
    image_url: Text = UNSET
    image_big_url: Text = UNSET
    article: Text = UNSET
    is_active: Flag = UNSET

    wire_id = "specificity_id"
    writes = dict.fromkeys(
        ("create", "update", "replace"),
        "specificity_id! parent_id* title! value price! image_url image_big_url article",
    )
    answers = dict.fromkeys(
        ("get", "list"),
        "parent_id:number specificity_id title value price image_url image_big_url is_active article",
    )


class Warehouse(Located, kw_only=True):
    """A warehouse (1750-1762). The house number is `house` here, `home` in addresses (T24)."""

    warehouse_id: Ref = UNSET
    title: Text = UNSET
    firstname: Text = UNSET
    lastname: Text = UNSET
    phone: Text = UNSET
    city: Text = UNSET
    street: Text = UNSET
    house: Text = UNSET
    apartment: Text = UNSET
    description: Text = UNSET
    updated_at: Moment = UNSET
    is_active: Flag = UNSET

    wire_id = "warehouse_id"
    writes = dict.fromkeys(
        ("create", "update", "replace"),
        "warehouse_id! title! firstname lastname phone city street house apartment latitude longitude description",
    )
    answers = dict.fromkeys(
        ("get", "list"),
        "warehouse_id title firstname lastname phone city street house apartment latitude longitude description"
        " updated_at is_active",
    )


class Supplier(Entity, kw_only=True):
    """A supplier of the agent scheme (2293-2300)."""

    supplier_id: Ref = UNSET
    title: Text = UNSET
    tax_id: KnownRef = UNSET
    inn: Text = UNSET
    phone: Text = UNSET
    address: Text = UNSET
    description: Text = UNSET

    wire_id = "supplier_id"
    writes = dict.fromkeys(("create", "update", "replace"), "supplier_id! title! tax_id inn phone address description")
    answers = dict.fromkeys(("get", "list"), "supplier_id title tax_id inn phone address description")
