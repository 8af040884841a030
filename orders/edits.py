"""What couriers changed in the lines of an order: the old state kept when it comes, and shown as a diff.

iRECA tells the lines as they are now, with what was taken off each, not how they were. So before edited lines are
written their old state becomes a version in the history, marked as the last one before the courier's change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backoffice.remotes.ireca import contract
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import Keys
from orders import parts
from orders.models import CanceledItem, Line, Order

BEFORE = "before the courier's change"  # the reason of such a version; a mark for us, so it is not translated
COMPARED = ("count", "price", "total")


@dataclass(frozen=True)
class Figures:
    count: Decimal
    price: Decimal
    total: Decimal


@dataclass(frozen=True)
class LineEdit:
    """One line that a courier changed. `before`: None when it cannot be known; `after`: None when the line is gone.

    Where only the cancelled items tell what was there, the count is sure and price and total are those of today's
    price: `is_derived`.
    """

    title: str
    before: Figures | None
    after: Figures | None
    cancelled: Sequence[CanceledItem] = ()
    is_derived: bool = False


def replace_lines(changes: list[tuple[Order, list[contract.Line]]], keys: Keys) -> None:
    """`parts.replace_lines`, with a version of each line that a courier's edit is about to change."""
    edited = [order.pk for order, lines in changes if order.is_edited or any(line.canceled_items for line in lines)]
    before: dict[int, Line] = {}
    for batch in chunks(edited):
        before |= {line.pk: line for line in Line._base_manager.filter(order__in=batch)}
    parts.replace_lines(changes, keys)
    _keep(before)


def _keep(before: dict[int, Line]) -> None:
    if not before:
        return
    after = Line._base_manager.in_bulk(list(before))
    changed = [line for pk, line in before.items() if pk not in after or _figures(after[pk]) != _figures(line)]
    if changed:
        Line.history.bulk_history_create(changed, update=True, default_change_reason=BEFORE)


def of_order(order: Order) -> list[LineEdit]:
    """What the courier changed, line by line; empty where nothing was. Four queries at most."""
    lines = list(order.lines.prefetch_related("canceled_items__return_reason"))
    if not order.is_edited and not any(line.canceled_items.all() for line in lines):
        return []
    versions = _versions(order)
    was_kept = any(version.history_change_reason == BEFORE for version in versions.values())
    edits = []
    for line in lines:
        old, after, cancelled = versions.pop(line.pk, None), _figures(line), list(line.canceled_items.all())
        before = _figures(old) if old is not None else None
        if before is None and cancelled:
            count = line.count + sum((item.count for item in cancelled), Decimal(0))
            edits.append(LineEdit(str(line), Figures(count, line.price, count * line.price), after, cancelled, True))
        elif before is None and was_kept:
            continue  # the states of changed lines were kept, and this one's was not: it is as it was
        elif cancelled or before != after:
            edits.append(LineEdit(str(line), before, after, cancelled))
    gone = [old for old in versions.values() if old.history_change_reason == BEFORE]
    return [*edits, *(LineEdit(old.title or str(old.position), _figures(old), None) for old in gone)]


def _versions(order: Order) -> dict[int, Any]:
    """By key of the line: what it was before the courier's last edits in a row, otherwise our own last version."""
    found: dict[int, Any] = {}
    latest: dict[int, Any] = {}
    for version in _history(order):
        is_first_edit = version.id not in latest or latest[version.id].history_change_reason != BEFORE
        latest[version.id] = version
        if version.history_change_reason == BEFORE and is_first_edit:
            found[version.id] = version
    return {**latest, **found}


def _history(order: Order) -> Iterable[Any]:
    return Line.history.filter(order_id=order.pk).exclude(history_type="-").order_by("history_date", "history_id")


def _figures(row: Any) -> Figures:
    return Figures(*(getattr(row, name) for name in COMPARED))
