"""Lines, payments and refunds of an order: rows of their own here, nested lists on the wire."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk
from backoffice.sync.mirror import Field, Keys, Reference
from orders.models import (
    CanceledItem,
    Line,
    LineSpecificity,
    LineWarehouse,
    Order,
    Payment,
    Refund,
    RefundGood,
    RefundPayment,
)

# Into plain lists: a manager's `.all()` would make a queryset for each of thousands of lines.
PREFETCH = (
    Prefetch(
        "lines",
        Line._base_manager.select_related("parent", "return_reason")
        .prefetch_related(
            "good",
            "tax",
            Prefetch("warehouses", LineWarehouse._base_manager.select_related("warehouse"), to_attr="told_warehouses"),
            Prefetch(
                "specificities",
                LineSpecificity._base_manager.select_related("specificity"),
                to_attr="told_specificities",
            ),
        )
        .order_by("position", "id"),
        to_attr="told_lines",
    ),
)

# Each nested object as fields of its row, by the same means as the entities themselves.
LINE = (
    Reference("good_id", "good"),
    *(Field(name) for name in ("count", "price", "total", "discount_total")),
    Reference("tax_id", "tax"),
    *(Field(name) for name in ("position", "unit", "ved_code", "country_code", "custom_declaration_code")),
    *(Field(name) for name in ("mark_value", "mark_binary_value", "weight", "description")),
)
LINE_OF_THE_REMOTE = (
    Reference("return_reason_id", "return_reason"),
    Reference("parent_id", "parent"),
    *(
        Field(name)
        for name in ("article", "calc_id", "title", "multiplicity", "image_url", "image_big_url", "is_active")
    ),
)
WAREHOUSE = (
    Reference("warehouse_id", "warehouse"),
    Field("count"),
    Field("took_count"),
)
SPECIFICITY = (Reference("specificity_id", "specificity"), Field("price"), Field("count"))
CANCELED = (
    Reference("return_reason_id", "return_reason"),
    Field("count"),
    Field("created_at"),
)
PAYMENT = (
    Field("payment_id", "payment_ref"),
    Reference("payment_type_id", "payment_type"),
    *(Field(name) for name in ("price", "paid_in", "card_mask", "rrn", "card_auth")),
)
REFUND = (
    Field("returned_order_id", "returned_order_ireca_id"),
    Reference("return_reason_id", "return_reason"),
    Field("created_at"),
)
REFUND_PAYMENT = (
    Field("payment_id", "payment_ref"),
    Reference("payment_type_id", "payment_type"),
    Field("sum"),
    Field("created_at"),
)
REFUND_GOOD = (
    Reference("good_id", "good"),
    Reference("return_reason_id", "return_reason"),
    *(Field(name) for name in ("count", "sum", "created_at")),
)


def _build(struct: type[Any], fields: tuple[Field, ...], row: Any, **nested: Any) -> Any:
    return struct(**{spec.attr: spec.read(row) for spec in fields}, **nested)


def _fill(row: Any, fields: tuple[Field, ...], value: Any, keys: Keys) -> Any:
    for spec in fields:
        if (said := getattr(value, spec.attr)) is not UNSET:
            spec.write(row, said, keys)
    return row


def _announce(values: Any, model: type[Any], fields: tuple[Field, ...], keys: Keys) -> None:
    if not values:
        return
    references = [spec for spec in fields if isinstance(spec, Reference)]
    for value in values:
        for spec in references:
            if (said := getattr(value, spec.attr)) is not UNSET:
                spec.want(model, said, keys)


def _listed(value: Any) -> list[Any]:
    return [] if value is UNSET or value is None else value


def build_lines(order: Any) -> list[contract.Line]:
    """The lines of an order that was loaded with PREFETCH."""
    return [
        _build(
            contract.Line,
            LINE,
            line,
            warehouses=[
                contract.LineWarehouse(warehouse_id=part.warehouse.ireca_id, count=part.count)
                for part in line.told_warehouses
            ],
            specificities=[_build(contract.LineSpecificity, SPECIFICITY, part) for part in line.told_specificities],
        )
        for line in order.told_lines
    ]


def announce_lines(lines: list[contract.Line], keys: Keys) -> None:
    _announce(lines, Line, (*LINE, *LINE_OF_THE_REMOTE), keys)
    for line in lines:
        _announce(_listed(line.warehouses), LineWarehouse, WAREHOUSE, keys)
        _announce(_listed(line.specificities), LineSpecificity, SPECIFICITY, keys)
        _announce(_listed(line.canceled_items), CanceledItem, CANCELED, keys)


def replace_lines(changes: list[tuple[Order, list[contract.Line]]], keys: Keys) -> None:
    """Write the remote's lines. A line keeps its row where its good and position stay, so that its history and its
    key stay too.
    """
    fields = (*LINE, *LINE_OF_THE_REMOTE)
    spare: dict[tuple[int, int | None, int], list[int]] = {}
    there = Line._base_manager.filter(order__among=frozenset(order.pk for order, _ in changes)).order_by("-id")
    for pk, order_id, good_id, position in there.values_list("pk", "order_id", "good_id", "position"):
        spare.setdefault((order_id, good_id, position), []).append(pk)
    created: list[Line] = []
    kept: list[Line] = []
    nested: list[tuple[Line, contract.Line]] = []
    for order, values in changes:
        for index, value in enumerate(values):
            line = _fill(bulk.new(Line, order_id=order.pk, position=index), fields, value, keys)
            line.set_mark_key()
            if same := spare.get((order.pk, line.good_id, line.position)):
                line.pk = same.pop()
                kept.append(line)
            else:
                created.append(line)
            nested.append((line, value))
    gone = [pk for lines in spare.values() for pk in lines]
    if gone:
        Line.objects.filter(pk__in=gone).delete()
    bulk.insert(Line, created)
    if kept:
        bulk.update(Line, kept, [*(spec.name for spec in fields), "mark_key"])
        keys_kept = frozenset(line.pk for line in kept)
        for model in (LineWarehouse, LineSpecificity, CanceledItem):
            model._base_manager.filter(line__among=keys_kept).delete()
    _create_nested(nested, keys)


def _create_nested(nested: list[tuple[Line, contract.Line]], keys: Keys) -> None:
    for model, attr, fields, required in (
        (LineWarehouse, "warehouses", WAREHOUSE, "warehouse_id"),
        (LineSpecificity, "specificities", SPECIFICITY, "specificity_id"),
        (CanceledItem, "canceled_items", CANCELED, ""),
    ):
        rows = [
            _with_defaults(_fill(bulk.new(model, line_id=line.pk), fields, item, keys))
            for line, value in nested
            for item in _listed(getattr(value, attr))
            if not required or getattr(item, required)
        ]
        bulk.insert(model, rows)


def _with_defaults(part: Any) -> Any:
    """The remote may leave out a count or a price that our column needs."""
    for name in ("count", "price"):
        if hasattr(part, name) and getattr(part, name) is None:
            setattr(part, name, 0)
    return part


def announce_payments(payments: list[contract.Payment], keys: Keys) -> None:
    _announce(payments, Payment, PAYMENT, keys)


def replace_payments(changes: list[tuple[Order, list[contract.Payment]]], keys: Keys) -> None:
    Payment.objects.filter(order__among=frozenset(order.pk for order, _ in changes)).delete()
    bulk.insert(
        Payment,
        [
            _fill(bulk.new(Payment, order_id=order.pk), PAYMENT, value, keys)
            for order, values in changes
            for value in values
        ],
    )


def announce_refund(refund: Any, keys: Keys) -> None:
    if refund:
        _announce([refund], Refund, REFUND, keys)
        _announce(_listed(refund.returned_payments), RefundPayment, REFUND_PAYMENT, keys)
        _announce(_listed(refund.returned_goods), RefundGood, REFUND_GOOD, keys)


def replace_refund(changes: list[tuple[Order, Any]], keys: Keys) -> None:
    Refund.objects.filter(order__among=frozenset(order.pk for order, _ in changes)).delete()
    refunds = [
        (_fill(bulk.new(Refund, order_id=order.pk), REFUND, value, keys), value) for order, value in changes if value
    ]
    bulk.insert(Refund, [refund for refund, _ in refunds])
    for model, attr, fields in (
        (RefundPayment, "returned_payments", REFUND_PAYMENT),
        (RefundGood, "returned_goods", REFUND_GOOD),
    ):
        rows = [
            _fill(bulk.new(model, refund_id=refund.pk), fields, item, keys)
            for refund, value in refunds
            for item in _listed(getattr(value, attr))
        ]
        bulk.insert(model, rows)
