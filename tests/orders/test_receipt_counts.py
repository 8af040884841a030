"""Orders count their receipts, however those are written: what is looked for by these counts must not be missed."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection, transaction

from fiscal.models import Receipt
from orders import conditions
from orders.models import Order
from orders.models.order import HAS_SEVERAL_RECEIPTS
from tests.orders import builders

pytestmark = pytest.mark.django_db


def receipt(order: Order, number: int, kind: str = "sale") -> Receipt:
    return Receipt(order=order, kind=kind, fn="1", fd_number=str(number), fiscal_sign=str(number))


def counts(order: Order) -> tuple[int, int]:
    return Order.objects.values_list("sale_receipts", "return_receipts").get(pk=order.pk)


def test_one_by_one_and_away_again() -> None:
    order, other = builders.order(1), builders.order(2)
    first = receipt(order, 1)
    first.save()
    receipt(order, 2, "return").save()
    assert (counts(order), counts(other)) == ((1, 1), (0, 0))
    first.delete()
    assert counts(order) == (0, 1)
    Receipt.objects.filter(order=order).delete()
    assert counts(order) == (0, 0)


def test_in_bulk_with_what_is_there_already() -> None:
    order, other = builders.order(1), builders.order(2)
    Receipt.objects.bulk_create([receipt(order, 1), receipt(order, 2), receipt(other, 3, "return")])
    Receipt.objects.bulk_create([receipt(order, 2), receipt(order, 4)], ignore_conflicts=True)
    assert (counts(order), counts(other)) == ((3, 0), (0, 1))


def test_counting_is_no_edit_of_the_order() -> None:
    order = builders.order(1)
    before = order.history.count()
    receipt(order, 1).save()
    assert order.history.count() == before
    order.refresh_from_db()
    assert order.sync_state == "clean"


@pytest.mark.django_db(transaction=True)
def test_who_counts_while_another_one_stores_a_receipt_counts_it_too() -> None:
    order = builders.order(1)
    receipt(order, 1).save()

    def again() -> None:
        try:
            Receipt.objects.bulk_create([receipt(order, 1)], ignore_conflicts=True)
        finally:
            connection.close()

    reader = threading.Thread(target=again)
    with transaction.atomic():
        Receipt.objects.bulk_create([receipt(order, 2)])
        reader.start()
        while connection.vendor == "postgresql" and reader.is_alive() and not is_somebody_waiting():
            time.sleep(0.01)
    reader.join(30)
    assert counts(order) == (2, 0)


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("condition", "index"), [(conditions.NO_RECEIPT, "order_no_receipt"), (HAS_SEVERAL_RECEIPTS, "order_receipts")]
)
def test_an_index_holds_what_is_looked_for(condition: object, index: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert index in Order.objects.filter(condition).order_by().explain()
