"""An order with more lines than a form can show, as iRECA may tell of one: every page of it stays quick."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client as Browser

from orders.models import Line, Order
from tests.orders import builders
from tests.orders.pages import change_form, change_url, save

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.setattr("orders.admin.order.MOST_LINES", 3)
    return builders.with_lines(builders.order(1), 4)


def test_the_form_leads_to_the_list_of_lines(dispatcher: Browser, order: Order) -> None:
    page = dispatcher.get(change_url(order))
    assert "This order has 4 lines, more than a form can show." in page.text
    address = f"/admin/orders/line/?order__id__exact={order.pk}"
    assert address in page.text
    assert len(dispatcher.get(address).context["cl"].result_list) == 4
    order.lines.first().delete()
    assert "more than a form can show" not in dispatcher.get(change_url(order)).text


def test_what_is_saved_leaves_the_lines_alone(dispatcher: Browser, order: Order) -> None:
    before = list(order.lines.values_list("pk", "count", "total"))
    form = change_form(dispatcher, order)
    assert not any(name.startswith("lines-") for name in form)
    save(dispatcher, order, {**form, "description": "gate", "amount_to_pay": "77"})
    order.refresh_from_db()
    assert (order.description, order.amount_to_pay) == ("gate", Decimal(77))
    assert list(order.lines.values_list("pk", "count", "total")) == before


def test_what_was_typed_before_it_had_so_many_is_saved(dispatcher: Browser, order: Order) -> None:
    last = order.lines.last()
    Line.objects.filter(pk=last.pk).update(order=builders.order(2))
    form = change_form(dispatcher, order)
    Line.objects.filter(pk=last.pk).update(order=order)
    save(dispatcher, order, {**form, "lines-0-count": "7"})
    assert order.lines.first().count == 7


def test_no_line_is_added_with_which_the_form_would_show_none(
    dispatcher: Browser, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.admin.order.MOST_LINES", 4)
    monkeypatch.setattr("orders.admin.inlines.MOST_LINES", 4)
    good = order.lines.first().good_id
    more = {
        "lines-TOTAL_FORMS": "5",
        "lines-4-good": good,
        "lines-4-count": "1",
        "lines-4-price": "1",
        "lines-4-discount_total": "0",
    }
    response = dispatcher.post(change_url(order), {**change_form(dispatcher, order), **more})
    assert "An order has 4 lines at most." in response.text
    assert order.lines.count() == 4


def test_the_card_shows_the_first(dispatcher: Browser, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.admin.desk.SHOWN_LINES", 3)
    page = dispatcher.get(f"/admin/orders/order/{order.pk}/card/").text
    assert page.count('<th scope="row">') == 3
    assert "and 1 more line" in page
    Line.objects.filter(order=order).exclude(pk=order.lines.first().pk).delete()
    assert "more line" not in dispatcher.get(f"/admin/orders/order/{order.pk}/card/").text
