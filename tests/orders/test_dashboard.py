"""The first page: each figure equals the list that it links to, on random days; its cost does not grow with orders."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.sync.enqueue import untracked
from backoffice.sync.mirrored import SyncState
from couriers.models import License, LicenseUsage
from fiscal.models import Receipt
from orders import dashboard
from orders.models import DeliveryStatus, Hold, Order, Payment, PaymentStatus
from tests.orders import builders

pytestmark = pytest.mark.django_db

START = "/admin/"


def random_orders(count: int, seed: int) -> list[Order]:
    chance = random.Random(seed)
    couriers = [builders.courier(f"Courier {n}", f"c{n}") for n in range(3)]
    now = timezone.now()
    with untracked():
        rows = []
        for nth in range(1, count + 1):
            begins = now + timedelta(minutes=chance.randint(-40 * 60, 30 * 60))
            row = builders.order(
                nth,
                delivery_status=chance.choice([*DeliveryStatus.values, 8]),
                status=chance.choice(PaymentStatus.values),
                courier=chance.choice([None, *couriers]),
                delivery_time_from=begins,
                delivery_time_to=begins + timedelta(minutes=chance.choice((15, 90, 240))),
                is_agreed=chance.random() < 0.5,
                hold=chance.choice([*Hold.values, "", ""]),
                amount_to_pay=Decimal(chance.randint(0, 100_000)) / 100,
                sync_state=chance.choice(SyncState.values),
            )
            builders.with_lines(row, 1)
            builders.discount(row, Decimal(chance.randint(-500, 0)) / 100)
            if row.status == PaymentStatus.PAID and chance.random() < 0.7:
                builders.pay(row, row.amount_to_pay)
            rows.append(row)
    return rows


def listed(browser: Browser, url: str) -> Any:
    page = browser.get(url)
    assert page.status_code == 200, url
    return page.context["cl"].queryset


@pytest.mark.parametrize("seed", range(3))
def test_each_figure_equals_the_list_behind_it(admin_client: Browser, seed: int) -> None:
    random_orders(60, seed)
    context = admin_client.get(START).context
    today = context["today"]
    for figure in [*today.attention, *today.states]:
        assert listed(admin_client, figure.url).count() == figure.value, figure
    assert sum(figure.value for figure in today.states[1:]) == today.states[0].value
    assert sum(hour.total for hour in today.hours) == today.states[0].value

    to_collect, collected = today.money
    rows = listed(admin_client, to_collect.url)
    owed = sum(row.amount_to_pay + sum(line.discount_total for line in row.lines.all()) for row in rows)
    assert to_collect.value == owed
    paid = Payment.objects.filter(order__in=[row.pk for row in listed(admin_client, "/admin/orders/order/?day=today")])
    assert collected.value == (paid.aggregate(sum=Sum("price"))["sum"] or 0)

    (conflicts,) = [figure for figure in context["sync"] if "sync_state" in figure.url]
    assert listed(admin_client, conflicts.url).count() == conflicts.value > 0


def test_couriers_by_load_with_what_is_late(admin_client: Browser) -> None:
    idle, busy = builders.courier("Idle", "1"), builders.courier("Busy", "2")
    builders.courier("Off", "3")
    now = timezone.now()
    License.objects.create(device_id="d", courier=idle, is_open=True, session_start_at=now)
    early = {"delivery_time_from": now - timedelta(minutes=2), "delivery_time_to": now - timedelta(minutes=1)}
    builders.order(1, courier=busy, **early)
    builders.order(2, courier=busy, **(early | builders.CLOSED))
    rows = admin_client.get(START).context["couriers"]
    assert [(str(row.whereabouts.courier), row.open, row.done, row.late) for row in rows] == [
        ("Busy", 1, 1, 1),
        ("Idle", 0, 0, 0),
    ]
    assert listed(admin_client, rows[0].url).count() == 2


def receipt(order: Order, fn: str, shift: str, hours: float, fd: str) -> None:
    at = timezone.now() - timedelta(hours=hours)
    Receipt.objects.create(order=order, kind="sale", fn=fn, shift_number=shift, fd_number=fd, date_time_receipt=at)


def test_shifts_warn_before_a_register_stops_printing(admin_client: Browser) -> None:
    order = builders.order(1)
    for fn, shift, hours in (
        ("A", "1", 29),
        ("A", "2", 5),
        ("B", "7", 21),
        ("B", "7", 1),
        ("C", "3", 23.5),
        ("D", "1", 40),
    ):
        receipt(order, fn, shift, hours, f"{fn}{hours}")
    shifts = admin_client.get(START).context["shifts"]
    assert [(shift.fn, shift.number, shift.kind, shift.receipts) for shift in shifts] == [
        ("C", "3", "danger", 1),
        ("B", "7", "warning", 2),
        ("A", "2", "", 1),
    ]
    assert "23.5 h" in admin_client.get(START, headers={"accept-language": "en"}).content.decode()


def test_receipts_that_are_missing_by_age(admin_client: Browser) -> None:
    now = timezone.now()
    for nth, hours in enumerate((0.5, 5, 50, 5000), 1):
        builders.order(
            nth,
            **builders.CLOSED | {"status": PaymentStatus.PAID.value},
            delivery_time_from=now - timedelta(hours=hours + 1),
            delivery_time_to=now - timedelta(hours=hours),
        )
    figures = admin_client.get(START).context["receipts"]
    assert [figure.value for figure in figures] == [1, 1, 1, 0, 1]
    assert [listed(admin_client, figure.url).count() for figure in figures] == [1, 1, 1, 0, 1]


def test_licences(admin_client: Browser) -> None:
    LicenseUsage.objects.create(at=timezone.now(), used=1, total=1)
    License.objects.create(device_id="d", is_open=True)
    figure = admin_client.get(START).context["licences"]
    assert (figure.value, figure.kind) == ("1 / 1", "danger")


def test_the_cost_does_not_grow(admin_client: Browser) -> None:
    random_orders(5, 1)
    admin_client.get(START)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(START)
    with untracked():
        for nth in range(100, 160):
            builders.order(nth, courier=builders.courier(f"More {nth}", f"m{nth}"))
    with CaptureQueriesContext(connection) as many:
        admin_client.get(START)
    assert len(many) == len(few)
    assert len(few) < 40


def test_each_sees_what_he_may(manager: Browser, stranger: Browser) -> None:
    builders.order(1)
    assert "couriers" not in stranger.get(START).context
    context = manager.get(START).context
    assert context["today"].states[0].value == 1
    assert "today" not in stranger.get(START).context


def test_a_day_without_orders(admin_client: Browser) -> None:
    page = admin_client.get(START)
    assert page.status_code == 200
    assert page.context["today"].hours == []
    assert dashboard.missing_receipts(timezone.now())[0].value == 0
