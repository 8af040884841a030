"""Orders and everything that hangs on them (seed 34-1206, 1316-1441)."""

from collections.abc import Mapping

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Entity

from .common import (
    ACCURACY,
    ADDRESS,
    ARTICLE,
    CALC,
    COURIER,
    DELIVERY_STATUS,
    GOOD,
    IMAGE,
    IMAGE_BIG,
    INN,
    IS_ACTIVE,
    LATITUDE,
    LONGITUDE,
    MULTIPLICITY,
    NO_REASON,
    OPEN_CODES,
    ORDER,
    PAYMENT_STATUS,
    PAYMENT_TYPE,
    REASON,
    ROUBLES,
    SPECIFICITY_CARD,
    TAX,
    UTC,
    WAREHOUSE_CARD,
    Described,
    at,
    placed,
)

_PIECES = "шт"  # line 127
_CARD_ONLY = _("Only for a payment by card.")

ENTITIES: Mapping[type[Entity], Described] = {
    contract.Order: at(
        72,
        _("An order that a courier delivers. You see your own orders only, under your own numbers."),
        _("To pay are `amountToPay` and the `discountTotal` of all lines together."),
    ),
    contract.OrderClient: at(88, _("A client given in the order itself, used only where `clientId` is not given.")),
    contract.Address: at(105, _("An address in parts. An address whose parts are all empty stands for none.")),
    contract.Line: at(
        118, _("A line of an order: a good and its count. To pay are `total` and `discountTotal` together.")
    ),
    contract.LineWarehouse: at(135, _("A warehouse where a line is fetched, and how much of it.")),
    contract.LineSpecificity: at(
        139, _("A characteristic of the good in a line. At iRECA they are still being tried out.")
    ),
    contract.CanceledItem: at(451, _("What the courier took out of a line.")),
    contract.Payment: at(
        281, _("A payment of an order. You give payments only to a refund; others come from the couriers.")
    ),
    contract.ReturnedOrder: at(468, _("What the client gave back of an order, and the money given back for it.")),
    contract.ReturnedPayment: at(472, _("Money given back to the client.")),
    contract.ReturnedGood: at(478, _("A good taken back from the client.")),
    contract.StatusChange: at(1181, _("A change of an order's delivery status, with the place where it was made.")),
    contract.JournalEntry: at(1318, _("A change of an order: who made it, and the values before and after.")),
    contract.Location: at(34, _("A place where a courier was. Places are recorded once a minute at most.")),
}

FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    contract.Order: {
        "order_id": at(
            79,
            _("Your own number of the order, unique among your orders."),
            _('Digits may be given as a number or as text: `1` and `"1"` are the same order.'),
        ),
        "code_alias": at(80, _("The number that people see instead of `orderId`. Empty: they see `orderId`.")),
        "status_id": at(81, PAYMENT_STATUS, OPEN_CODES),
        "delivery_status_id": at(82, DELIVERY_STATUS),
        "is_agreed": at(83, _("Whether the order has been agreed with the client.")),
        "return_reason_id": at(84, _("Why the order is cancelled."), REASON, NO_REASON),
        "courier_id": at(85, COURIER, _("It must be given when an order is created; null: no courier yet.")),
        "client_id": at(86, _("The client, in your own numbering."), _("Where it is given, `client` is not used.")),
        "supplier_id": at(87, _("The supplier whose goods are sold, in the agent scheme. Null: none.")),
        "client": at(88, _("The client, where `clientId` is not given.")),
        "payment_id": at(
            92,
            _("How the order is to be paid: a payment type, not a payment, whatever the name says."),
            PAYMENT_TYPE,
            _("In answers it is the last one set: the cash register's once it has printed, before that the original."),
        ),
        "amount_to_pay": at(93, _("What all lines cost before discounts."), ROUBLES),
        "pre_payment_sum": at(
            94, _("What was paid in advance. `0`: nothing; otherwise a second receipt is printed."), ROUBLES
        ),
        "cash": at(95, _("The banknote that the client will pay with, to bring change for. `0`: not known."), ROUBLES),
        "address_from_entity": at(96, _("Where to fetch the goods, in parts. Preferred to `addressFrom`.")),
        "address_to_entity": at(105, _("Where to deliver, in parts. Preferred to `addressTo`.")),
        "phone": at(114, _("Phone for this delivery. Empty: the client's.")),
        "delivery_time_from": at(115, _("The order is to be delivered not before this moment."), UTC),
        "delivery_time_to": at(116, _("The order is to be delivered by this moment."), UTC),
        "description": at(117, _("Notes on the order, which the courier reads.")),
        "goods": at(118, _("The lines of the order.")),
        "is_refund": at(
            280, _("Whether the order is a refund: its goods are taken back. To create one, give `?isRefund=1`, too.")
        ),
        "payments": at(281, _("The payments of the order. On writing, used in refunds only.")),
        "receipt_status_id": at(491, _("State of the receipt. The contract does not explain its codes; `0` is usual.")),
        "fr_receipt_status_id": at(
            367, _("State of the receipt in the cash register: `0` not printed, `1` printed."), OPEN_CODES
        ),
        "original_payment_id": at(377, _("The payment type that the order was created with."), PAYMENT_TYPE),
        "fr_used_payment_id": at(
            378, _("The payment type that the cash register printed."), PAYMENT_TYPE, _("Null: nothing is printed yet.")
        ),
        # Named as a field of its own in the example only
        "address_from": at(508, _("Where to fetch the goods, in one line. Empty: no such address.")),
        "address_to": at(945, _("Where to deliver, in one line. Written by `multipleUpdate` only.")),
        "returned_order": at(468, _("What came back of the order. Null: nothing.")),
        "is_returned": at(456, _("Whether goods of the order were given back.")),
        "is_edited": at(457, _("Whether the lines were changed by the courier.")),
    },
    contract.OrderClient: {
        "firstname": at(89, _("The client's first name.")),
        "lastname": at(90, _("The client's last name.")),
        "inn": at(374, INN),
        "email": at(91, _("The client's e-mail. Refunds have none.")),
    },
    contract.Address: placed(
        ADDRESS,
        postindex=97,
        city=98,
        street=99,
        home=100,
        apartment=101,
        latitude=102,
        longitude=103,
        is_use_google_geo=104,
    ),
    contract.Line: {
        "good_id": at(120, GOOD),
        "count": at(121, _("How many are ordered, in `unit`.")),
        "price": at(122, _("Price of one, with its characteristics, before discount."), ROUBLES),
        "total": at(123, _("What the line costs before discount: `price` times `count`."), ROUBLES),
        "discount_total": at(124, _("Discount of the whole line, negative; a surcharge is positive."), ROUBLES),
        "tax_id": at(125, TAX, _("Left out: the good's.")),
        "position": at(126, _("Where the line stands in the order; lines are sorted by it.")),
        "unit": at(127, format_lazy(_("Unit of measure. Empty text becomes `{unit}`, pieces."), unit=_PIECES)),
        "ved_code": at(128, _("Commodity code, tag 1162 of the receipt. Empty: none.")),
        "country_code": at(129, _("Country of origin, three digits, tag 1230 of the receipt: `276` is Germany.")),
        "custom_declaration_code": at(
            130, _("Number of the customs declaration, tag 1231 of the receipt. Empty: none.")
        ),
        "mark_value": at(131, _("Marking code as scanned. Not every terminal decodes it: prefer `markBinaryValue`.")),
        "mark_binary_value": at(
            132, _("Marking code, decoded. A code marks one piece, so `count` is 1. Empty: not marked.")
        ),
        "weight": at(133, _("Weight of the good. The contract names no unit; its examples are in grams.")),
        "description": at(134, _("Notes on the line.")),
        "warehouses": at(135, _("Where to fetch the good: at most one warehouse for now.")),
        "specificities": at(139, _("Characteristics of the good. Their prices are a part of `price`.")),
        "canceled_items": at(451, _("What the courier took out of the line.")),
        # 535-561: read only, named in the examples only
        "return_reason_id": at(535, _("Why the line is cancelled."), REASON, NO_REASON),
        "parent_id": at(549, _("The good's parent in the catalogue. Null: none.")),
        "article": at(551, ARTICLE),
        "calc_id": at(553, CALC),
        "title": at(554, _("Name of the good.")),
        "multiplicity": at(556, MULTIPLICITY),
        "image_url": at(559, IMAGE),
        "image_big_url": at(560, IMAGE_BIG),
        "is_active": at(561, IS_ACTIVE),
    },
    contract.LineWarehouse: {
        "count": at(138, _("How much to fetch from the warehouse, in the line's `unit`.")),
        "took_count": at(425, _("How much the courier really took. The contract repeats the words of `count` here.")),
        **placed(
            WAREHOUSE_CARD,
            warehouse_id=137,
            title=426,
            firstname=427,
            lastname=428,
            phone=429,
            city=430,
            street=431,
            house=432,
            apartment=433,
            latitude=434,
            longitude=435,
            description=436,
            updated_at=437,
            is_active=438,
        ),
    },
    contract.LineSpecificity: {
        "price": at(142, _("Price of the characteristic, for information: the line's `price` includes it."), ROUBLES),
        "count": at(143, _("How many times the characteristic is taken.")),
        **placed(
            SPECIFICITY_CARD,
            specificity_id=141,
            parent_id=442,
            title=445,
            value=446,
            image_url=447,
            image_big_url=448,
            article=449,
            is_active=450,
        ),
    },
    contract.CanceledItem: {
        "return_reason_id": at(453, _("Why it was taken out."), REASON, NO_REASON),
        "count": at(454, _("How much was taken out, in the line's `unit`.")),
        "created_at": at(455, _("When it was taken out."), UTC),
    },
    contract.Payment: {
        "payment_id": at(283, _("The payment itself. In an order, `paymentId` is a payment type.")),
        "payment_type_id": at(284, _("How it was paid."), PAYMENT_TYPE),
        "price": at(285, _("How much was paid."), ROUBLES),
        "paid_in": at(286, _("When it was paid."), UTC),
        "card_mask": at(287, _("Number of the card, masked but for its last digits."), _CARD_ONLY),
        "rrn": at(288, _("Number of the bank's transaction (RRN)."), _CARD_ONLY),
        "card_auth": at(289, _("The bank's authorisation code."), _CARD_ONLY),
    },
    contract.ReturnedOrder: {
        "returned_order_id": at(469, _("The order by which the goods came back.")),
        "return_reason_id": at(470, _("Why it came back."), REASON, NO_REASON),
        "created_at": at(471, _("When it came back."), UTC),
        "returned_payments": at(472, _("The money given back, payment by payment.")),
        "returned_goods": at(478, _("The goods taken back.")),
    },
    contract.ReturnedPayment: {
        "payment_id": at(474, _("The payment that is given back.")),
        "payment_type_id": at(475, _("How it was given back."), PAYMENT_TYPE),
        "sum": at(476, _("How much was given back."), ROUBLES),
        "created_at": at(477, _("When it was given back."), UTC),
    },
    contract.ReturnedGood: {
        "good_id": at(480, GOOD),
        "return_reason_id": at(481, _("Why it was taken back."), REASON, NO_REASON),
        "count": at(482, _("How much was taken back, in the line's `unit`.")),
        "sum": at(483, _("What the goods taken back cost."), ROUBLES),
        "created_at": at(484, _("When it was taken back."), UTC),
    },
    contract.StatusChange: {
        "delivery_status_id": at(
            1191, DELIVERY_STATUS, _("Mind the name: in an order, `statusId` is the payment status.")
        ),
        "return_reason_id": at(1192, _("Why the order was cancelled."), REASON, NO_REASON),
        "longitude": at(1193, LONGITUDE),
        "latitude": at(1194, LATITUDE),
        "accuracy": at(1195, ACCURACY),
        "created_at": at(1196, _("When the status changed."), UTC),
    },
    contract.JournalEntry: {
        "event": at(1330, _("What happened: `create` or `update`."), OPEN_CODES),
        "source": at(1334, _("Who made the change: a site, a system or the courier's app, by its name.")),
        "courier_id": at(1335, COURIER, _("Null: the change is no courier's.")),
        "created_at": at(1336, _("When it happened."), UTC),
        "before_item": at(
            1337, _("Values before the change, under the order's own names; only what changed. Null on creation.")
        ),
        "after_item": at(
            1365, _("Values after the change, under the order's own names; only what changed. Null on creation.")
        ),
    },
    contract.Location: {
        "courier_id": at(38, COURIER, _("The contract's example leaves it out: it is the courier who was asked for.")),
        "order_id": at(39, ORDER),
        "delivery_status_id": at(56, DELIVERY_STATUS),
        "return_reason_id": at(57, _("Why the order was cancelled."), REASON, NO_REASON),
        # 41, 42: the labels are swapped, the names and the example are right (T20)
        "longitude": at(41, LONGITUDE, _("The contract labels it as the latitude by mistake.")),
        "latitude": at(42, LATITUDE, _("The contract labels it as the longitude by mistake.")),
        "accuracy": at(43, ACCURACY),
        "created_at": at(61, _("When the courier was there."), UTC),
    },
}
