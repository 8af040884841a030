"""What the box above the lists of orders and clients finds, and along which index."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser

from backoffice.sync import words
from orders.admin import search
from orders.models import Client, Order
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = pytest.mark.django_db
CLIENTS = "/admin/orders/client/"


def found(browser: Browser, address: str, **query: str) -> set[str]:
    response = browser.get(address, query)
    assert response.status_code == 200
    return {str(row) for row in response.context["cl"].result_list}


def orders() -> None:
    for number in (1, 12, 2):
        builders.order(number)
    builders.order(3, phone="8 916 111 11 11")
    builders.order(4, phone="", client=builders.client(lastname="Sidorov", firstname="Sidor", phone="+79162222222"))
    builders.order(5, to_street="Tverskaya", to_home="5")
    builders.order(7, to_street="улица Королёва", to_home="88/2", to_apartment="3")
    builders.order(8, to_street="", to_home="", to_line="Мытищи, пр.Мира 88")


@pytest.mark.parametrize(
    ("term", "numbers"),
    [
        ("N-1", {"N-1", "N-12"}),
        ("200002", {"N-2"}),
        ("+7 (916) 111-11-11", {"N-3"}),
        ("89162222222", {"N-4"}),
        ("sid", {"N-4"}),
        ("Sidorov Si", {"N-4"}),
        ("tver", {"N-5"}),
        ("Tverskaya 5", {"N-5"}),
        ("1111", {"N-3"}),
        ("11-11", {"N-3"}),
        ("162222222", {"N-4"}),
        ("11", set()),
        ("nothing like it", set()),
    ],
)
def test_what_a_number_a_phone_or_a_beginning_finds(dispatcher: Browser, term: str, numbers: set[str]) -> None:
    orders()
    assert found(dispatcher, LIST, q=term) == numbers


def test_an_order_is_found_by_the_end_of_its_number_among_the_newest(
    dispatcher: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (4077, 4078, 5077):
        builders.order(number)
    assert found(dispatcher, LIST, q="077") == {"N-4077", "N-5077"}
    assert found(dispatcher, LIST, q="№ 077") == {"N-4077", "N-5077"}
    builders.order(9077, delivery_time_from=builders.at(10, -1))
    for number in (1, 2, 3):
        builders.order(number, delivery_time_from=None)
    monkeypatch.setattr(search, "NEWEST", 3)
    assert found(dispatcher, LIST, q="077") == {"N-4077", "N-5077"}


@pytest.mark.parametrize(
    ("term", "numbers"),
    [
        ("королева", {"N-7"}),
        ("88 КОРОЛЁВА", {"N-7"}),
        ("королёва, д", set()),
        ("мира 88", {"N-8"}),
        ("8 мира", set()),
        ("88", {"N-7", "N-8"}),
        ("tverskaya", {"N-5", "old"}),
        ("'; --", set()),
        ("a:* | b & !c", set()),
        ("5\\", {"N-5"}),
        ("%", set()),
    ],
)
def test_words_are_found_in_any_order_and_at_any_age(dispatcher: Browser, term: str, numbers: set[str]) -> None:
    if not words.are_indexed():
        pytest.skip("SQLite has no index of words: it finds beginnings, as the test above asks")
    orders()
    builders.order(6, to_street="Tverskaya", number="old", delivery_time_from=builders.at(10, -90))
    assert found(dispatcher, LIST, q=term) == numbers


def test_what_is_old_is_found_by_its_number_on_every_engine(dispatcher: Browser) -> None:
    builders.order(6, to_street="Tverskaya", number="old", delivery_time_from=builders.at(10, -90))
    assert found(dispatcher, LIST, q="old") == {"old"}
    assert found(dispatcher, LIST, q="Tver") == ({"old"} if words.are_indexed() else set())


def test_search_stays_within_the_filters(dispatcher: Browser) -> None:
    builders.order(1)
    builders.order(12, delivery_time_from=builders.at(10, 1), delivery_time_to=builders.at(12, 1))
    assert found(dispatcher, LIST, q="N-1", day="tomorrow") == {"N-12"}


def test_of_too_many_the_newest_are_found(dispatcher: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever four the index has first; the newest three are looked through as well."""
    for number in range(1, 10):
        builders.order(number)
    monkeypatch.setattr(search, "LIMIT", 2)
    monkeypatch.setattr(search, "MANY", 4)
    monkeypatch.setattr(search, "NEWEST", 3)
    assert found(dispatcher, LIST, q="N-") == {"N-8", "N-9"}


@pytest.mark.parametrize("term", ["petrov", "Petrov P", "Romashka", "7701234567", "+7 916 123-45-67"])
def test_clients(dispatcher: Browser, term: str) -> None:
    builders.client(title="Romashka", inn="7701234567", phone="+79161234567")
    builders.client(ireca_id="2", lastname="Other", firstname="One", phone="+79990000000")
    (name,) = found(dispatcher, CLIENTS, q=term)
    assert name == "Petrov Petr"


def _plan(rows: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    return str(rows.order_by().values_list("pk").explain())


def test_each_way_of_search_has_an_index() -> None:
    if not words.are_indexed():
        pytest.skip("how SQLite reads is asked in test_list.py; these indexes are of PostgreSQL")
    ways = {
        "order_words": Order.objects.filter(words.HasWords(*Order.WORDS, term="Tverskaya 5")),
        "client_words": Client.objects.filter(*search._named("Petrov")),
        "client_inn": Client.objects.filter(inn="7701234567"),
        "client_phone_start": Client.objects.filter(search.prefix("phone_e164", "+7916")),
        "orders_order_number": Order.objects.filter(search.prefix("number", "N-1")),
    }
    for index, rows in ways.items():
        assert index in _plan(rows)
