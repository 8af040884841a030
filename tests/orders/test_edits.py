"""What couriers change in lines: shown against what was there before, as well as that can be known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from backoffice.remotes.ireca import contract
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.apply import apply
from backoffice.sync.clients import client as remote_client
from backoffice.sync.mirror import registry
from orders import edits
from orders.edits import Figures
from orders.models import Line, Order
from tests.orders import builders
from tests.orders.pages import change_form, change_url, save


def told(row: Order, *lines: tuple[str, int, int, list[dict[str, Any]]], edited: int = 1) -> None:
    """iRECA tells the lines: good, position, count and what was taken off."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    goods = [
        {
            "goodId": good,
            "position": position,
            "count": count,
            "price": 50,
            "total": 50 * count,
            "discountTotal": 0,
            "canceledItems": cancelled,
        }
        for good, position, count, cancelled in lines
    ]
    apply(
        mirror,
        [contract.decode(contract.Order, {"orderId": row.ireca_id, "isEdited": edited, "goods": goods})],
    )


def off(count: int) -> list[dict[str, Any]]:
    return [{"returnReasonId": "7", "count": count, "createdAt": "2026-05-15 13:21:13"}]


def figures(count: int) -> Figures:
    return Figures(Decimal(count), Decimal(50), Decimal(50 * count))


@pytest.mark.django_db
class TestBefore:
    def test_pulled_lines_are_kept_when_the_courier_changes_them(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        builders.reason()
        Line.history.all().delete()  # as after a pull
        told(row, ("g0", 0, 1, off(1)), ("g1", 1, 2, []))
        row.refresh_from_db()
        (edit,) = edits.of_order(row)
        assert (edit.before, edit.after, edit.is_derived) == (figures(2), figures(1), False)
        assert [(item.count, str(item.return_reason)) for item in edit.cancelled] == [(1, "Changed mind")]
        html = dispatcher.get(change_url(row)).content.decode()
        assert "What the courier changed" in html
        assert "Changed mind" in html

    def test_two_changes_in_a_row_are_shown_against_the_first_state(self) -> None:
        row = builders.with_lines(builders.order(1), 1)
        told(row, ("g0", 0, 1, off(1)))
        told(row, ("g0", 0, 0, off(2)))
        row.refresh_from_db()
        (edit,) = edits.of_order(row)
        assert (edit.before, edit.after) == (figures(2), figures(0))

    def test_our_own_edit_is_what_it_is_shown_against(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 1)
        save(dispatcher, row, {**change_form(dispatcher, row), "lines-0-count": "5"})
        Order._base_manager.filter(pk=row.pk).update(sync_state="clean")
        told(row, ("g0", 0, 4, off(1)))
        row.refresh_from_db()
        (edit,) = edits.of_order(row)
        assert (edit.before, edit.after) == (figures(5), figures(4))

    def test_a_line_that_is_gone_is_shown(self) -> None:
        row = builders.with_lines(builders.order(1), 2)
        told(row, ("g1", 1, 2, []))
        row.refresh_from_db()
        (edit,) = edits.of_order(row)
        assert (edit.before, edit.after) == (figures(2), None)

    def test_without_a_kept_state_it_is_worked_out_or_said_to_be_unknown(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1, is_edited=True), 2)
        first, _second = row.lines.all()
        first.canceled_items.create(count=1)
        Line.history.all().delete()  # as after a pull
        derived, unknown = edits.of_order(row)
        assert (derived.before, derived.is_derived) == (figures(3), True)
        assert unknown.before is None
        html = dispatcher.get(change_url(row)).content.decode()
        assert "is not known" in html
        assert "Worked out from" in html

    def test_nothing_is_shown_or_kept_where_nothing_was_edited(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 1)
        told(row, ("g0", 0, 1, []), edited=0)
        row.refresh_from_db()
        assert edits.of_order(row) == []
        assert not Line.history.filter(history_change_reason=edits.BEFORE).exists()
        assert "What the courier changed" not in dispatcher.get(change_url(row)).content.decode()


def test_a_courier_of_the_sandbox(ireca: Sandbox) -> None:
    row = Order.objects.get(ireca_id="209900")
    line = row.lines.select_related("good").first()
    ireca.take("209900", "55752")
    ireca.edit_line("209900", line.good.ireca_id, 0)
    mirror = registry.for_model(Order)
    assert mirror is not None
    apply(mirror, [mirror.fetch(remote_client(), "209900")])
    row.refresh_from_db()
    edit = next(edit for edit in edits.of_order(row) if edit.cancelled)
    assert (edit.before.count, edit.after.count) == (line.count, 0)
