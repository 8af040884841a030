"""What is kept beside lines and payments follows them, whoever writes them; and is what they say in sum."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from backoffice.remotes.ireca import contract
from backoffice.sync.apply import apply
from backoffice.sync.changes import touch
from backoffice.sync.enqueue import untracked
from backoffice.sync.mirror import registry
from fiscal.models import PaymentType, Receipt
from orders import kept, order_sums, refunds
from orders.models import CashEntry, DeliveryStatus, Line, Order, Payment, Refund, RefundPayment
from tests.orders import builders, test_refunds
from tests.reports.data import World

pytestmark = pytest.mark.django_db


def sums(order: Order) -> tuple[D, D, D]:
    return Order.objects.values_list("discounts", "paid_cash", "paid_cashless").get(pk=order.pk)


@pytest.mark.parametrize("seed", [3, 4])
def test_they_are_what_lines_and_payments_say(seed: int) -> None:
    World(seed)
    assert Order.objects.exclude(discounts=0).exclude(paid_cash=0).exists()
    for order in Order.objects.prefetch_related("lines", "payments__payment_type"):
        paid = {True: D(0), False: D(0)}
        for payment in order.payments.all():
            is_cash = payment.payment_type is not None and payment.payment_type.close_type == 1
            paid[is_cash] += abs(payment.price) if order.is_refund else payment.price
        discounts = sum((line.discount_total for line in order.lines.all()), D(0))
        assert sums(order) == (discounts, paid[True], paid[False]), order
        assert order.payable == order.amount_to_pay + discounts


def test_discounts_follow_every_way_to_write_a_line() -> None:
    order = builders.order()
    line = Line.objects.create(order=order, count=1, total=100, discount_total=D("-10.10"))
    assert sums(order)[0] == D("-10.10")
    line.discount_total = D("-0.2")
    line.save()
    assert sums(order)[0] == D("-0.20")
    Line.objects.bulk_create([Line(order=order, count=1, total=5, discount_total=D("-0.1")) for _nth in range(3)])
    assert sums(order)[0] == D("-0.50")
    Line.objects.filter(order=order).update(discount_total=1)
    assert sums(order)[0] == 4
    line.delete()
    assert sums(order)[0] == 3
    Line.objects.filter(order=order).delete()
    assert sums(order)[0] == 0


def test_an_order_that_was_read_before_loses_no_sum_when_it_is_saved() -> None:
    order = builders.order()
    stale = Order.objects.get(pk=order.pk)
    Line.objects.create(order=order, count=1, total=100, discount_total=-10)
    stale.description = "call first"
    stale.save()
    assert sums(order)[0] == -10


def test_payments_of_a_kind_follow_their_type() -> None:
    order = builders.order(is_refund=True)
    for price in (-100, 50, None):
        Payment.objects.create(order=order, price=price, payment_type=order.payment_type)
    Payment.objects.create(order=order, price=7)
    assert kept.keep([order.pk]) == 1
    assert sums(order) == (0, 150, 7)
    type_ = PaymentType.objects.get()
    type_.title = "In cash"
    with CaptureQueriesContext(connection) as queries:
        type_.save()
    assert not any(query["sql"].startswith("UPDATE") and "paid_cash" in query["sql"] for query in queries)
    type_.close_type = 2
    type_.save()
    assert sums(order) == (0, 0, 157)


def test_what_is_right_is_not_written_again() -> None:
    World(5, orders=20)
    keys = list(Order.objects.values_list("pk", flat=True))
    with CaptureQueriesContext(connection) as queries:
        assert order_sums.keep(keys) == set()
    assert len(queries) == 1
    assert kept.keep([]) == 0


@pytest.mark.parametrize("days", ["-1", "0", "99999999999", "²"])
def test_recounting_of_no_days(days: str) -> None:
    with pytest.raises(CommandError, match=r"argument --days: .* is no number of days from 1 to 36500"):
        call_command("recount", "--days", days)


@pytest.mark.parametrize("days", [None, 1])
def test_recounting_says_what_was_wrong(days: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    order, older = builders.order(1), builders.order(2)
    Order.objects.filter(pk=older.pk).update(updated_at=older.updated_at - timedelta(days=2))
    with untracked():
        Order.objects.filter(pk__in=(order.pk, older.pk)).update(discounts=5)
    call_command("recount", days=days)
    seen = 2 if days is None else 1
    assert capsys.readouterr().out == f"{seen} orders, of {seen} something was wrong and is right now\n"
    assert (sums(order)[0], sums(older)[0]) == (0, 0 if days is None else 5)


def test_money_is_given_back_when_the_register_says_else_when_the_return_arrived() -> None:
    window, arrived, printed = builders.at(10), builders.at(11), builders.at(12)
    order = builders.order(is_refund=True, delivery_time_from=window, delivery_status=DeliveryStatus.TAKEN)
    Payment.objects.create(order=order, price=100, payment_type=order.payment_type, paid_in=window - timedelta(days=9))
    moments = []
    kept.keep([order.pk])
    moments.append(CashEntry.objects.get().at)
    Order.objects.filter(pk=order.pk).update(delivered_at=arrived)
    kept.keep([order.pk])
    moments.append(CashEntry.objects.get().at)
    for nth, moment in enumerate((printed, printed + timedelta(hours=1), None)):
        Receipt.objects.create(
            order=order, kind="return", fn="1", fd_number=str(nth), fiscal_sign=str(nth), date_time_receipt=moment
        )
    kept.keep([order.pk])
    moments.append(CashEntry.objects.get().at)
    assert moments == [window, arrived, printed]


def test_types_that_become_each_other_take_all_their_orders_along() -> None:
    cash, card = (builders.known(PaymentType, str(nth), title=str(nth), close_type=nth) for nth in (1, 2))
    both, only = builders.orders(kept.FEW, payment_type=cash), builders.order(500, payment_type=card)
    for order in both:
        builders.pay(order, 10, cash)
        builders.pay(order, 10, card)
    builders.pay(only, 10, card)
    with untracked():
        PaymentType.objects.filter(pk=cash.pk).update(close_type=2)
        PaymentType.objects.filter(pk=card.pk).update(close_type=1)
    touch(PaymentType, [cash.pk, card.pk])
    assert sums(only) == (0, 10, 0)
    assert {sums(order) for order in both} == {(0, 10, 10)}


def test_what_ireca_took_back_follows_its_type_though_no_payment_does() -> None:
    type_ = builders.known(PaymentType, "81", title="A", close_type=2)
    order = builders.order()
    RefundPayment.objects.create(refund=Refund.objects.create(order=order), payment_type=type_, sum=5)
    touch(Order, [order.pk])
    assert not CashEntry.objects.exists()
    type_.close_type = 1
    type_.save()
    assert CashEntry.objects.get().returned == 5


def test_a_return_that_is_made_here_counts_at_once() -> None:
    row = test_refunds.paid(("2", "100", "-10"), ("1", "50", "0"), payments=("60", "80"))
    PaymentType.objects.update(close_type=1)
    made = refunds.make(row.pk, test_refunds.wanted(row, "1", "1"))
    assert sums(made) == (-5, 95, 0)
    assert sum(entry.returned for entry in CashEntry.objects.filter(order=made)) == 95


@pytest.mark.django_db(transaction=True)
def test_recounting_waits_for_an_edit_and_counts_what_it_wrote() -> None:
    if not connection.features.has_select_for_update:
        pytest.skip("SQLite has one writer at a time")
    order = builders.order()
    Order._base_manager.filter(pk=order.pk).update(discounts=3)  # as old code left it
    done = threading.Event()

    def recount() -> None:
        try:
            kept.keep([order.pk])
        finally:
            connections.close_all()
            done.set()

    with transaction.atomic():
        Line.objects.create(order=order, count=1, total=100, discount_total=-5)
        thread = threading.Thread(target=recount)
        thread.start()
        assert not done.wait(1)
    thread.join()
    assert sums(order)[0] == -5


def test_all_that_is_read_of_an_order_when_it_is_counted_is_known_to_count() -> None:
    """What a remote changes of the rest is not counted again."""
    mirror = registry.for_model(Order)
    assert mirror is not None
    World(3)
    with CaptureQueriesContext(connection) as queries:
        kept.keep(list(Order.objects.values_list("pk", flat=True)))
    read = {name for query in queries for name in re.findall(r'"orders_order"\."(\w+)"', query["sql"])}
    said = {column: spec.attr for spec in mirror.fields for column in spec.columns()}
    assert {said[column] for column in read & said.keys()} <= kept.COUNTED
    assert {"courier_id", "is_refund"} <= read
    assert set(mirror.by_attr) >= kept.COUNTED


@pytest.mark.parametrize(
    ("said", "is_counted"),
    [
        ({"description": "the back door"}, False),
        ({"courierId": "77"}, True),
        ({"description": "the back door", "deliveryTimeFrom": "2026-11-21 09:00:00"}, True),
    ],
)
def test_of_what_the_remote_says_that_is_counted_which_counts(said: dict[str, str], is_counted: bool) -> None:
    mirror = registry.for_model(Order)
    assert mirror is not None
    apply(mirror, [contract.decode(contract.Order, {"orderId": "900"})])
    order = Order.objects.get(ireca_id="900")
    Order._base_manager.filter(pk=order.pk).update(discounts=3)  # which is wrong
    apply(mirror, [contract.decode(contract.Order, {"orderId": "900", **said})])
    assert sums(order)[0] == (0 if is_counted else 3)
