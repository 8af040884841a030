"""The page *Return…* as a dispatcher uses it, and everybody who may not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse

from backoffice.sync.models import Push
from fiscal.models import Receipt
from orders import details
from orders.models import DeliveryStatus, Order, ReturnReason
from orders.models.order import LACKS_RECEIPT
from tests.orders import builders
from tests.orders.pages import change_form, change_url, errors
from tests.orders.test_refunds import given_back, paid
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db


def page(row: Order) -> str:
    return reverse("admin:orders_order_return", args=[row.pk])


def filled(browser: Browser, row: Order, **typed: Any) -> dict[str, Any]:
    data = loaded(browser, page(row), "return-form")
    return {**data, "reason": str(ReturnReason.objects.get().pk), "courier": str(row.courier_id), **typed}


def line_field(row: Order, nth: int = 0) -> str:
    return f"line-{row.lines.all()[nth].pk}"


def payment_fields(data: dict[str, Any]) -> list[str]:
    return [name for name in data if name.startswith("payment-")]


def test_the_form_of_a_paid_order_leads_to_a_return_of_all_that_is_left(dispatcher: Browser) -> None:
    row = paid(("2", "100", "-10"), ("1", "50", "0"), payments=("60", "80"))
    assert page(row) in dispatcher.get(change_url(row)).content.decode()
    data = filled(dispatcher, row)
    assert [data[name] for name in payment_fields(data)] == ["60.00", "80.00"]
    response = dispatcher.post(page(row), data, follow=True)
    made = Order.objects.get(refund_of=row)
    assert response.redirect_chain == [(change_url(made), 302)]
    assert messages(response) == ["Return N-1-R1 is made and goes to iRECA."]
    assert (made.lines.count(), given_back(row)) == (2, 140)
    assert made.history.get().history_user.username == "dispatcher"
    assert "This order returns" in response.content.decode()
    assert change_url(made) in dispatcher.get(change_url(row)).content.decode()
    over = dispatcher.get(change_url(row)).content.decode()
    assert f'href="{page(row)}"' not in over
    assert "Everything was returned already." in over
    again = dispatcher.get(page(row), follow=True)
    assert messages(again) == ["Everything was returned already."]


def test_fewer_pieces_have_their_payments_worked_out_and_shown_first(dispatcher: Browser) -> None:
    row = paid(("2", "100", "0"), payments=("30", "70"))
    data = filled(dispatcher, row, **{line_field(row): "1"})
    shown = dispatcher.post(page(row), data)
    assert shown.status_code == 200
    assert not Order.objects.filter(refund_of=row).exists()
    sums = [shown.context["form"][name].value() for name in payment_fields(data)]
    assert sums == ["30.00", "20.00"]
    confirmed = {**data, "shared": shown.context["form"]["shared"].value()}
    dispatcher.post(page(row), {**confirmed, **dict(zip(payment_fields(data), sums, strict=True))})
    assert given_back(row) == 50


def test_payments_that_were_typed_stay_and_must_agree(dispatcher: Browser) -> None:
    row = paid(("2", "100", "0"), payments=("30", "70"))
    data = filled(dispatcher, row, **{line_field(row): "1"})
    first, second = payment_fields(data)
    wrong = dispatcher.post(page(row), {**data, first: "0", second: "49"})
    assert "The lines cost 50.00, but 49 is to be given back." in wrong.content.decode()
    dispatcher.post(page(row), {**data, first: "0", second: "50"})
    assert [(p.payment_ref, p.price) for p in Order.objects.get(refund_of=row).payments.all()] == [("p2", 50)]


def test_more_than_is_left_is_refused_at_its_field(dispatcher: Browser) -> None:
    row = paid(("2", "100", "0"))
    response = dispatcher.post(page(row), filled(dispatcher, row, **{line_field(row): "3"}))
    assert line_field(row) in response.context["form"].errors
    assert not Push.objects.exists()


def test_the_same_form_sent_twice_opens_the_return_it_made(dispatcher: Browser) -> None:
    row = paid(("1", "100", "0"))
    data = filled(dispatcher, row)
    one, two = dispatcher.post(page(row), data), dispatcher.post(page(row), data)
    assert one.url == two.url == change_url(Order.objects.get(refund_of=row))
    assert Push.objects.count() == 1


@pytest.mark.parametrize(
    ("rights", "status"),
    [
        (("view_order",), 403),
        (("view_order", "change_order"), 403),
        (("view_order", "add_refund"), 403),
        (("view_order", "change_order", "add_refund"), 200),
    ],
)
def test_it_takes_the_right_to_change_and_the_right_to_refund(db: None, rights: tuple[str, ...], status: int) -> None:
    row = paid(("1", "100", "0"))
    user = User.objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights, content_type__app_label="orders"))
    browser = Browser()
    browser.force_login(user)
    assert browser.get(page(row)).status_code == status
    assert browser.post(page(row), {}).status_code == status
    assert (page(row) in browser.get(change_url(row)).content.decode()) == (status == 200)
    assert not Order.objects.filter(refund_of=row).exists()


def test_strangers_and_missing_orders(stranger: Browser, dispatcher: Browser) -> None:
    row = paid(("1", "100", "0"))
    assert stranger.get(page(row)).status_code == 403
    assert Browser().get(page(row)).status_code == 302
    assert dispatcher.get(page(row).replace(str(row.pk), "999999")).status_code == 404


def test_dispatchers_have_both_rights(db: None) -> None:
    from django.contrib.auth.models import Group

    held = Group.objects.get(name="Dispatchers").permissions.values_list("codename", flat=True)
    assert {"change_order", "add_refund"} <= set(held)


class TestTheReturnItself:
    @pytest.fixture
    def refund(self, dispatcher: Browser) -> Order:
        row = paid(("1", "100", "0"))
        dispatcher.post(page(row), filled(dispatcher, row))
        return Order.objects.get(refund_of=row)

    def test_its_lines_and_sums_are_fixed(self, dispatcher: Browser, refund: Order) -> None:
        html = dispatcher.get(change_url(refund)).content.decode()
        assert not re.search(r'name="(lines-0-count|amount_to_pay|prepayment_sum)"', html)
        assert 'name="courier"' in html
        assert page(refund) not in html
        line = refund.lines.get()
        assert dispatcher.post(change_url(line), {"count": "5"}).status_code == 403

    def test_once_cancelled_it_stays_so(self, dispatcher: Browser, refund: Order) -> None:
        Order._base_manager.filter(pk=refund.pk).update(delivery_status=DeliveryStatus.CANCELLED)
        typed = {**change_form(dispatcher, refund), "delivery_status": "7", "return_reason": refund.return_reason_id}
        response = dispatcher.post(change_url(refund), typed)
        assert errors(response)["delivery_status"] == ["A cancelled return stays cancelled. Make a new one."]


def test_a_prepayment_has_two_receipts(dispatcher: Browser) -> None:
    row = builders.order(1, prepayment_sum=40, **builders.CLOSED)
    other = builders.order(2, **builders.CLOSED)
    for order in (row, other):
        Receipt.objects.create(order=order, kind="sale", fn="1", fd_number="1", fiscal_sign="1")
    assert "two receipts are printed" in dispatcher.get(change_url(row)).content.decode()
    assert "two receipts are printed" not in dispatcher.get(change_url(other)).content.decode()
    assert list(Order.objects.filter(LACKS_RECEIPT)) == [row]
    assert [order for order in Order.objects.all() if details.has_all_receipts(order)] == [other]
    Receipt.objects.create(order=row, kind="sale", fn="1", fd_number="2", fiscal_sign="2")
    assert not Order.objects.filter(LACKS_RECEIPT).exists()
    assert all(map(details.has_all_receipts, Order.objects.all()))


def test_a_return_needs_a_receipt_of_return() -> None:
    row = builders.order(1, is_refund=True, **builders.CLOSED)
    Receipt.objects.create(order=row, kind="sale", fn="1", fd_number="1", fiscal_sign="1")
    assert Order.objects.filter(LACKS_RECEIPT).exists()
    Receipt.objects.create(order=row, kind="return", fn="1", fd_number="2", fiscal_sign="2")
    assert not Order.objects.filter(LACKS_RECEIPT).exists()
