"""Where the values of orders, clients and reasons are, and how partners write them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db.models import Case, CharField, F, OuterRef, Subquery, Value, When
from django.db.models.functions import NullIf
from django.utils.translation import ngettext

from backoffice.partners.api.projection import Column, Nested, Projection, columns_of, encoder
from backoffice.partners.api.views import Resource
from backoffice.partners.api.writing import PartsOf, Writable
from backoffice.partners.models import Scope, Source
from backoffice.sync import enqueue, history
from backoffice.sync.dictionaries import Dictionary
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.mirrored import ONLY_NAMED
from orders import conditions, parts
from orders.api.filters import ClientFilters, OrderFilters
from orders.models import (
    CanceledItem,
    Client,
    DeliveryStatus,
    Hold,
    Line,
    LineSpecificity,
    LineWarehouse,
    Order,
    Payment,
    PaymentStatus,
    Refund,
    RefundGood,
    RefundPayment,
    ReturnReason,
)
from orders.models.line import MOST_LINES
from orders.models.order import IS_OPEN
from orders.phones import e164
from orders.writing import write_lines

READ, WRITE = (Scope.ORDERS_READ,), (Scope.ORDERS_WRITE,)


def _mirror(model: type[Any]) -> Mirror:
    mirror = registry.for_model(model)
    assert mirror is not None, model
    return mirror


def _own_number(name: str) -> Any:
    """The partner's own number of a client: of the one that a reference leads to or, where that is another source's, of
    one of the partner's own that was merged into it (orders/merging.py); nothing where there is none.
    """
    merged = Client._base_manager.filter(merged_into=OuterRef(name), source=OuterRef("source")).exclude(external_id="")
    return Case(
        When(**{f"{name}__source": F("source")}, then=F(f"{name}__external_id")),
        default=Subquery(merged.order_by("pk").values("external_id")[:1]),
        output_field=CharField(),
    )


NUMBERED = {Client: _own_number}

_WAREHOUSE_TEXTS = ("title", "firstname", "lastname", "phone", "city", "street", "house", "apartment", "description")
_SPECIFICITY_TEXTS = ("title", "value", "image_url", "image_big_url", "article")

LINES = Nested(
    Line,
    "order_id",
    "order",
    {
        **columns_of((*parts.LINE, *parts.LINE_OF_THE_REMOTE), Line, NUMBERED),
        "warehouses": Nested(
            LineWarehouse,
            "line_id",
            "line__order",
            {
                **columns_of(parts.WAREHOUSE, LineWarehouse, NUMBERED),
                **{name: f"warehouse__{name}" for name in (*_WAREHOUSE_TEXTS, "latitude", "longitude", "is_active")},
                "updated_at": "warehouse__updated_at",
            },
        ),
        "specificities": Nested(
            LineSpecificity,
            "line_id",
            "line__order",
            {
                **columns_of(parts.SPECIFICITY, LineSpecificity, NUMBERED),
                **{name: f"specificity__{name}" for name in (*_SPECIFICITY_TEXTS, "is_active")},
                "parent_id": "specificity__parent__ireca_id",
            },
        ),
        "canceled_items": Nested(
            CanceledItem, "line_id", "line__order", columns_of(parts.CANCELED, CanceledItem, NUMBERED)
        ),
    },
    order=("position", "pk"),
)

PAYMENTS = Nested(Payment, "order_id", "order", columns_of(parts.PAYMENT, Payment, NUMBERED), order=("paid_in", "pk"))

_REFUND_ORDER = Order._base_manager.filter(
    ireca_id=OuterRef("returned_order_ireca_id"), source=OuterRef("order__source")
)

RETURNED = Nested(
    Refund,
    "order_id",
    "order",
    {
        **columns_of(parts.REFUND, Refund, NUMBERED),
        "returned_order_id": Subquery(_REFUND_ORDER.values(told=NullIf("external_id", Value("")))[:1]),
        "returned_payments": Nested(
            RefundPayment, "refund_id", "refund__order", columns_of(parts.REFUND_PAYMENT, RefundPayment, NUMBERED)
        ),
        "returned_goods": Nested(
            RefundGood, "refund_id", "refund__order", columns_of(parts.REFUND_GOOD, RefundGood, NUMBERED)
        ),
    },
    many=False,
)

ORDER_COLUMNS: dict[str, Column] = {
    "order_id": "external_id",
    **columns_of(
        _mirror(Order).fields,
        Order,
        NUMBERED,
        {"goods": LINES, "payments": PAYMENTS, "returned_order": RETURNED},
    ),
}


def _begin(row: Order, obj: Any) -> None:
    # What people read, and what couriers see: the partner's own number, not ours.
    row.number = row.number or row.external_id
    if row.source.waits_for_dispatcher:
        row.hold = Hold.WAITS


def _prepare(source: Source, orders: Sequence[Any]) -> None:
    for order in orders:
        if order.cash == 0:
            order.cash = None  # how the wire says that there is no banknote (seed 002:507)
        if order.code_alias == "":
            order.code_alias = order.order_id  # what people read then, as on creation
    _clients_given_in_place(source, orders)


_IN_PLACE = ("firstname", "lastname", "email")


def _clients_given_in_place(source: Source, orders: Sequence[Any]) -> None:
    """Make the clients that orders name by a number we do not know, where the order says who they are (seed 002:88)."""
    told = {order.client_id: order for order in orders if order.client_id and order.client}
    if not told:
        return
    known = {row.external_id: row for row in Client.objects.filter(source=source, external_id__in=told)}
    named = set(Client.objects.filter(ONLY_NAMED, source=source, external_id__in=told).values_list("pk", flat=True))
    described = []
    for number, order in told.items():
        row = known.get(number) or Client(source=source, external_id=number)
        if row.pk is None or row.pk in named:
            for name in _IN_PLACE:
                setattr(row, name, getattr(order.client, name) or "")
            row.phone = order.phone or ""
            row.phone_e164 = e164(row.phone)
            described.append(row)
    # A refund is stored untracked, its client is sent like any other.
    with enqueue.tracked(), history.by(reason=source.title):
        Client.objects.bulk_save([row for row in described if row.pk is not None], [*_IN_PLACE, "phone", "phone_e164"])
        Client.objects.bulk_create([row for row in described if row.pk is None])


ORDERS = Resource(
    Writable(
        _mirror(Order),
        is_own=True,
        is_document=True,
        own=(Client,),
        parts={
            "goods": PartsOf(
                write_lines,
                {
                    (): (Line, parts.LINE),
                    ("warehouses",): (LineWarehouse, parts.WAREHOUSE[:2]),
                    ("specificities",): (LineSpecificity, parts.SPECIFICITY),
                },
                required=("good_id",),
                most=MOST_LINES,
            )
        },
        dictionaries={
            "status_id": Dictionary("orderStatuses", PaymentStatus),
            "delivery_status_id": Dictionary("orderDeliveryStatuses", DeliveryStatus),
        },
        begin=_begin,
        prepare=_prepare,
        kept_for=lambda order: " ".join(conditions.why_kept([order])),
    ),
    ORDER_COLUMNS,
    read=READ,
    write=WRITE,
    filters=OrderFilters,
    written_as=201,
)


def _kept_for(client: Client) -> str:
    """iRECA would take no change of an order whose client is gone."""
    count = Order.objects.filter(IS_OPEN, client=client).count()
    if not count:
        return ""
    text = ngettext(
        "The client has %(count)d order that is neither closed nor cancelled, and cannot be deleted until it is.",
        "The client has %(count)d orders that are neither closed nor cancelled, and cannot be deleted until they are.",
        count,
    )
    return text % {"count": count}


CLIENTS = Resource(
    Writable(_mirror(Client), is_own=True, kept_for=_kept_for),
    {"client_id": "external_id", **columns_of(_mirror(Client).fields, Client, NUMBERED), "updated_at": "updated_at"},
    read=(Scope.CLIENTS,),
    write=(Scope.CLIENTS,),
    filters=ClientFilters,
)

REASONS = Resource(
    Writable(_mirror(ReturnReason)),
    {"reason_id": "ireca_id", **columns_of(_mirror(ReturnReason).fields, ReturnReason, NUMBERED)},
    read=(Scope.CATALOGUE_READ, *READ),
    write=(Scope.CATALOGUE_WRITE,),
)


def callback_items(source: Source, order_ids: Collection[int]) -> dict[int, bytes]:
    """The orders of a source as its webhooks are told of them, by our key."""
    rows = ORDERS.writable.rows(source).filter(pk__in=order_ids)
    return {key: encoder.encode({"items": [row]}) for key, row in _CALLBACK.rows(rows)}


_CALLBACK: Projection = ORDERS.projections["callback"]
