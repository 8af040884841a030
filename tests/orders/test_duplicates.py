"""Orders that may be one visit told by two sources: who is pointed out, who is not, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser

from backoffice.partners.models import Source
from orders import duplicates
from orders.models import Order
from tests.orders import builders
from tests.orders.pages import LIST, change_url

pytestmark = pytest.mark.django_db

BADGE = "Duplicate?"


@pytest.fixture
def shop() -> Source:
    return Source.objects.create(title="Shop")


@pytest.fixture
def till() -> Source:
    return Source.objects.create(title="Till")


def shown(browser: Browser) -> set[str]:
    """The numbers of the orders that have the badge in the list."""
    return {row.number for row in browser.get(LIST).context["cl"].result_list if row.is_doubled}


def filtered(browser: Browser) -> set[str]:
    return {row.number for row in browser.get(f"{LIST}?attention=duplicates").context["cl"].result_list}


def test_the_same_visit_from_two_sources(dispatcher: Browser, shop: Source, till: Source) -> None:
    one, two = builders.order(1, source=shop), builders.order(2, source=till)
    builders.order(3, source=shop, phone="+79161111111")
    assert shown(dispatcher) == filtered(dispatcher) == {"N-1", "N-2"}
    assert dispatcher.get(LIST).content.decode().count(BADGE) == 2
    html = dispatcher.get(change_url(one)).content.decode()
    assert "Possible duplicate" in html
    assert f'href="{change_url(two)}">N-2</a> (Till)' in html
    assert 'id="duplicates"' not in dispatcher.get(change_url(Order.objects.get(number="N-3"))).content.decode()


@pytest.mark.parametrize(
    "other",
    [
        {"phone": "+79161111111"},
        {"phone": "nonsense"},
        {"amount_to_pay": Decimal("100.01")},
        {"delivery_time_from": builders.at(9)},
        {"delivery_time_to": builders.at(13)},
        {"delivery_time_to": None},
        {"is_refund": True},
        builders.CANCELLED,
    ],
    ids=str,
)
def test_what_differs_in_anything_is_no_duplicate(
    dispatcher: Browser, shop: Source, till: Source, other: dict[str, Any]
) -> None:
    rows = [builders.order(1, source=shop), builders.order(2, source=till, **other)]
    assert shown(dispatcher) == filtered(dispatcher) == set()
    assert [duplicates.of(row) for row in rows] == [[], []]


def test_two_orders_of_one_source_are_no_duplicates_but_both_are_of_a_third(
    dispatcher: Browser, shop: Source, till: Source
) -> None:
    rows = [builders.order(1, source=shop), builders.order(2, source=shop)]
    assert shown(dispatcher) == filtered(dispatcher) == set()
    assert duplicates.of(rows[0]) == []
    third = builders.order(3, source=till)
    assert shown(dispatcher) == filtered(dispatcher) == {"N-1", "N-2", "N-3"}
    assert duplicates.of(third) == rows
    assert duplicates.of(rows[0]) == [third]


def test_no_source_is_a_source_of_its_own(dispatcher: Browser, shop: Source) -> None:
    own, ours = builders.order(1, source=shop), builders.order(2)
    assert shown(dispatcher) == filtered(dispatcher) == {"N-1", "N-2"}
    assert (duplicates.of(own), duplicates.of(ours)) == ([ours], [own])
    builders.order(3, phone="+79162222222")
    builders.order(4, phone="+79162222222")
    assert shown(dispatcher) == {"N-1", "N-2"}
    assert "(no source)" in dispatcher.get(change_url(own)).content.decode()


def test_an_order_without_a_phone_is_reached_by_its_client_s(dispatcher: Browser, shop: Source, till: Source) -> None:
    client = builders.client(phone="8 (916) 123-45-67")
    one = builders.order(1, source=shop, phone="", client=client)
    two = builders.order(2, source=till)
    builders.order(3, source=till, phone="", client=None)
    # Its own phone counts, whatever its client's is.
    builders.order(4, phone="+79163333333", client=client)
    assert shown(dispatcher) == filtered(dispatcher) == {"N-1", "N-2"}
    assert (duplicates.of(one), duplicates.of(two)) == ([two], [one])


def test_a_closed_order_is_a_twin_and_an_old_one_is_not_in_the_filter(
    dispatcher: Browser, shop: Source, till: Source
) -> None:
    builders.order(1, source=shop, **builders.CLOSED)
    builders.order(2, source=till)
    days = {"delivery_time_from": builders.at(10, -3), "delivery_time_to": builders.at(12, -3)}
    builders.order(3, source=shop, **days)
    builders.order(4, source=till, **days)
    assert filtered(dispatcher) == {"N-1", "N-2"}
    assert shown(dispatcher) == {"N-1", "N-2", "N-3", "N-4"}
    assert "windows from yesterday on" in dispatcher.get(LIST).content.decode()


def test_a_page_costs_one_query_however_many_duplicates_it_shows(
    dispatcher: Browser, shop: Source, till: Source, queries: Callable[..., list[str]]
) -> None:
    def asked() -> list[str]:
        return [sql for sql in queries(lambda: dispatcher.get(LIST)) if " OVER " in sql]

    for number in range(20):
        builders.order(number, source=(shop, till)[number % 2], amount_to_pay=Decimal(number // 2))
    assert len(asked()) == 1
    assert len(shown(dispatcher)) == 20


def test_a_page_of_orders_without_windows_asks_nothing(django_assert_num_queries: Callable[..., Any]) -> None:
    rows = [builders.order(1, delivery_time_from=None), builders.order(2, **builders.CANCELLED)]
    with django_assert_num_queries(0):
        assert duplicates.among(rows) == set()
