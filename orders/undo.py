"""Taking back a change of many orders: each goes back to what it had, unless somebody changed it since.

Nothing is taken back behind anybody's back: an order whose columns are not as the change left them stays as it is, and
says so; and so does one whose delivery or payment has gone on since, whatever was changed: the courier who has it, or
its money, keeps it. What goes back leaves for iRECA like any other edit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.sync import history
from backoffice.sync.enqueue import chunks
from orders.models import BulkChange, Order, Origin

GOES_ON = ("delivery_status", "status")  # how far an order is
FOR = timedelta(hours=12)  # a change of the last shift is no slip any more


class TooLate(Exception):
    """The change cannot be taken back; the text says why, in the active language."""


def remember(
    user: Any,
    text: str,
    orders: Sequence[Order],
    changes: Mapping[str, Any],
    each: Mapping[int, Mapping[str, Any]] | None = None,
) -> BulkChange:
    """Keep what these orders have in the columns that are about to change; in the change's transaction, before it.

    `each` is what single orders get, by their keys, where not all of them get the same; all have the same columns.
    """
    each = each or {}
    columns = [_column(name) for name in {**changes, **next(iter(each.values()), {})}]
    before = {str(order.pk): {column.attname: _text(column, order) for column in columns} for order in orders}
    after_each = {str(key): _texts(values) for key, values in each.items()}
    after = _texts(changes)
    return BulkChange.objects.create(user=user, text=text[:300], before=before, after=after, after_each=after_each)


def _texts(values: Mapping[str, Any]) -> dict[str, str | None]:
    sample = Order(**values)
    return {column.attname: _text(column, sample) for column in map(_column, values)}


def undo(change_id: int, user: Any) -> list[tuple[Order, bool, str]]:
    """Take a change back. Returns for each order whether it went back, and what happened in words.

    Raises TooLate where it was taken back already, or is too old.
    """
    with transaction.atomic():
        found = BulkChange.objects.filter(pk=change_id)
        change = (found.select_for_update() if connection.features.has_select_for_update else found).get()
        if why := too_late(change):
            raise TooLate(why)
        outcomes, each = _sorted(change)
        with history.by(user, _("taken back")):
            Order.objects.bulk_save_each([order for order, goes_back, _text in outcomes if goes_back], each)
        BulkChange.objects.filter(pk=change.pk).update(undone_at=timezone.now())
    return outcomes


def too_late(change: BulkChange) -> str:
    """Why a change cannot be taken back any more; empty when it can."""
    if change.undone_at is not None:
        return _("This was taken back already.")
    if change.made_at < timezone.now() - FOR:
        return _("This is too old to be taken back.")
    return ""


def _sorted(change: BulkChange) -> tuple[list[tuple[Order, bool, str]], dict[int, dict[str, Any]]]:
    """What happens to each order, and the values that those that go back get, by their keys."""
    outcomes: list[tuple[Order, bool, str]] = []
    each: dict[int, dict[str, Any]] = {}
    # What a register service was told is over there for good (seed 000:76-77): it cannot be opened here alone.
    is_outcome = "delivery_status" in change.after
    over = set(
        Origin.objects.filter(order__in=list(change.before), is_open=False).values_list("order", flat=True)
        if is_outcome
        else ()
    )
    orders = _locked([int(key) for key in change.before])
    then = _right_after(change)
    for order in orders:
        after = {**change.after, **change.after_each.get(str(order.pk), {})}
        now = tuple(getattr(order, name) for name in GOES_ON)
        if then.get(order.pk, now) != now or any(_text(_column(name), order) != text for name, text in after.items()):
            outcomes.append((order, False, _("was changed since")))
        elif order.pk in over:
            outcomes.append((order, False, _("is over at its register service")))
        else:
            outcomes.append((order, True, _("back as before")))
            values = dict(change.before[str(order.pk)])
            if order.remote_data is not None:
                values.pop("hold", None)  # iRECA knows it by now: it is there, whoever has it
            each[order.pk] = {name: _column(name).to_python(text) for name, text in values.items()}
    return outcomes, each


def _right_after(change: BulkChange) -> dict[int, tuple[Any, ...]]:
    """How far each order was with the first version since the change began, which is the one that it made."""
    then: dict[int, tuple[Any, ...]] = {}
    for batch in chunks(sorted(map(int, change.before))):
        versions = Order.history.filter(id__in=batch, history_date__gte=change.made_at).order_by("history_id")
        for pk, *values in versions.values_list("id", *GOES_ON):
            then.setdefault(pk, tuple(values))
    return then


def _locked(ids: Collection[int]) -> list[Order]:
    """Whole, as `bulk_save_each` writes them; in the order in which every bulk change locks, so that two cannot lock
    each other out.
    """
    orders = Order.objects.order_by("pk")
    if connection.features.has_select_for_update:
        orders = orders.select_for_update()
    return [order for batch in chunks(sorted(ids)) for order in orders.filter(pk__in=batch)]


def _column(name: str) -> Any:
    return Order._meta.get_field(name)


def _text(column: Any, order: Order) -> str | None:
    return None if getattr(order, column.attname) is None else column.value_to_string(order)
