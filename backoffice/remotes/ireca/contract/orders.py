"""Orders and everything that hangs on them (seed 71-1206, 1316-1441)."""

import copy
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from .codec import Entity, decode
from .common import FORMS, Address, Located
from .kinds import (
    Bag,
    Code,
    Flag,
    FlagBool,
    KnownRef,
    LineTaxRef,
    LineUnit,
    Moment,
    Money,
    Quantity,
    Ref,
    Text,
    Wire,
)

_EVERY_WRITE = ("create", "refund", "update", "replace")


class OrderClient(Entity, kw_only=True):
    """`client` of an order: a client given in place, used only without clientId, though both may be sent (88-91,
    498-504). T25: email is documented for creation, not for refunds; inn is only read."""

    firstname: Text = UNSET
    lastname: Text = UNSET
    inn: Text = UNSET
    email: Text = UNSET

    writes = {
        **dict.fromkeys(("create", "update", "replace"), "firstname lastname email"),
        "refund": "firstname lastname",
    }
    answers = dict.fromkeys(FORMS, "firstname lastname inn email")


class LineWarehouse(Located, kw_only=True):
    """A warehouse that a line is taken from (139-142, 421-438). `took_count`: what was really taken (T32)."""

    warehouse_id: Ref = UNSET
    count: Quantity = UNSET
    took_count: Quantity = UNSET
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
    writes = dict.fromkeys(_EVERY_WRITE, "warehouse_id! count!")
    answers = dict.fromkeys(
        FORMS,
        "warehouse_id count took_count title firstname lastname phone city street house apartment latitude longitude"
        " description updated_at is_active",
    )


class LineSpecificity(Entity, kw_only=True):
    """A specificity of a line (143-147, 439-450); its price is included in the line's."""

    specificity_id: Ref = UNSET
    parent_id: Ref = UNSET
    price: Money = UNSET
    count: Quantity = UNSET
    title: Text = UNSET
    value: Text = UNSET
    image_url: Text = UNSET
    image_big_url: Text = UNSET
    article: Text = UNSET
    is_active: Flag = UNSET

    wire_id = "specificity_id"
    writes = dict.fromkeys(_EVERY_WRITE, "specificity_id! price! count!")
    answers = dict.fromkeys(
        FORMS, "count parent_id:number specificity_id title value price image_url image_big_url is_active article"
    )


class CanceledItem(Entity, kw_only=True):
    """What a courier removed from a line (451-455)."""

    return_reason_id: Ref = UNSET
    count: Quantity = UNSET
    created_at: Moment = UNSET

    answers = dict.fromkeys(FORMS, "return_reason_id:number count created_at")


class Line(Entity, kw_only=True):
    """A line of an order, `goods[]` on the wire (117-147, 533-562).

    T71: `total` is before the discount, `discount_total` is negative for a discount and positive for a surcharge;
    to pay is their sum. `weight` is a number here and text in the catalogue (T49).
    """

    good_id: Ref = UNSET
    count: Quantity = UNSET
    price: Money = UNSET
    total: Money = UNSET
    discount_total: Money = UNSET
    tax_id: LineTaxRef = UNSET
    position: Code = UNSET
    unit: LineUnit = UNSET
    ved_code: Text = UNSET
    country_code: Text = UNSET
    custom_declaration_code: Text = UNSET
    mark_value: Text = UNSET
    mark_binary_value: Text = UNSET
    weight: Quantity = UNSET
    description: Text = UNSET
    warehouses: list[LineWarehouse] | UnsetType = UNSET
    specificities: list[LineSpecificity] | UnsetType = UNSET
    # Read only
    canceled_items: list[CanceledItem] | UnsetType = UNSET
    return_reason_id: Ref = UNSET
    parent_id: Ref = UNSET
    article: Text = UNSET
    calc_id: Code = UNSET
    title: Text = UNSET
    multiplicity: Quantity = UNSET
    image_url: Text = UNSET
    image_big_url: Text = UNSET
    is_active: Flag = UNSET

    writes = dict.fromkeys(
        _EVERY_WRITE,
        "good_id count! price! total! discount_total! tax_id position unit ved_code country_code"
        " custom_declaration_code mark_value mark_binary_value weight description warehouses specificities",
    )
    answers = dict.fromkeys(
        FORMS,
        "return_reason_id:number count total discount_total position unit ved_code country_code custom_declaration_code"
        " mark_value mark_binary_value specificities warehouses canceled_items parent_id:number good_id:number article"
        " tax_id calc_id:text title weight:text multiplicity price description image_url image_big_url is_active",
    )


class Payment(Entity, kw_only=True):
    """A payment of an order (283-291, 459-467). T15: `payment_id` is its own id here, the type is
    `payment_type_id`; in an order `payment_id` is the type."""

    payment_id: Ref = UNSET
    payment_type_id: Ref = UNSET
    price: Money = UNSET
    paid_in: Moment = UNSET
    card_mask: Text = UNSET
    rrn: Text = UNSET
    card_auth: Text = UNSET

    wire_id = "payment_id"
    writes = {"refund": "payment_id payment_type_id price paid_in card_mask rrn card_auth"}
    answers = dict.fromkeys(FORMS, "payment_id payment_type_id price paid_in card_mask rrn card_auth")


class ReturnedPayment(Entity, kw_only=True):
    """A payment given back (472-477); `sum` in roubles."""

    payment_id: Ref = UNSET
    payment_type_id: Ref = UNSET
    sum: Money = UNSET
    created_at: Moment = UNSET

    answers = dict.fromkeys(FORMS, "payment_id:number payment_type_id sum created_at")


class ReturnedGood(Entity, kw_only=True):
    """A good taken back (478-484); `sum` in roubles."""

    good_id: Ref = UNSET
    return_reason_id: Ref = UNSET
    count: Quantity = UNSET
    sum: Money = UNSET
    created_at: Moment = UNSET

    answers = dict.fromkeys(FORMS, "good_id:number return_reason_id:number count sum created_at")


class ReturnedOrder(Entity, kw_only=True):
    """What came back of an order (468-484). Read only."""

    returned_order_id: Ref = UNSET
    return_reason_id: Ref = UNSET
    created_at: Moment = UNSET
    returned_payments: list[ReturnedPayment] | UnsetType = UNSET
    returned_goods: list[ReturnedGood] | UnsetType = UNSET

    wire_id = "returned_order_id"
    answers = dict.fromkeys(
        FORMS, "returned_order_id:number return_reason_id:number created_at returned_payments returned_goods"
    )


# The attribute lists of creation (76-147) hold for editing too: PUT and replace (868-1034) have examples only. Courier
# and reason may be null there (878), so may every reference.
_ORDER_WRITES = (
    "order_id! code_alias status_id! delivery_status_id! is_agreed return_reason_id courier_id* client_id supplier_id"
    " client payment_id! amount_to_pay! pre_payment_sum cash address_from_entity address_to_entity phone"
    " delivery_time_from! delivery_time_to! description goods"
)

# As in the three examples: 487-609, 744-866, 1054-1176. They differ in clientId alone, but for the {} of T18, which we
# never say.
_ORDER_ANSWER = (
    "code_alias order_id:number status_id delivery_status_id receipt_status_id fr_receipt_status_id"
    " return_reason_id:number courier_id:blank client_id{client} payment_id original_payment_id:number"
    " fr_used_payment_id:number client amount_to_pay:fixed pre_payment_sum:fixed cash:given address_from"
    " address_from_entity address_to address_to_entity phone delivery_time_from delivery_time_to description"
    " supplier_id:number goods payments returned_order is_agreed is_refund is_returned is_edited"
)


class Order(Entity, kw_only=True):
    """An order (76-147, 205-291, 357-484).

    `status_id` is the payment status (0 unpaid, 1 paid), `delivery_status_id` the delivery status; `payment_id` is a
    payment TYPE (T15): the last one set, while `original_payment_id` is the first and `fr_used_payment_id` the one
    that the register used. `amount_to_pay` is before discounts. All amounts are in roubles, moments in UTC.
    """

    order_id: Ref = UNSET
    code_alias: Text = UNSET
    status_id: Code = UNSET
    delivery_status_id: Code = UNSET
    is_agreed: Flag = UNSET
    return_reason_id: Ref = UNSET
    courier_id: Ref = UNSET
    client_id: KnownRef = UNSET
    supplier_id: Ref = UNSET
    client: OrderClient | UnsetType | None = UNSET
    payment_id: Ref = UNSET
    amount_to_pay: Money = UNSET
    pre_payment_sum: Money = UNSET
    cash: Money = UNSET
    address_from_entity: Address | UnsetType | None = UNSET
    address_to_entity: Address | UnsetType | None = UNSET
    phone: Text = UNSET
    delivery_time_from: Moment = UNSET
    delivery_time_to: Moment = UNSET
    description: Text = UNSET
    goods: list[Line] | UnsetType = UNSET
    is_refund: FlagBool = UNSET
    payments: list[Payment] | UnsetType = UNSET
    # Read only, but for address_to in multipleUpdate (and see `spell`)
    receipt_status_id: Code = UNSET
    fr_receipt_status_id: Code = UNSET
    original_payment_id: Ref = UNSET
    fr_used_payment_id: Ref = UNSET
    address_from: Text = UNSET
    address_to: Text = UNSET
    returned_order: ReturnedOrder | UnsetType | None = UNSET
    is_returned: Flag = UNSET
    is_edited: Flag = UNSET

    wire_id = "order_id"
    writes = {
        **dict.fromkeys(("create", "update", "replace"), _ORDER_WRITES),
        "refund": f"{_ORDER_WRITES} is_refund payments",
        # The seven of multipleUpdate, the address as a line (940-947, T23)
        "multiple_update": "status_id delivery_status_id return_reason_id courier_id address_to"
        " delivery_time_from delivery_time_to",
    }
    answers = {
        "get": _ORDER_ANSWER.format(client=""),
        "list": _ORDER_ANSWER.format(client=":number"),
        "callback": _ORDER_ANSWER.format(client=""),
    }

    @classmethod
    def settle(cls, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        """Take returnedPayments and returnedGoods that stand beside returnedOrder into it: the nesting of lines
        468-484 is lost, so that both readings are possible."""
        beside = {key: raw[key] for key in ("returnedPayments", "returnedGoods") if raw.get(key)}
        if not beside:
            return
        found = decode(ReturnedOrder, beside)
        returned = values.get("returned_order") or ReturnedOrder()
        for name in ("returned_payments", "returned_goods"):
            if not getattr(returned, name):
                setattr(returned, name, getattr(found, name))
        values["returned_order"] = returned

    def spell(self, operation: str) -> "Order":
        """T26: a refund says so in the body too, not only in the query.

        T23: only multipleUpdate takes an address in one line. Elsewhere an order that has nothing but the line would
        lose its address, so it goes as a street whose point iRECA looks for.
        """
        spelled = self
        if operation == "refund" and self.is_refund is not True:
            spelled = copy.copy(spelled)
            spelled.is_refund = True
        if operation != "multiple_update" and self.address_to_entity is UNSET and self.address_to:
            spelled = copy.copy(spelled)
            spelled.address_to_entity = Address(city="", street=self.address_to, home="", is_use_google_geo=True)
        return spelled

    @property
    def address_to_line(self) -> str:
        """Where to deliver, in one line: the entity's, else the line that iRECA keeps beside it (T23)."""
        return _line(self.address_to_entity, self.address_to)

    @property
    def address_from_line(self) -> str:
        """Where to fetch the goods, in one line, as `address_to_line`."""
        return _line(self.address_from_entity, self.address_from)


def _line(entity: Address | UnsetType | None, line: str | UnsetType) -> str:
    own = entity.line if isinstance(entity, Address) else ""
    return own or (line if isinstance(line, str) else "")


class StatusChange(Located, kw_only=True):
    """A change of an order's delivery status (1181-1206). T30: the wire calls it statusId, which is the payment
    status in an order. `accuracy` in metres."""

    delivery_status_id: Annotated[Code, Wire("statusId", also=("deliveryStatusId",))] = UNSET
    return_reason_id: Ref = UNSET
    accuracy: Quantity = UNSET
    created_at: Moment = UNSET

    answers = {
        "list": "delivery_status_id return_reason_id:number longitude:number latitude:number accuracy created_at"
    }


class JournalEntry(Entity, kw_only=True):
    """A change of an order (1329-1440). T44: the items hold changed keys only, and are null on creation; T45: their
    addressToEntity may hold any keys, so they stay plain objects under wire names."""

    event: Text = UNSET
    source: Text = UNSET
    courier_id: Ref = UNSET
    created_at: Moment = UNSET
    before_item: Bag = UNSET
    after_item: Bag = UNSET

    answers = {"list": "event source courier_id created_at before_item after_item"}


class Location(Located, kw_only=True):
    """Where a courier was (33-69). T21: the status is deliveryStatusId or orderStatusId, and the answer of the
    example names no courier. `accuracy` in metres."""

    courier_id: Ref = UNSET
    order_id: Ref = UNSET
    delivery_status_id: Annotated[Code, Wire(also=("orderStatusId",))] = UNSET
    return_reason_id: Ref = UNSET
    accuracy: Quantity = UNSET
    created_at: Moment = UNSET

    answers = {
        "list": "order_id:number delivery_status_id return_reason_id:number longitude:number latitude:number accuracy"
        " created_at"
    }
