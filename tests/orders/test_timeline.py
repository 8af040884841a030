"""The timeline: four sources in one list, names instead of ids, and a cost that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone, translation

from backoffice.sync import history
from backoffice.sync.models import Push
from orders import timeline
from orders.models import JournalEntry, Order, StatusChange
from tests.orders import builders
from tests.orders.pages import change_form, change_url, save

pytestmark = pytest.mark.django_db


def journal(row: Order, before: dict[str, Any], after: dict[str, Any], **fields: Any) -> JournalEntry:
    number = JournalEntry.objects.count()
    defaults = {"event": "update", "source": "Application: iRECA Courier", "created_at": builders.at(9)}
    return JournalEntry.objects.create(
        order=row, before=before, after=after, digest=str(number), **{**defaults, **fields}
    )


def changes(row: Order, kind: str = "journal") -> dict[str, tuple[str, str]]:
    return {
        change.label: (change.before, change.after)
        for entry in timeline.of_order(row).entries
        if entry.kind == kind
        for change in entry.changes
    }


def test_ids_and_codes_of_the_journal_become_names() -> None:
    row, client = builders.order(1), builders.client()
    ivanov, petrov = builders.courier(), builders.courier("Petrov", "55753")
    builders.reason()
    journal(
        row,
        {"courierId": 55752, "clientId": None, "statusId": 0, "deliveryStatusId": 7, "paymentId": 1},
        {"courierId": "55753", "clientId": "c1", "statusId": 1, "deliveryStatusId": 8, "paymentId": 999},
        courier=ivanov,
    )
    journal(row, {"returnReasonId": None, "isAgreed": 0}, {"returnReasonId": "7", "isAgreed": 1})
    assert changes(row) == {
        "Courier": (str(ivanov), str(petrov)),
        "Client": ("", str(client)),
        "Payment": ("Not paid", "Paid"),
        "Delivery": ("Taken by the courier", "Status 8"),
        "Payment type": ("Cash", "999"),
        "Reason of cancellation": ("", "Changed mind"),
        "Agreed with the client": ("No", "Yes"),
    }
    assert "Application: iRECA Courier · Ivanov" in {entry.who for entry in timeline.of_order(row).entries}


def test_times_are_local_and_sums_are_formatted() -> None:
    row = builders.order(1)
    journal(
        row,
        {"deliveryTimeFrom": "2026-05-15 13:21:13", "amountToPay": "1539.50"},
        {"deliveryTimeFrom": "2026-05-15 14:21:13", "amountToPay": 200},
    )
    with timezone.override("Europe/Moscow"), translation.override("ru"):
        found = changes(row)
    assert ("15.05.2026 16:21", "15.05.2026 17:21") in found.values()
    assert any(after == "200" and before.replace("\xa0", "").startswith("1539,5") for before, after in found.values())


def test_nested_and_unknown_keys_are_shown_as_they_are() -> None:
    row = builders.order(1)
    journal(
        row,
        {"client": {"firstname": "Anna"}, "addressToEntity": {"lift": "no"}, "mood": "good", "statusId": {"odd": 1}},
        {"client": {"firstname": "Olga"}, "addressToEntity": {"lift": "yes", "city": "Moscow"}, "mood": ["bad"]},
    )
    found = changes(row)
    assert found["Client: first name"] == ("Anna", "Olga")
    assert found["Where to: lift"] == ("no", "yes")
    assert found["Where to: city"] == ("", "Moscow")
    assert found["mood"] == ("good", "['bad']")


def test_what_does_not_fit_the_document_is_shown_as_it_is() -> None:
    row = builders.order(1)
    journal(row, {"deliveryTimeFrom": "soon"}, {"deliveryTimeFrom": "later"}, event="moved")
    assert changes(row) == {"Deliver from": ("soon", "later")}
    assert "moved" in [entry.title for entry in timeline.of_order(row).entries]


def test_our_own_edits_have_people_labels_and_names(dispatcher: Browser) -> None:
    courier = builders.courier()
    row = builders.with_lines(builders.order(1), 1)
    save(dispatcher, row, {**change_form(dispatcher, row), "courier": courier.pk, "to_city": "Tver"})
    save(dispatcher, row, {**change_form(dispatcher, row), "lines-0-count": "3"})
    entries = [entry for entry in timeline.of_order(row).entries if entry.changes]
    assert {entry.who for entry in entries} == {"dispatcher"}
    assert changes(row, "history") == {
        "Courier": ("", "Ivanov"),
        "Where to: city": ("Moscow", "Tver"),
        "Count": ("2", "3"),
        "Total before discount": ("100", "150"),
        "Sum before discount": ("100", "150"),  # it follows the lines
    }
    assert "Changed: line “Good 0”" in [entry.title for entry in entries]


def test_bulk_changes_are_there_too() -> None:
    row, user = builders.order(1), User.objects.create_user("boss")
    with history.by(user):
        Order.objects.filter(pk=row.pk).update(description="call")
    (entry,) = [entry for entry in timeline.of_order(row).entries if entry.changes]
    assert (entry.who, entry.changes[0].after) == ("boss", "call")


def test_statuses_have_a_place_and_pushes_their_outcome(dispatcher: Browser) -> None:
    row = builders.order(1)
    StatusChange.objects.create(
        order=row,
        delivery_status=9,
        latitude=Decimal("59.93"),
        longitude=Decimal("30.33"),
        created_at=builders.at(11),
    )
    Push.objects.create(entity="orders", object_id=row.pk, state="refused", error="Нет такого курьера")
    Push.objects.create(entity="couriers", object_id=row.pk, state="done")
    found = {entry.title: entry for entry in timeline.of_order(row).entries}
    assert found["Delivery: Delivered"].place == (Decimal("59.93"), Decimal("30.33"))
    assert found["Refused by iRECA: Save"].text == "Нет такого курьера"
    assert "Sent: Save" not in found
    html = dispatcher.get(change_url(row)).content.decode()
    assert 'href="geo:59.930000,30.330000">59.930000, 30.330000<' in html
    assert "Нет такого курьера" in html


def test_newest_first_and_the_rest_on_its_own_page(dispatcher: Browser, manager: Browser, stranger: Browser) -> None:
    row = builders.order(1)
    start = timezone.now() + timedelta(days=1)
    JournalEntry.objects.bulk_create(
        JournalEntry(order=row, event=f"event {n}", created_at=start + timedelta(seconds=n), digest=str(n))
        for n in range(timeline.LIMIT + 30)
    )
    first = timeline.of_order(row)
    assert [entry.title for entry in first.entries] == [f"event {n}" for n in range(229, 29, -1)]
    assert first.more
    rest = timeline.of_order(row, first.next_offset)
    assert [entry.title for entry in rest.entries if entry.kind == "journal"] == [
        f"event {n}" for n in range(29, -1, -1)
    ]
    assert not rest.more
    address = reverse("admin:orders_order_timeline", args=[row.pk])
    html = dispatcher.get(change_url(row)).content.decode()
    assert f"{address}?from=200" in html
    assert html.count('data-kind="') == timeline.LIMIT
    assert "event 0<" in manager.get(f"{address}?from=200").content.decode()
    assert "event 229<" in manager.get(f"{address}?from=x").content.decode()
    assert stranger.get(address).status_code == 403
    assert manager.get(address.replace(str(row.pk), "999999")).status_code == 404


def test_a_long_timeline_costs_what_a_short_one_costs(queries: Callable[..., list[str]]) -> None:
    rows = builders.orders(2)
    couriers = [builders.courier(f"C{n}", f"7{n}") for n in range(10)]
    for row, count in zip(rows, (2, 40), strict=True):
        for n in range(count):
            journal(row, {"courierId": couriers[n % 10].ireca_id}, {"clientId": "c9", "paymentId": "1"})
            Order.objects.filter(pk=row.pk).update(courier=couriers[n % 10], description=str(n))
    few, many = (queries(lambda row=row: timeline.of_order(row)) for row in rows)
    assert len(few) == len(many) <= 12
