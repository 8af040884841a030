"""Notices of orders, registers and couriers: each counts what the list behind it shows, on random days."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone, translation

from backoffice.partners.models import Source, Webhook
from backoffice.sync.enqueue import untracked
from backoffice.sync.models import Notice
from backoffice.sync.notices import kinds, watch
from backoffice.sync.notices.reading import open_for
from couriers.models import License, LicenseUsage
from fiscal.models import Receipt, TerminalError
from orders.models import Origin
from tests.orders import builders
from tests.orders.test_dashboard import random_orders
from tests.orders.test_fiscal_control import random_orders as random_accounts

pytestmark = pytest.mark.django_db


def open_ones() -> list[Notice]:
    watch.watch(timezone.now(), all_kinds=True)
    return list(Notice.objects.filter(closed_at=None))


def listed(browser: Browser, url: str) -> int:
    page = browser.get(url)
    assert page.status_code == 200, url  # not 302: a filter that the list does not know
    return page.context["cl"].queryset.count()


def told(user: User) -> dict[str, str]:
    watch.watch(timezone.now(), all_kinds=True)
    with translation.override("en"):
        return {each.kind.name: each.text for each in open_for(user, timezone.now())}


@pytest.mark.parametrize("seed", range(2))
def test_each_count_equals_the_list_behind_it(admin_client: Browser, seed: int) -> None:
    rows = random_orders(40, seed)
    for number, row in enumerate(rows[:20]):
        state = ("clean", "failed", "conflict")[number % 3]
        Origin.objects.create(order=row, remote="bifit", key=str(number), sync_state=state)
    now = timezone.now()
    TerminalError.objects.create(ireca_id="1", error_code="1", transaction_created_at=now)
    TerminalError.objects.create(
        ireca_id="2", error_code="2", transaction_created_at=now - timedelta(days=1, minutes=1)
    )
    notices = open_ones()
    assert {"late", "register-orders", "conflicts", "terminal-errors"} <= {notice.kind for notice in notices}
    for notice in notices:
        if notice.kind not in ("licences", "shifts"):
            assert listed(admin_client, notice.url) == notice.count, notice.url


def test_queues_of_the_accountant_equal_their_lists(admin_client: Browser) -> None:
    random_accounts(120, 1)
    notices = [notice for notice in open_ones() if notice.kind in ("no-receipt", "doubled")]
    assert {notice.kind for notice in notices} == {"no-receipt", "doubled"}
    for notice in notices:
        assert listed(admin_client, notice.url) == notice.count, notice.url
        assert notice.key != "hour"
        assert notice.is_grave is (notice.key not in ("day", "unknown"))


def test_a_missing_receipt_is_told_of_though_nobody_knows_since_when(admin_user: User, admin_client: Browser) -> None:
    builders.order(1, **builders.CLOSED, delivery_time_to=None)
    (notice,) = (each for each in open_ones() if each.kind == "no-receipt")
    assert (notice.count, listed(admin_client, notice.url)) == (1, 1)
    assert "1 closed and paid order has no receipt: age not known" in told(admin_user).values()


def test_duplicates(admin_client: Browser) -> None:
    begins = timezone.now() + timedelta(hours=1)
    for number, source in enumerate((None, Source.objects.create(title="Shop")), start=1):
        builders.order(
            number,
            source=source,
            phone="+79211234567",
            delivery_time_from=begins,
            delivery_time_to=begins + timedelta(hours=1),
        )
    (notice,) = (notice for notice in open_ones() if notice.kind == "duplicates")
    assert notice.count == listed(admin_client, notice.url) == 2


@pytest.mark.parametrize(
    ("hours", "is_grave", "text"),
    [
        (19.5, None, ""),
        (20.5, False, "Shift 7 of register KKT-1 lasts for more than 20 hours: close it."),
        (23.5, True, "Shift 7 of register KKT-1 lasts for more than 23 hours: close it."),
        (24.5, True, "Register KKT-1 prints no receipts: shift 7 lasts for more than 24 hours."),
    ],
)
def test_shifts(admin_user: User, hours: float, is_grave: bool | None, text: str) -> None:
    began, order = timezone.now() - timedelta(hours=hours), builders.order(1)
    for number, at in enumerate((began, timezone.now() - timedelta(minutes=5))):
        Receipt.objects.create(
            order=order,
            kind="sale",
            fn="9999",
            serial_number="KKT-1",
            shift_number="7",
            fd_number=str(number),
            fiscal_sign="1",
            date_time_receipt=at,
        )
    assert told(admin_user).get("shifts", "") == text
    assert [notice.is_grave for notice in open_ones() if notice.kind == "shifts"] == ([] if not text else [is_grave])


def test_a_shift_rings_again_at_each_step(admin_user: User) -> None:
    def keys(now: datetime) -> set[str]:
        watch.watch(now, all_kinds=True)
        return set(Notice.objects.filter(kind="shifts", closed_at=None).values_list("key", flat=True))

    began = timezone.now()
    Receipt.objects.create(
        order=builders.order(1),
        kind="sale",
        fn="1",
        shift_number="2",
        fd_number="3",
        fiscal_sign="4",
        date_time_receipt=began,
    )
    steps = [keys(began + timedelta(hours=hours)) for hours in (19, 21, 23, 24)]
    assert steps == [set(), {"1:2:20"}, {"1:2:23"}, {"1:2:24"}]


def test_licences(admin_user: User) -> None:
    now = timezone.now()
    LicenseUsage.objects.create(at=now, used=2, total=2)
    License.objects.create(device_id="one", is_open=True)
    assert "licences" not in told(admin_user)
    License.objects.create(device_id="two", is_open=True)
    assert told(admin_user)["licences"] == "All licences are used: 2 of 2. No courier more can begin to work."


def test_a_paused_webhook(admin_user: User) -> None:
    source = Source.objects.create(title="Shop")
    Webhook.objects.create(source=source, url="https://shop.example.com/", paused_at=timezone.now(), pause_reason="503")
    assert told(admin_user)["webhooks"] == "A webhook of Shop is paused: its receiver fails. 503"


def test_every_kind_is_described_in_both_languages(admin_user: User) -> None:
    """What was found is text in both languages, and its parameters survive JSON."""
    now = timezone.now()
    with untracked():
        builders.order(1, delivery_time_to=now - timedelta(hours=1), delivery_status=1)
    assert told(admin_user)["late"] == "1 order is late"
    with translation.override("ru"):
        for kind in kinds.every():
            assert re.search("[а-я]", str(kind.title)), kind.name
        for notice in Notice.objects.all():
            assert re.search("[а-я]", kinds.get(notice.kind).describe(json.loads(json.dumps(notice.params))))
