"""An order again, and an order in two: what is taken along, what is not, and sums that stay right to the kopeck."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backoffice.sync.models import Push
from catalog.models import Warehouse
from orders import copying
from orders.models import DeliveryStatus, Hold, Line, LineWarehouse, Order, Origin, Payment, PaymentStatus
from tests.orders import builders
from tests.orders.pages import change_url
from tests.sync.admin_pages import messages

pytestmark = pytest.mark.django_db

WINDOW = builders.at(9), builders.at(21)


def two_lines(**fields: Any) -> Order:
    """An order of two lines: 3 × 33.33 less 10.00, and 1 × 50."""
    row = builders.with_lines(builders.order(1, **{"amount_to_pay": Decimal("149.99"), **fields}), 2)
    first, second = row.lines.all()
    first.count, first.price, first.total = Decimal(3), Decimal("33.33"), Decimal("99.99")
    first.discount_total = Decimal(-10)
    first.save()
    second.count, second.total = Decimal(1), Decimal(50)
    second.save()
    return row


def payable(order: Order) -> Decimal:
    return order.amount_to_pay + sum(line.discount_total for line in order.lines.all())


class TestCopy:
    def test_a_copy_is_a_new_order_that_nobody_has_and_nobody_paid(self) -> None:
        paid = {"status": 1, "delivery_status": 10, "prepayment_sum": 20, "cash": 500, "is_agreed": True}
        row = two_lines(courier=builders.courier(), client=builders.client(), description="ring", **paid)
        Payment.objects.create(order=row, price=100)
        made = copying.copy(row, WINDOW)
        made.refresh_from_db()
        assert (made.client, made.to_street, made.description) == (row.client, row.to_street, "ring")
        assert (made.courier, made.status, made.delivery_status) == (
            None,
            PaymentStatus.UNPAID,
            DeliveryStatus.PREPARED,
        )
        assert (made.prepayment_sum, made.cash, made.is_agreed) == (0, None, False)
        assert (made.delivery_time_from, made.delivery_time_to) == WINDOW
        assert (made.amount_to_pay, payable(made)) == (row.amount_to_pay, payable(row))
        assert not made.payments.exists()
        assert (made.number, made.external_id, made.ireca_id) == ("", "", str(made.pk))

    def test_it_waits_here_until_it_is_let_go(self) -> None:
        made = copying.copy(two_lines(), WINDOW)
        assert made.hold == Hold.WAITS
        assert not Push.objects.filter(object_id=made.pk).exists()

    def test_marking_codes_stay_with_their_pieces_and_what_was_taken_off_is_not_copied(self) -> None:
        row = two_lines()
        gone, marked = row.lines.all()
        Line.objects.filter(pk=gone.pk).update(count=0, total=0, discount_total=0)
        marked.mark_value = builders.mark("5Xk2")
        marked.save()
        line = copying.copy(row, WINDOW).lines.get()
        assert (line.good, line.mark_value, line.mark_key) == (marked.good, "", "")

    def test_warehouses_are_copied_without_what_was_taken_there(self) -> None:
        row = two_lines()
        there = builders.known(Warehouse, "w", title="Main")
        LineWarehouse.objects.create(line=row.lines.first(), warehouse=there, count=3, took_count=2)
        part = LineWarehouse.objects.get(line__order=copying.copy(row, WINDOW))
        assert (part.warehouse, part.count, part.took_count) == (there, 3, None)

    def test_a_return_is_not_copied(self) -> None:
        with pytest.raises(copying.NotPossible):
            copying.copy(builders.order(1, is_refund=True), WINDOW)


class TestSplit:
    def test_both_together_are_what_the_order_was(self) -> None:
        row = two_lines(prepayment_sum=Decimal("33.33"), client=builders.client(), courier=builders.courier())
        before = payable(row)
        line, whole = row.lines.all()
        second = copying.split(row.pk, {line.pk: Decimal(1), whole.pk: Decimal(1)})
        row.refresh_from_db()
        second.refresh_from_db()
        assert payable(row) + payable(second) == before
        assert row.prepayment_sum + second.prepayment_sum == Decimal("33.33")
        assert [(part.count, part.total, part.discount_total) for part in second.lines.all()] == [
            (1, Decimal("33.33"), Decimal("-3.33")),
            (1, 50, 0),
        ]
        assert [(part.count, part.total, part.discount_total) for part in row.lines.all()] == [
            (2, Decimal("66.66"), Decimal("-6.67"))
        ]
        assert (second.amount_to_pay, row.amount_to_pay) == (Decimal("83.33"), Decimal("66.66"))
        assert (second.number, second.client, second.courier) == ("N-1/2", row.client, None)
        assert {push.object_id for push in Push.objects.all()} == {row.pk, second.pk}

    def test_what_is_paid_beyond_the_lines_stays(self) -> None:
        row = two_lines(amount_to_pay=Decimal(300))
        second = copying.split(row.pk, {row.lines.last().pk: Decimal(1)})
        row.refresh_from_db()
        assert (row.amount_to_pay, second.amount_to_pay) == (250, 50)

    def test_numbers_are_counted_on(self) -> None:
        row = two_lines()
        line = row.lines.first()
        names = [copying.split(row.pk, {line.pk: Decimal(1)}).number for _nth in range(2)]
        assert names == ["N-1/2", "N-1/3"]

    def test_a_marking_code_goes_with_its_piece(self) -> None:
        row = two_lines()
        marked = row.lines.last()
        marked.mark_value = builders.mark("5Xk2")
        marked.save()
        second = copying.split(row.pk, {marked.pk: Decimal(1)})
        assert second.lines.get().mark_value == builders.mark("5Xk2")
        assert Line.objects.filter(mark_key=marked.mark_key).count() == 1

    def test_warehouses_are_divided_with_the_pieces(self) -> None:
        row = two_lines()
        line = row.lines.first()
        for number, count in enumerate((1, 2)):
            there = builders.known(Warehouse, f"w{number}", title=str(number))
            LineWarehouse.objects.create(line=line, warehouse=there, count=count)
        second = copying.split(row.pk, {line.pk: Decimal(2)})
        taken = LineWarehouse.objects.filter(line__order=second).order_by("warehouse__title")
        assert list(taken.values_list("warehouse__title", "count")) == [("0", 1), ("1", 1)]
        assert list(LineWarehouse.objects.filter(line=line).values_list("warehouse__title", "count")) == [("1", 1)]

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"status": 1}, "is paid"),
            ({"delivery_status": 7}, "has taken"),
            ({"delivery_status": 10}, "closed"),
            ({"delivery_status": 11}, "cancelled"),
            ({"is_refund": True}, "return"),
        ],
    )
    def test_what_cannot_be_divided_says_why(self, fields: dict[str, Any], text: str) -> None:
        row = two_lines(**fields)
        with pytest.raises(copying.NotPossible, match=text):
            copying.split(row.pk, {row.lines.last().pk: Decimal(1)})
        assert Order.objects.count() == 1

    def test_an_order_with_a_payment_or_of_a_register_is_not_split(self) -> None:
        row = two_lines()
        wanted = {row.lines.last().pk: Decimal(1)}
        origin = Origin.objects.create(order=row, remote="bifit", key="1")
        with pytest.raises(copying.NotPossible, match="register service"):
            copying.split(row.pk, wanted)
        origin.delete()
        Payment.objects.create(order=row, price=10)
        with pytest.raises(copying.NotPossible, match="is paid"):
            copying.split(row.pk, wanted)

    @pytest.mark.parametrize(
        ("first", "second", "text"), [("0", "0", "Choose"), ("3", "1", "Everything"), ("4", "0", "there are 3")]
    )
    def test_counts_are_checked(self, first: str, second: str, text: str) -> None:
        row = two_lines()
        line, other = row.lines.all()
        with pytest.raises(copying.NotPossible, match=text):
            copying.split(row.pk, {line.pk: Decimal(first), other.pk: Decimal(second)})

    def test_a_line_of_another_order_is_none_of_this_one(self) -> None:
        row, other = two_lines(), builders.with_lines(builders.order(2), 1)
        with pytest.raises(copying.NotPossible, match="meanwhile"):
            copying.split(row.pk, {other.lines.get().pk: Decimal(1)})


class TestPages:
    def test_copy_is_a_button_of_the_form(self, dispatcher: Browser) -> None:
        row = two_lines()
        address = f"/admin/orders/order/{row.pk}/copy/"
        assert address in dispatcher.get(change_url(row)).content.decode()
        assert dispatcher.get(address).status_code == 405
        response = dispatcher.post(address, follow=True)
        made = Order.objects.exclude(pk=row.pk).get()
        assert response.redirect_chain == [(change_url(made), 302)]
        assert any("copy of order N-1" in text for text in messages(response))
        assert timezone.localdate(made.delivery_time_from) == timezone.localdate()

    def test_a_double_click_makes_one(self, dispatcher: Browser) -> None:
        row = two_lines()
        for name, data in (("copy", {}), ("split", {f"line-{row.lines.first().pk}": "1"})):
            page = dispatcher.get(change_url(row) if name == "copy" else f"/admin/orders/order/{row.pk}/split/")
            (key,) = re.findall(r'name="key" value="([^"]+)"', page.content.decode())
            before = set(Order.objects.values_list("pk", flat=True))
            data = {**data, "key": key}
            opened = [dispatcher.post(f"/admin/orders/order/{row.pk}/{name}/", data).headers["Location"] for _ in "ab"]
            made = Order.objects.exclude(pk__in=before).get()
            assert opened == [change_url(made)] * 2

    def test_split_asks_and_splits(self, dispatcher: Browser) -> None:
        row = two_lines()
        line = row.lines.first()
        address = f"/admin/orders/order/{row.pk}/split/"
        assert address in dispatcher.get(change_url(row)).content.decode()
        page = dispatcher.get(address)
        assert f'name="line-{line.pk}"' in page.content.decode()
        refused = dispatcher.post(address, {f"line-{line.pk}": ""})
        assert "Choose what goes" in refused.content.decode()
        response = dispatcher.post(address, {f"line-{line.pk}": "2"}, follow=True)
        second = Order.objects.get(number="N-1/2")
        assert response.redirect_chain == [(change_url(second), 302)]
        assert second.lines.get().count == 2

    def test_a_paid_order_says_why_it_is_not_split(self, dispatcher: Browser) -> None:
        row = two_lines(status=1)
        response = dispatcher.get(f"/admin/orders/order/{row.pk}/split/", follow=True)
        assert any("is paid" in text for text in messages(response))

    def test_who_may_only_look_neither_copies_nor_splits(self, manager: Browser) -> None:
        row = two_lines()
        assert manager.post(f"/admin/orders/order/{row.pk}/copy/").status_code == 403
        assert manager.get(f"/admin/orders/order/{row.pk}/split/").status_code == 403
        assert 'id="copies"' not in manager.get(change_url(row)).content.decode()
