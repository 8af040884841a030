"""The lines of an order as somebody here writes them: a shop through the API.

`parts.replace_lines` is for what iRECA says. Here the change is ours, so the outbox and the history see it, and what
only iRECA knows of a line (what a courier took off it) stays.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync.mirror import Field, Keys
from catalog.models import Good
from orders import parts
from orders.models import Line, LineSpecificity, LineWarehouse, Order

# What iRECA will add from its catalogue; until then a new line shows ours.
OF_THE_GOOD = ("title", "article", "calc_id", "multiplicity", "image_url", "image_big_url")
NO_UNIT = "шт"  # seed 002:127, T72


def write_lines(changes: list[tuple[Order, list[contract.Line]]], keys: Keys) -> None:
    """Make the lines of each order what is said, in few statements. A line keeps its row where its good and position
    stay, else where its good stays.
    """
    kept = _lines_of([order.pk for order, _values in changes])
    created: list[Line] = []
    edited: list[Line] = []
    nested: list[tuple[Line, contract.Line]] = []
    for order, values in changes:
        for index, value in enumerate(values or []):
            good = keys.key(Good, value.good_id or None)
            position = value.position if isinstance(value.position, int) else index
            line = _take(kept.get(order.pk, []), good, position)
            if line is None:
                line = Line(order=order, position=position)
                created.append(line)
            else:
                edited.append(line)
            for spec in parts.LINE:
                if (said := getattr(value, spec.attr)) is not UNSET:
                    spec.write(line, said, keys)
            line.unit = line.unit or NO_UNIT
            line.set_mark_key()
            nested.append((line, value))
    gone = [line.pk for lines in kept.values() for line in lines]
    if gone:
        Line.objects.filter(pk__in=gone).delete()
    describe(created)
    Line.objects.bulk_create(created)
    Line.objects.bulk_save(edited, [*(spec.name for spec in parts.LINE), "mark_key"])
    _write_nested(LineWarehouse, "warehouses", parts.WAREHOUSE[:2], nested, keys)
    _write_nested(LineSpecificity, "specificities", parts.SPECIFICITY, nested, keys)


def _lines_of(orders: Collection[int | None]) -> dict[int, list[Line]]:
    lines: dict[int, list[Line]] = {}
    for line in Line._base_manager.filter(order__in=[pk for pk in orders if pk]).order_by("position", "id"):
        lines.setdefault(line.order_id, []).append(line)
    return lines


def _take(lines: list[Line], good: int | None, position: int) -> Line | None:
    same = [line for line in lines if line.good_id == good]
    found = next((line for line in same if line.position == position), same[0] if same else None)
    if found is not None:
        lines.remove(found)
    return found


def describe(lines: list[Line]) -> None:
    """Give new lines what their goods say of them."""
    goods = Good._base_manager.in_bulk({line.good_id for line in lines if line.good_id})
    for line in lines:
        if (good := goods.get(line.good_id)) is not None:
            for name in OF_THE_GOOD:
                setattr(line, name, getattr(good, name))


def _write_nested(
    model: type[Any], attr: str, fields: tuple[Field, ...], nested: list[tuple[Line, contract.Line]], keys: Keys
) -> None:
    """Rows below the lines that say them; a line that leaves them out keeps its own.

    A row stays where what it refers to, the first of `fields`, stays: it has what only iRECA tells, too.
    """
    reference, *others = fields
    (column,) = reference.columns()
    said = [(line, getattr(value, attr)) for line, value in nested if getattr(value, attr) is not UNSET]
    there: dict[tuple[int, int], list[Any]] = {}
    kept = model.objects.filter(line__among=frozenset(line.pk for line, _items in said))
    for row in kept.select_related("line").order_by("pk") if said else ():
        there.setdefault((row.line_id, getattr(row, column)), []).append(row)
    created, edited = [], []
    for line, items in said:
        for item in items or []:
            row = model(line=line)
            reference.write(row, getattr(item, reference.attr), keys)
            same = there.get((line.pk, getattr(row, column)))
            row = same.pop(0) if same else row
            before = [getattr(row, spec.name) for spec in others]
            for spec in others:
                if (value := getattr(item, spec.attr)) is not UNSET:
                    spec.write(row, value, keys)
            row.count = row.count or Decimal(0)
            if row.pk is None:
                created.append(row)
            elif before != [getattr(row, spec.name) for spec in others]:
                edited.append(row)
    if gone := [row.pk for rows in there.values() for row in rows]:
        model.objects.filter(pk__among=frozenset(gone)).delete()
    if created:
        model.objects.bulk_create(created)
    model.objects.bulk_save(edited, [spec.name for spec in others])
