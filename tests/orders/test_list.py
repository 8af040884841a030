"""The order list: what it shows, finds and narrows to, and that its cost does not grow with its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.utils import flatten_fieldsets
from django.test import Client as Browser
from django.utils import timezone
from django.utils.html import strip_tags
from time_machine import travel

from backoffice.partners.models import Source
from backoffice.sync.models import DictionaryEntry
from fiscal.models import Receipt
from orders import conditions
from orders.admin import labels
from orders.models import Client, DeliveryStatus, Order, PaymentStatus
from tests.orders import builders
from tests.orders.pages import LIST

pytestmark = pytest.mark.django_db


def found(browser: Browser, query: str) -> set[str]:
    response = browser.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {str(order) for order in response.context["cl"].result_list}


def test_a_row_shows_what_a_dispatcher_needs(dispatcher: Browser) -> None:
    row = builders.with_lines(builders.order(1, courier=builders.courier(), client=builders.client()), 2)
    builders.discount(row, -10)
    html = dispatcher.get(LIST).content.decode()
    for text in (
        "N-1",
        f"{builders.at(10):%d.%m}",
        "10:00–12:00",
        "Moscow, Arbat, 1",
        "tel:+79161234567",
        "Petrov Petr",
        "Ivanov",
        "80.00",
    ):
        assert text in html
    for badge in ("Not paid", "Prepared", "In sync"):
        assert badge in html


def test_the_phone_of_the_client_stands_in(dispatcher: Browser) -> None:
    builders.order(1, phone="", client=builders.client(phone="8 (916) 765-43-21"))
    html = dispatcher.get(LIST).content.decode()
    assert 'href="tel:+79167654321"' in html
    assert "8 (916) 765-43-21" in html


def test_codes_that_we_do_not_know_are_shown_by_the_dictionary_or_as_they_are(dispatcher: Browser) -> None:
    builders.order(1, delivery_status=8)
    builders.order(2, delivery_status=12)
    DictionaryEntry.objects.create(kind="orderDeliveryStatuses", code="12", title="At the lockers")
    html = dispatcher.get(LIST).content.decode()
    assert "Status 8" in html
    assert "At the lockers" in html


def test_a_missing_receipt_is_an_alarm(dispatcher: Browser) -> None:
    builders.order(1, **builders.CLOSED)
    has = builders.order(2, **builders.CLOSED)
    Receipt.objects.create(order=has, kind="sale", fn="1", fd_number="1", fiscal_sign="1")
    builders.order(3)
    rows = {str(row): row.has_receipt for row in dispatcher.get(LIST).context["cl"].result_list}
    assert rows == {"N-1": False, "N-2": True, "N-3": False}
    assert dispatcher.get(LIST).content.decode().count("No receipt") == 1
    assert found(dispatcher, "attention=no_receipt") == {"N-1"}


def test_filters(dispatcher: Browser) -> None:
    courier = builders.courier()
    builders.order(1, courier=courier, is_agreed=True, sync_state="failed")
    builders.order(2, delivery_time_from=builders.at(23, 1), delivery_time_to=builders.at(23, 1))
    builders.order(3, delivery_time_from=builders.at(0, -1), delivery_time_to=builders.at(1, -1))
    builders.order(4, delivery_time_from=builders.at(9, 9), delivery_time_to=builders.at(9, 9), **builders.CLOSED)
    today, tomorrow = timezone.localdate(), timezone.localdate() + timezone.timedelta(days=1)
    assert found(dispatcher, "day=today") == {"N-1"}
    assert found(dispatcher, "day=tomorrow") == {"N-2"}
    assert found(dispatcher, "day=yesterday") == {"N-3"}
    assert "N-3" in found(dispatcher, "day=late")
    window = f"delivery_time_from_from={today}&delivery_time_from_to={tomorrow}"
    assert found(dispatcher, window) == {"N-1", "N-2"}
    assert found(dispatcher, "delivery_status=10") == {"N-4"}
    assert found(dispatcher, "status=1") == {"N-4"}
    assert found(dispatcher, f"courier__id__exact={courier.pk}") == {"N-1"}
    assert found(dispatcher, "attention=no_courier") == {"N-2", "N-3"}
    assert found(dispatcher, "is_agreed__exact=1") == {"N-1"}
    assert found(dispatcher, "sync_state__exact=failed") == {"N-1"}


def test_a_list_of_50_rows_runs_as_many_queries_as_one_of_5(
    dispatcher: Browser, queries: Callable[..., list[str]]
) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            client = builders.client(ireca_id=f"c{number}", lastname=f"L{number}")
            courier = builders.courier(f"Courier {number}", f"k{number}")
            source = Source.objects.create(title=f"Shop {number}")
            builders.with_lines(builders.order(number, client=client, courier=courier, source=source), 2)

    fill(0, 5)
    few = queries(lambda: dispatcher.get(LIST))
    searched_few = queries(lambda: dispatcher.get(f"{LIST}?q=N-"))
    fill(5, 50)
    assert len(queries(lambda: dispatcher.get(LIST))) == len(few)
    assert len(queries(lambda: dispatcher.get(f"{LIST}?q=N-"))) == len(searched_few)


def test_the_list_never_counts_or_reads_the_whole_table(dispatcher: Browser, queries: Callable[..., list[str]]) -> None:
    builders.orders(51)
    for sql in queries(lambda: dispatcher.get(LIST)):
        is_of_a_visit = '"amount_to_pay" = ' in sql  # what the page's orders may be duplicates of
        assert '"orders_order"' not in sql or "LIMIT" in sql or " IN (" in sql or is_of_a_visit, sql


def test_the_client_list(dispatcher: Browser, queries: Callable[..., list[str]]) -> None:
    url = "/admin/orders/client/"
    client = builders.client(phone="+7 916 333-33-33", address_city="Tula")
    builders.order(1, client=client)
    builders.order(2, client=client)
    html = dispatcher.get(url).content.decode()
    assert "tel:+79163333333" in html
    assert f'{LIST}?client__id__exact={client.pk}">2</a>' in html
    assert found(dispatcher, f"client__id__exact={client.pk}") == {"N-1", "N-2"}
    few = queries(lambda: dispatcher.get(url))
    for number in range(40):
        builders.client(ireca_id=f"x{number}", lastname=f"X{number}")
    assert len(queries(lambda: dispatcher.get(url))) == len(few)
    for term in ("89163333333", "petrov", "c1"):
        assert list(dispatcher.get(url, {"q": term}).context["cl"].result_list) == [client]


def test_a_client_is_checked_where_it_was_typed(dispatcher: Browser) -> None:
    from tests.orders.pages import change_form, change_url, errors, save

    client = builders.client(phone="?", inn="1")
    form = change_form(dispatcher, client)
    response = dispatcher.post(change_url(client), {**form, "inn": "2", "phone": "nobody"})
    assert set(errors(response)) == {"inn", "phone"}
    save(dispatcher, client, {**form, "inn": "7707083893"})
    assert Client.objects.get().inn == "7707083893"


@travel("2026-03-30 12:00:00+03:00", tick=False)
def test_windows_are_written_without_doubt() -> None:
    """A year only where it is another one, as it would be here on the last day of one."""
    start, end = builders.at(10), builders.at(2, 1)
    assert labels.window(None, None) == "–"
    assert strip_tags(labels.window(start, builders.at(12))) == f"{start:%d.%m}10:00–12:00"
    assert strip_tags(labels.window(start, end)) == f"{start:%d.%m} 10:00 –{end:%d.%m} 02:00"
    assert labels.window(start, None) == f"{start:%d.%m} 10:00 – …"
    last_year = start.replace(year=start.year - 1, day=1)
    assert f"{last_year:%d.%m.%Y}" in labels.window(last_year, last_year)


def test_the_sum_to_pay_is_after_discounts(dispatcher: Browser) -> None:
    row = builders.with_lines(builders.order(1, amount_to_pay=Decimal(200)), 2)
    builders.discount(row, Decimal("-25.50"))
    assert [order.payable for order in dispatcher.get(LIST).context["cl"].result_list] == [Decimal("149.00")]
    assert Order.objects.get().amount_to_pay == 200


def test_who_may_only_look_reads_words_and_no_codes(manager: Browser) -> None:
    order = builders.order(1, delivery_status=DeliveryStatus.CANCELLED, status=PaymentStatus.PAID)
    page = manager.get(f"{LIST}{order.pk}/change/")
    shown = flatten_fieldsets(page.context["adminform"].fieldsets)
    assert {"delivery_in_words", "status_in_words"} < set(shown)
    assert not {"delivery_status", "status"} & set(shown)
    assert {"Cancelled", "Paid"} < set(strip_tags(page.content.decode()).split())


def test_who_has_the_goods_waits_for_nobody(admin_client: Browser) -> None:
    now = timezone.now()
    over = {"delivery_time_from": now - timedelta(hours=3), "delivery_time_to": now - timedelta(hours=1)}
    awaited, delivered = (builders.order(status, delivery_status=status, **over) for status in (7, 9))
    assert found(admin_client, "day=late") == {str(awaited)}
    for row in (awaited, delivered):
        is_late = Order.objects.filter(conditions.late(now), pk=row.pk).exists()
        assert is_late is conditions.is_awaited(row.delivery_status)
