"""Shifts and numbers as receipts tell them, against the same reckoned by hand on random registers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q

from fiscal import numbers, shifts
from fiscal.models import Receipt
from orders.models import Order
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)


def receipt(order: Order, fn: str, shift: str, hours: float, fd: object, **more: Any) -> Receipt:
    """One that was printed so many hours ago."""
    given = {"kind": "sale", "serial_number": f"S{fn}", "fiscal_sign": "1", **more}
    at = NOW - timedelta(hours=hours)
    return Receipt.objects.create(
        order=order, fn=fn, shift_number=shift, fd_number=str(fd), date_time_receipt=at, **given
    )


def test_what_may_be_open_and_how_old_it_is() -> None:
    order = make(Order)
    for fn, shift, hours in (
        ("A", "1", 29),
        ("A", "2", 5),
        ("B", "7", 21),
        ("B", "7", 1),
        ("C", "3", 23.5),
        ("D", "1", 40),
        ("E", "1", 25),
        ("E", "1", 1),
    ):
        receipt(order, fn, shift, hours, hours)
    found = shifts.at_work(NOW)
    assert [(shift.fn, shift.number, shift.kind, shift.has_stopped) for shift in found] == [
        ("E", "1", "danger", True),
        ("C", "3", "danger", False),
        ("B", "7", "warning", False),
        ("A", "2", "", False),
    ]
    assert [shift.hours for shift in found] == [25, 23.5, 21, 5]
    over = shifts.one("A", "1", NOW)
    assert over is not None
    assert (over.may_be_open, over.hours, over.kind) == (False, 0, "")


def test_receipts_without_a_shift_number_are_no_shift_that_never_ends_and_hide_none() -> None:
    order = make(Order)
    for day in range(3):
        receipt(order, "A", "", 24 * day + 1, day)
    receipt(order, "B", "7", 23.5, 1)
    receipt(order, "B", "", 1, 2)
    assert [(shift.fn, shift.number, shift.kind) for shift in shifts.at_work(NOW)] == [("B", "7", "danger")]
    assert {shift.fn for shift in shifts.find(NOW - timedelta(days=3), NOW, NOW)} == {"A", "B"}


def test_a_shift_at_the_edge_of_a_period_is_whole() -> None:
    order = make(Order)
    receipt(order, "A", "1", 30, 1)
    receipt(order, "A", "1", 20, 2)
    receipt(order, "A", "2", 3, 3)
    (shift,) = shifts.find(NOW - timedelta(hours=24), NOW - timedelta(hours=12), NOW)
    assert (shift.number, shift.receipts, shift.hours, shift.is_last) == ("1", 2, 10, False)


def test_shifts_by_register_and_courier() -> None:
    mine, other = make(Order), make(Order)
    receipt(mine, "A", "1", 2, 1)
    receipt(other, "A", "1", 1, 2)
    receipt(other, "B", "1", 1, 1)
    since = NOW - timedelta(days=1)
    assert [shift.fn for shift in shifts.find(since, NOW, NOW, register="SB")] == ["B"]
    assert [shift.fn for shift in shifts.find(since, NOW, NOW, register="A")] == ["A"]
    (shift,) = shifts.find(since, NOW, NOW, among=Q(order__courier=mine.courier))
    assert (shift.fn, shift.receipts) == ("A", 2)  # the whole shift, not his part of it


@pytest.mark.parametrize("seed", range(4))
def test_gaps_of_random_registers(seed: int) -> None:
    chance = random.Random(seed)
    order = make(Order)
    expected: dict[str, list[tuple[int, int, int]]] = {}
    for fn in ("A", "B", "C"):
        number, shift, hours, last = chance.randint(1, 9_000), 1, 200.0, None
        gaps = []
        for _nth in range(40):
            is_next, missing = chance.random() < 0.2, chance.choice([0, 0, 0, 1, 2, 3])
            if is_next:
                shift += 1
            number += missing + 1
            hours -= chance.random()
            receipt(order, fn, str(shift), hours, number)
            unseen = missing - min(missing, 2 if is_next else 0)
            if last is not None and unseen:
                gaps.append((last + 1, number - 1, unseen))
            last = number
        expected[fn] = gaps
    found = numbers.gaps(Q(date_time_receipt__gte=NOW - timedelta(days=30)))
    for fn, gaps in expected.items():
        assert [(gap.first, gap.last, gap.unseen) for gap in found if gap.fn == fn] == gaps
    registers = {register.fn: register for register in numbers.by_register(found)}
    assert {fn: (one.gaps, one.unseen) for fn, one in registers.items()} == {
        fn: (len(gaps), sum(unseen for *_, unseen in gaps)) for fn, gaps in expected.items() if gaps
    }


def test_numbers_that_are_none_are_passed_over() -> None:
    order = make(Order)
    for fd in ("1", "x", "", "2", "9" * 30, "4", "-7"):
        receipt(order, "A", "1", 1, fd)
    receipt(order, "A", "1", 1, "4", fiscal_sign="other")  # the same number twice is no gap
    (gap,) = numbers.gaps(Q(fn="A"))
    assert (gap.first, gap.last, gap.shift) == (3, 3, "1")


def test_numbers_are_ordered_as_numbers() -> None:
    order = make(Order)
    for fd in (8, 9, 10, 11):
        receipt(order, "A", "1", 1, fd)
    assert numbers.gaps(Q(fn="A")) == []
