"""The queues of fiscal control: each order is where plain reckoning puts it, each figure equals its list, the cost does
not grow, and nobody else sees them.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.sync.enqueue import untracked
from fiscal.models import Receipt, RegistrarError
from orders import fiscal_control
from orders.fiscal_control import AGES, OLDER, QUEUES, UNKNOWN
from orders.models import DeliveryStatus, Order, Origin, PaymentStatus, Refund, RefundGood, RefundPayment
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = pytest.mark.django_db

CONTROL = "/admin/fiscal/control/"
OPEN = {DeliveryStatus.NEW, DeliveryStatus.PREPARED, DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED, 8, 12}


def receipt(order: Order, kind: str, at: datetime | None, number: int) -> Receipt:
    return Receipt.objects.create(
        order=order,
        kind=kind,
        fn="9999",
        shift_number="1",
        fd_number=str(number),
        fiscal_sign="1",
        date_time_receipt=at,
    )


def random_orders(count: int, seed: int) -> None:
    chance = random.Random(seed)
    now = timezone.now()
    number = 0

    def money(value: Decimal, rarely: float = 0.2) -> Decimal:
        return value + Decimal(chance.choice([-1, 1, 100])) / 100 if chance.random() < rarely else value

    with untracked():
        for nth in range(1, count + 1):
            ended = now - timedelta(
                minutes=chance.choice([-100, 20, 300, 3_000, 20_000, 60_000]) + chance.randint(0, 9)
            )
            row = builders.order(
                nth,
                delivery_status=chance.choice([*DeliveryStatus.values, 8, 12, 9, 11, 10, 10, 10, 10]),
                status=chance.choice([0, 1, 1]),
                is_refund=chance.random() < 0.2,
                prepayment_sum=Decimal(chance.choice([0, 0, 30])),
                amount_to_pay=Decimal(chance.randint(5_000, 100_000)) / 100,
                delivery_time_to=None if chance.random() < 0.05 else ended,
                delivered_at=ended + timedelta(minutes=chance.randint(-90, 90)) if chance.random() < 0.5 else None,
            )
            builders.with_lines(row, 1)
            builders.discount(row, Decimal(chance.randint(-500, 0)) / 100)
            payable = row.amount_to_pay + row.lines.get().discount_total
            for kind in ("sale", "sale", "sale", "return", "return"):
                if chance.random() < 0.35:
                    number += 1
                    at = ended + timedelta(minutes=chance.randint(-9, 9)) if chance.random() < 0.95 else None
                    receipt(row, kind, at, number)
            if chance.random() < 0.8:
                whole = payable - (row.prepayment_sum if chance.random() < 0.3 else 0)
                part = Decimal(chance.randint(1, 40))
                for price in (part, money(whole - part)):
                    builders.pay(row, price)
            if chance.random() < 0.4:
                told = now - timedelta(minutes=chance.randint(5, 60_000)) if chance.random() < 0.8 else None
                refund = Refund.objects.create(order=row, created_at=told)
                back = Decimal(chance.randint(100, 9_000)) / 100
                for _each in range(chance.choice([0, 1, 2])):
                    RefundPayment.objects.create(refund=refund, sum=back)
                    RefundGood.objects.create(refund=refund, sum=money(back))


def placed(now: datetime) -> dict[str, dict[str, set[int]]]:
    """The same in plain Python: keys of orders by queue and age."""
    found: dict[str, dict[str, set[int]]] = {queue.name: {age.name: set() for age in AGES} for queue in QUEUES}

    def put(queue: str, order: Order, since: datetime | None) -> None:
        past = (now - since).total_seconds() / 3600 if since is not None else None
        if past is None:
            age = "unknown"
        else:
            age = "hour" if past < 1 else "day" if past < 24 else "week" if past < 168 else "month"
            age = "older" if past >= 31 * 24 else age
        found[queue][age].add(order.pk)

    for order in Order.objects.prefetch_related("receipts", "payments", "lines", "refund__payments", "refund__goods"):
        receipts = list(order.receipts.all())
        sales = [each for each in receipts if each.kind == "sale"]
        returns = [each for each in receipts if each.kind == "return"]
        paid, closed = order.status == PaymentStatus.PAID, order.delivery_status == DeliveryStatus.CLOSED
        ended = order.delivery_time_to
        due = 2 if order.prepayment_sum and not order.is_refund else 1
        if paid and closed and len(returns if order.is_refund else sales) < due:
            put("no_receipt", order, order.delivered_at if order.delivered_at and order.delivered_at <= now else ended)
        if paid and order.delivery_status in OPEN and (ended is None or now - ended >= timedelta(days=1)):
            put("paid_open", order, ended)
        if closed and order.status == PaymentStatus.UNPAID:
            put("closed_unpaid", order, ended)
        delivered = order.delivery_status == DeliveryStatus.DELIVERED and order.status == PaymentStatus.UNPAID
        if delivered and (ended is None or now - ended >= timedelta(days=1)):
            put("delivered_open", order, ended)
        if len(sales) > due or len(returns) > 1:
            times = [each.date_time_receipt for each in receipts if each.date_time_receipt]
            put("doubled", order, max(times, default=None))
        sums = [each.price for each in order.payments.all()]
        payable = order.amount_to_pay + sum(line.discount_total for line in order.lines.all())
        if paid and closed and sums and sum(sums) not in (payable, payable - order.prepayment_sum):
            put("payments_differ", order, ended)
        if paid and closed and receipts and not sums:
            put("no_payments", order, ended)
        refund = getattr(order, "refund", None)
        back = sum(each.sum for each in refund.payments.all()) if refund is not None else 0
        if order.delivery_status == DeliveryStatus.CANCELLED and not order.is_refund and sum(sums) > back:
            put("cancelled_paid", order, ended)
        if back and not order.is_refund and not returns:
            put("no_return_receipt", order, refund.created_at)
        differs = back and (back != sum(each.sum for each in refund.goods.all()) or (sums and back > sum(sums)))
        if differs:
            put("returns_differ", order, ended)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_each_order_is_where_plain_reckoning_puts_it(admin_client: Browser, seed: int) -> None:
    random_orders(110, seed)
    now = timezone.now()
    expected = placed(now)
    for queue in QUEUES:
        counts = fiscal_control.counts(queue, now, all_years=True)
        for age in AGES:
            assert {row.pk for row in queue.orders(Order.objects.all(), now, age)} == expected[queue.name][age.name]
            assert counts.get(age, 0) == len(expected[queue.name][age.name]), (queue.name, age.name)
        together = set().union(*expected[queue.name].values())
        assert {row.pk for row in queue.orders(Order.objects.all(), now)} == together
        recent = fiscal_control.counts(queue, now)
        assert (OLDER in recent, UNKNOWN in recent) == (not queue.is_costly, not queue.is_costly)
        assert recent == {age: count for age, count in counts.items() if age in recent}
    assert all(sum(map(len, ages.values())) for ages in expected.values()), "the data must fill each queue"


@pytest.mark.parametrize("all_", ["", "?all=1"])
def test_each_figure_equals_the_list_behind_it(admin_client: Browser, all_: str) -> None:
    random_orders(60, 7)
    seen = 0
    for row in admin_client.get(CONTROL + all_).context["queues"]:
        for figure in row["figures"]:
            page = admin_client.get(figure.url)
            assert page.context["cl"].queryset.count() == figure.value, figure
            seen += figure.value
        assert admin_client.get(row["url"]).status_code == 200
    assert seen > 30


def test_a_receipt_is_due_from_when_it_was_delivered_and_not_from_the_end_of_the_window() -> None:
    now = timezone.now()
    hour, day = timedelta(hours=1), timedelta(days=1)
    for nth, (ended, delivered) in enumerate(
        [(2 * day, -5 * hour), (-2 * day, -hour / 2), (-5 * hour, None), (-5 * hour, 300 * day), (None, None)]
    ):
        builders.order(
            nth,
            **builders.CLOSED,
            delivery_time_to=now + ended if ended is not None else None,
            delivered_at=now + delivered if delivered is not None else None,
        )
    queue = fiscal_control.BY_NAME["no_receipt"]
    ages = {age.name: sorted(row.number for row in queue.orders(Order.objects.all(), now, age)) for age in AGES}
    assert ages == {
        "hour": ["N-1"],
        "day": ["N-0", "N-2", "N-3"],
        "week": [],
        "month": [],
        "older": [],
        "unknown": ["N-4"],
    }


def test_an_order_with_money_is_not_deleted_with_it(admin_client: Browser) -> None:
    """Neither the missing receipt nor the courier's cash may vanish that way."""
    bare, lacking, cancelled = builders.order(1), builders.order(2, **builders.CLOSED), builders.order(3)
    builders.pay(cancelled, 100)
    Order.objects.filter(pk=cancelled.pk).update(**builders.CANCELLED)
    returned = builders.order(4, is_refund=True, status=PaymentStatus.PAID)
    builders.pay(returned, 100)  # is to be given back: until it is closed it may be given up
    for row in (lacking, cancelled):
        assert admin_client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "post": "yes"}
    for row in (lacking, cancelled):
        data["_selected_action"] = [row.pk, bare.pk]
        page = admin_client.post(LIST, data, headers={"accept-language": "en"})
        assert f"{row} was paid: deleted, it would be missing from cash and receipts." in page.text
    assert Order.objects.count() == 4
    data["_selected_action"] = [bare.pk, returned.pk]
    admin_client.post(LIST, data)
    assert set(Order.objects.all()) == {lacking, cancelled}


def test_no_receipt_is_missed_that_another_register_prints(admin_client: Browser) -> None:
    """Nothing would ever end such a warning: iRECA does not know the order."""
    fetched = builders.order(1, hold="pickup", **builders.CLOSED)
    over = builders.order(2, hold="waits", **builders.CLOSED)
    by_hand = builders.order(3, hold="waits", **builders.CLOSED)
    Order._base_manager.filter(pk__in=[fetched.pk, over.pk, by_hand.pk]).update(remote_data=None)
    Origin.objects.create(order=over, remote="bifit", key="1")
    builders.order(4, hold="pickup", **builders.CLOSED)  # a courier may have it
    assert found_in("no_receipt") == ["N-3", "N-4"]
    for query in ("attention=no_receipt", "fiscal=no_receipt"):
        rows = admin_client.get(f"{LIST}?{query}").context["cl"].queryset
        assert sorted(row.number for row in rows) == ["N-3", "N-4"]
    text = admin_client.get(LIST, headers={"accept-language": "en"}).text
    assert text.count("Paid and closed, but there is no receipt.") == 2
    for row, is_late in ((over, False), (by_hand, True)):
        form = admin_client.get(f"{LIST}{row.pk}/change/")
        assert form.context["correction"]["is_late"] is is_late


def found_in(name: str) -> list[str]:
    queue = fiscal_control.BY_NAME[name]
    return sorted(queue.orders(Order.objects.all(), timezone.now()).values_list("number", flat=True))


def test_money_of_a_cancelled_order_that_nobody_gave_back_is_seen() -> None:
    back, part, kept, other = (builders.order(nth, **builders.CANCELLED) for nth in range(1, 5))
    for row in (back, part, kept):
        builders.pay(row, Decimal("100.10"))
    builders.order(5, status=PaymentStatus.PAID, **builders.CANCELLED)  # to a shop online: no register took it
    told = Refund.objects.create(order=back)
    RefundPayment.objects.create(refund=told, sum=Decimal("50.05"))
    half = builders.order(6, is_refund=True, refund_of=back, status=PaymentStatus.PAID)
    builders.pay(half, Decimal("50.05"))
    cancelled = builders.order(7, is_refund=True, refund_of=kept, **builders.CANCELLED)
    builders.pay(cancelled, Decimal("100.10"))
    RefundPayment.objects.create(refund=Refund.objects.create(order=part), sum=Decimal("100.09"))
    assert found_in("cancelled_paid") == [part.number, kept.number]
    assert other.number not in found_in("cancelled_paid")


def test_a_return_in_the_app_without_its_receipt_is_seen_and_one_made_here_is_an_order_of_its_own() -> None:
    bare, printed, ours, goods_only = (builders.order(nth, is_returned=True, **builders.CLOSED) for nth in range(1, 5))
    made = builders.order(6, is_refund=True, refund_of=ours, **builders.CLOSED)
    for row, returned in ((bare, bare), (printed, printed), (ours, made)):
        told = Refund.objects.create(order=row, returned_order_ireca_id=returned.ireca_id)
        RefundPayment.objects.create(refund=told, sum=100)
    RefundGood.objects.create(refund=Refund.objects.create(order=goods_only), sum=100)
    receipt(printed, "return", timezone.now(), 1)
    assert found_in("no_return_receipt") == [bare.number]
    assert made.number in found_in("no_receipt")


def test_what_was_delivered_and_never_closed_is_seen_though_nothing_says_that_it_was_paid() -> None:
    long, day = timezone.now() - timedelta(days=2), timedelta(days=1)
    builders.order(1, delivery_status=DeliveryStatus.DELIVERED, delivery_time_to=long)
    builders.order(2, delivery_status=DeliveryStatus.DELIVERED, delivery_time_to=long + 2 * day)
    builders.order(3, delivery_status=DeliveryStatus.TAKEN, delivery_time_to=long)
    assert found_in("delivered_open") == ["N-1"]


def test_a_return_agrees_however_its_sums_are_signed() -> None:
    row = builders.order(1, **builders.CLOSED)
    builders.pay(row, 100)
    told = Refund.objects.create(order=row)
    RefundPayment.objects.create(refund=told, sum=-100)
    RefundGood.objects.create(refund=told, sum=100)
    assert found_in("returns_differ") == []


def test_a_second_receipt_is_right_with_a_prepayment() -> None:
    now = timezone.now()
    queue = fiscal_control.BY_NAME["doubled"]
    row = builders.order(1, prepayment_sum=30)
    receipt(row, "sale", now, 1)
    receipt(row, "sale", now, 2)
    assert not queue.orders(Order.objects.all(), now).exists()
    receipt(row, "sale", now, 3)
    assert queue.orders(Order.objects.all(), now).get() == row


def test_numbers_not_seen_equal_their_list(admin_client: Browser) -> None:
    row = builders.order(1)
    now = timezone.now()
    for number in (1, 3, 4, 9):
        receipt(row, "sale", now - timedelta(hours=20 - number), number)
    page = admin_client.get(CONTROL)
    (register,) = page.context["registers"]
    assert (register["register"].gaps, register["register"].unseen) == (2, 5)
    listed = admin_client.get(register["url"], headers={"accept-language": "en"})
    assert listed.context["gaps"].paginator.count == 2
    assert "Gaps: 2, numbers not seen: 5" in listed.text
    assert "5–8" in listed.text


def test_errors_equal_their_lists(admin_client: Browser) -> None:
    courier = builders.courier()
    now = timezone.now()
    for nth, (serial, who, days) in enumerate(
        [("A", courier, 0), ("A", None, 1), ("", courier, 1), ("B", None, 2), ("A", courier, 40)]
    ):
        RegistrarError.objects.create(
            ireca_id=str(nth), serial_number=serial, courier=who, command_executed_at=now - timedelta(days=days)
        )
    groups = admin_client.get(CONTROL).context["errors"]
    assert [[figure.value for figure in group["figures"]] for group in groups] == [[2, 1, 1], [2, 2], [], []]
    for group in groups:
        assert admin_client.get(group["all"]).status_code == 200
        for figure in group["figures"]:
            assert admin_client.get(figure.url).context["cl"].queryset.count() == figure.value, figure


def test_the_cost_does_not_grow(admin_client: Browser) -> None:
    random_orders(5, 1)
    admin_client.get(CONTROL)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(CONTROL)
    with untracked():
        for nth in range(100, 140):
            row = builders.order(nth, courier=builders.courier(f"More {nth}", f"m{nth}"), **builders.CLOSED)
            receipt(row, "sale", timezone.now(), nth * 3)
            RegistrarError.objects.create(
                ireca_id=str(nth), serial_number=str(nth), courier=row.courier, command_executed_at=timezone.now()
            )
    with CaptureQueriesContext(connection) as many:
        admin_client.get(CONTROL)
    assert len(many) == len(few) + 1  # the names of couriers, who had no errors before
    assert len(many) < 35


PAGES = [
    ("fiscal-control", False, ""),
    ("fiscal-numbers", False, ""),
    ("fiscal-shifts", False, ""),
    ("fiscal-shift", False, "?fn=9999&shift=1"),
    ("fiscal-receipt", True, ""),
    ("fiscal-receipt-print", True, ""),
    ("fiscal-correction", False, ""),
    ("fiscal-correction-print", False, "?fault=no_receipt&ffd=1.2"),
]


@pytest.mark.parametrize(("name", "is_of_receipt", "query"), PAGES)
def test_who_may_see_what(client: Browser, name: str, is_of_receipt: bool, query: str) -> None:
    order = builders.order(1)
    paper = receipt(order, "sale", timezone.now(), 1)
    own = paper.pk if is_of_receipt else order.pk
    url = reverse(name, args=[own] if "receipt" in name or "correction" in name else []) + query
    assert client.get(url).status_code == 302  # to the login
    half = User.objects.create_user("half", password="x", is_staff=True)
    half.user_permissions.add(Permission.objects.get(codename="view_receipt", content_type__app_label="fiscal"))
    client.force_login(half)
    assert client.get(url).status_code == 403
    whole = User.objects.create_user("accountant", password="x", is_staff=True)
    whole.groups.add(Group.objects.get(name="Accountants"))
    client.force_login(whole)
    assert client.get(url).status_code == 200
    assert client.post(url).status_code == 405


def test_errors_are_for_who_may_see_them(client: Browser) -> None:
    user = User.objects.create_user("clerk", password="x", is_staff=True)
    for app, codename in (("fiscal", "view_receipt"), ("orders", "view_order")):
        user.user_permissions.add(Permission.objects.get(codename=codename, content_type__app_label=app))
    client.force_login(user)
    page = client.get(CONTROL)
    assert page.context["errors"] == []
    assert CONTROL in page.text  # the entry of the sidebar


def test_the_sidebar_hides_what_one_may_not_see(stranger: Browser) -> None:
    assert CONTROL not in stranger.get("/admin/").text
