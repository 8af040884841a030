"""The checker sees what it is there for, and tells enough to find out how it came about."""

from __future__ import annotations

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, worker
from benchmarks.promises import Record, broken
from orders.models import Order

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_value_that_went_is_told_with_what_was_kept_of_the_order(ireca: Sandbox) -> None:
    record = Record(ireca)
    order = Order.objects.get(ireca_id="209900")
    order.description = "gate"
    order.save()
    worker.drain(lease.owner())
    record.set_here(order.pk, "description", "gate")
    assert broken(record) == []
    record.set_here(order.pk, "description", "door")
    (told,) = broken(record)
    first, *story = told.splitlines()
    assert first.endswith("description is gate, though ['door'] was set last")
    assert any("history" in line and "'gate'" in line for line in story)
    assert any(" PUT " in line and '"description":"gate"' in line.replace(": ", ":") for line in story), story
    assert any("journal" in line and "-> gate" in line for line in story)
