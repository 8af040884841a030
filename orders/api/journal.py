"""The journal of an order, in the partner's own numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from backoffice.partners.api.projection import Projection
from backoffice.partners.models import Source
from backoffice.remotes.ireca import contract
from orders.models import Client, JournalEntry, Order

ENTRIES = Projection(
    JournalEntry,
    contract.JournalEntry,
    "list",
    {
        "courier_id": "courier__ireca_id",
        "before_item": "before",
        "after_item": "after",
        **{name: name for name in ("event", "source", "created_at")},
    },
)
# What is kept under iRECA's id, and whose number a partner knows instead
NUMBERS = {"orderId": Order, "clientId": Client}


def entries_of(source: Source, entries: Any) -> list[dict[str, Any]]:
    """The entries, with the ids in what was before and after as this partner knows them; others' are left out."""
    rows = [row for _key, row in ENTRIES.rows(entries)]
    items = [item for row in rows for item in (row["beforeItem"], row["afterItem"]) if item]
    for name, model in NUMBERS.items():
        known = _numbers(source, model, {str(item[name]) for item in items if item.get(name)})
        for item in items:
            if item.get(name):
                item[name] = known.get(str(item[name]))
    return rows


def _numbers(source: Source, model: Any, ids: Collection[str]) -> dict[str, str]:
    if not ids:
        return {}
    mine = model.objects.filter(source=source)
    found = dict(mine.filter(ireca_id__in=ids).values_list("ireca_id", "external_id"))
    if not model.SUCCESSOR:
        return found
    # As the order itself tells it: the first of its own that was merged into somebody else's.
    key = f"{model.SUCCESSOR}__ireca_id"
    merged = mine.filter(**{f"{key}__in": ids}).exclude(external_id="").order_by("-pk")
    return {**dict(merged.values_list(key, "external_id")), **found}
