"""The order's form: what it writes, what it refuses, what it only flags, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.sync.apply import apply
from backoffice.sync.enqueue import untracked
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push
from catalog.models import Warehouse
from fiscal.models import Receipt
from orders.models import (
    CanceledItem,
    DeliveryStatus,
    JournalEntry,
    Line,
    LineWarehouse,
    Order,
    Payment,
    StatusChange,
)
from tests.orders import builders
from tests.orders.pages import change_form, change_url, errors, save
from tests.sync.admin_pages import loaded

pytestmark = pytest.mark.django_db


def moved(data: dict[str, Any], hour: int) -> dict[str, Any]:
    return {**data, "delivery_time_from_1": f"{hour}:00:00", "delivery_time_to_1": f"{hour + 2}:00:00"}


def refusal(browser: Browser, row: Any, data: dict[str, Any]) -> dict[str, Any]:
    response = browser.post(change_url(row), data)
    assert response.status_code == 200
    return errors(response)


def test_saving_an_untouched_form_sends_nothing(dispatcher: Browser) -> None:
    row = builders.with_lines(builders.order(1, courier=builders.courier(), client=builders.client()), 3)
    changes = row.history.count()
    save(dispatcher, row, change_form(dispatcher, row))
    assert not Push.objects.exists()
    assert row.history.count() == changes


def test_a_change_is_saved_queued_and_written_to_the_history(dispatcher: Browser) -> None:
    row = builders.order(1)
    save(dispatcher, row, moved(change_form(dispatcher, row), 14))
    row.refresh_from_db()
    assert (row.delivery_time_from, row.delivery_time_to) == (builders.at(14), builders.at(16))
    assert Push.objects.get().object_id == row.pk
    assert row.history.latest().history_user.username == "dispatcher"


def test_what_the_remote_changed_while_the_form_was_open_stays(dispatcher: Browser) -> None:
    ours, theirs = builders.courier(), builders.courier("Petrov", "55753")
    row = builders.with_lines(builders.order(1, courier=ours), 1)
    form = change_form(dispatcher, row)
    mirror = registry.for_model(Order)
    assert mirror is not None
    apply(
        mirror,
        [contract.decode(contract.Order, {"orderId": row.ireca_id, "courierId": "55753", "deliveryStatusId": 7})],
    )
    save(dispatcher, row, moved(form, 14))
    row.refresh_from_db()
    assert (row.courier, row.delivery_status) == (theirs, DeliveryStatus.TAKEN)
    assert row.delivery_time_from == builders.at(14)


def test_what_both_changed_is_asked_about(dispatcher: Browser) -> None:
    row = builders.order(1, courier=builders.courier())
    third = builders.courier("Third", "3")
    form = change_form(dispatcher, row)
    Order._base_manager.filter(pk=row.pk).update(courier=builders.courier("Petrov", "55753"))
    assert "Petrov" in refusal(dispatcher, row, {**form, "courier": third.pk})["courier"][0]


@pytest.mark.parametrize(
    ("typed", "field", "text"),
    [
        ({"client_inn": "7707083894"}, "client_inn", "no INN"),
        ({"phone": "call the office"}, "phone", "cannot be read"),
        ({"payment_type": ""}, "payment_type", "requires"),
        ({"delivery_time_from_0": "", "delivery_time_from_1": ""}, "delivery_time_from", "requires"),
        ({"delivery_time_to_1": "09:00:00"}, "delivery_time_to", "ends before"),
        ({"delivery_status": "11"}, "return_reason", "needs a reason"),
        ({"to_home": ""}, "to_home", "courier does not know"),
    ],
)
def test_what_a_person_types_is_checked(dispatcher: Browser, typed: dict[str, str], field: str, text: str) -> None:
    row = builders.order(1)
    found = refusal(dispatcher, row, {**change_form(dispatcher, row), **typed})
    assert list(found) == [field]
    assert text in found[field][0]
    assert not Push.objects.exists()


def test_what_came_from_a_remote_is_flagged_and_in_nobodys_way(dispatcher: Browser) -> None:
    row = builders.order(1, phone="?", client_inn="1", to_home="", payment_type=None, delivery_time_to=builders.at(9))
    page = dispatcher.get(change_url(row)).content.decode()
    for text in ("This cannot be read as a phone number.", "This is no INN", "iRECA requires it."):
        assert text in page
    save(dispatcher, row, {**change_form(dispatcher, row), "number": "N-1a"})
    row.refresh_from_db()
    assert row.number == "N-1a"


def test_an_unknown_status_stays_choosable(dispatcher: Browser) -> None:
    row = builders.order(1, delivery_status=8)
    assert "Status 8" in dispatcher.get(change_url(row)).content.decode()
    save(dispatcher, row, {**change_form(dispatcher, row), "number": "N-1a"})
    row.refresh_from_db()
    assert row.delivery_status == 8


def test_a_new_order_begins_with_the_window_of_today_and_the_usual_payment(dispatcher: Browser) -> None:
    template = builders.order(1)
    form = loaded(dispatcher, "/admin/orders/order/add/", "order_form")
    today = timezone.localdate()
    assert form["delivery_time_from_0"] == form["delivery_time_to_0"] == today.isoformat()
    assert str(form["payment_type"]) == str(template.payment_type_id)
    wrong = dispatcher.post("/admin/orders/order/add/", {**form, "payment_type": ""})
    assert set(errors(wrong)) >= {"payment_type", "to_city", "to_street", "to_home"}
    right = {
        **form,
        "number": "new",
        "to_city": "Moscow",
        "to_street": "Arbat",
        "to_home": "1",
        "amount_to_pay": "10",
    }
    response = dispatcher.post("/admin/orders/order/add/", right)
    assert response.status_code == 302, errors(response)
    new = Order.objects.get(number="new")
    assert (new.ireca_id, new.sync_state) == (str(new.pk), "pending")


class TestLines:
    def test_a_total_follows_the_count(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        save(dispatcher, row, {**change_form(dispatcher, row), "lines-0-count": "3"})
        first, second = row.lines.all()
        assert (first.count, first.total) == (3, Decimal(150))
        assert second.total == 100
        assert Push.objects.get().object_id == row.pk
        assert [first.history.filter(history_type="~").count(), second.history.filter(history_type="~").count()] == [
            1,
            0,
        ]

    @pytest.mark.parametrize(
        ("typed", "field", "text"),
        [
            ({"count": "0"}, "count", "above zero"),
            ({"total": "90"}, "total", "Count times price is 100.00."),
            ({"count": "3", "total": "149.98"}, "total", "Count times price is 150.00."),
        ],
    )
    def test_what_is_typed_is_checked(self, dispatcher: Browser, typed: dict[str, str], field: str, text: str) -> None:
        row = builders.with_lines(builders.order(1), 1)
        data = {**change_form(dispatcher, row), **{f"lines-0-{name}": value for name, value in typed.items()}}
        found = refusal(dispatcher, row, data)
        assert list(found) == [f"lines-0-{field}"]
        assert text in found[f"lines-0-{field}"][0]

    def test_a_kopeck_of_rounding_is_no_error(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 1)
        data = {**change_form(dispatcher, row), "lines-0-count": "0.333", "lines-0-total": "16.66"}
        save(dispatcher, row, data)
        assert row.lines.get().total == Decimal("16.66")

    def test_a_new_line_takes_the_price_of_its_good_and_goes_to_the_end(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        good = row.lines.first().good
        new = {"good": good.pk, "count": "4", "price": "", "total": "", "discount_total": "0", "order": row.pk}
        data = {**change_form(dispatcher, row), "lines-TOTAL_FORMS": "3"}
        save(dispatcher, row, {**data, **{f"lines-2-{name}": value for name, value in new.items()}})
        line = row.lines.last()
        assert (line.price, line.total, line.position) == (Decimal(50), Decimal(200), 2)

    def test_a_line_is_removed(self, dispatcher: Browser) -> None:
        row = builders.with_lines(builders.order(1), 2)
        save(dispatcher, row, {**change_form(dispatcher, row), "lines-0-DELETE": "on"})
        assert row.lines.count() == 1
        assert Push.objects.get().object_id == row.pk

    def test_the_page_of_a_line_saves_its_parts_and_returns_to_the_order(self, dispatcher: Browser) -> None:
        from catalog.models import Warehouse

        row = builders.with_lines(builders.order(1), 1)
        line, warehouse = row.lines.get(), builders.known(Warehouse, "w1", title="Main")
        assert change_url(line) in dispatcher.get(change_url(row)).content.decode()
        data = {
            **change_form(dispatcher, line),
            "count": "1",
            "mark_value": builders.mark("5Xk2"),
            "warehouses-TOTAL_FORMS": "1",
            "warehouses-0-warehouse": warehouse.pk,
            "warehouses-0-count": "2",
            "warehouses-0-line": line.pk,
        }
        response = dispatcher.post(change_url(line), data)
        assert response.status_code == 302, errors(response)
        assert response["Location"] == f"{change_url(row)}#lines"
        assert LineWarehouse.objects.get().warehouse == warehouse
        assert Line.objects.get().mark_value == builders.mark("5Xk2")
        assert Push.objects.get().object_id == row.pk
        page = dispatcher.get(change_url(row)).content.decode()
        assert "Main: 2" in page
        assert "marked" in page

    def test_lines_are_no_entry_of_the_menu(self, dispatcher: Browser) -> None:
        assert "/admin/orders/line/" not in dispatcher.get("/admin/").content.decode()


@pytest.mark.parametrize("day", ["0001-01-01", "0026-11-23", "9999-12-31"])
def test_a_year_that_was_mistyped_is_no_day_of_delivery(dispatcher: Browser, day: str) -> None:
    row = builders.order(1)
    typed = {"delivery_time_from_0": day, "delivery_time_from_1": "00:00", "delivery_time_to_0": day}
    response = dispatcher.post(change_url(row), {**change_form(dispatcher, row), **typed})
    assert errors(response).keys() == {"delivery_time_from", "delivery_time_to"}


class TestSettled:
    """Closed, paid, and with money or a receipt to prove it."""

    @pytest.fixture
    def row(self) -> Order:
        row = builders.with_lines(builders.order(1, **builders.CLOSED), 2)
        Payment.objects.create(order=row, payment_type=row.payment_type, price=100, paid_in=builders.at(11))
        return Order.objects.get(pk=row.pk)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("status", "0"),
            ("delivery_status", "6"),
            ("amount_to_pay", "1"),
            ("prepayment_sum", "1"),
            ("lines-0-count", "9"),
        ],
    )
    def test_its_money_is_no_matter_of_an_edit(self, dispatcher: Browser, row: Order, name: str, value: str) -> None:
        before = change_form(dispatcher, row)
        response = dispatcher.post(change_url(row), {**before, name: value, "description": "gate"})
        assert response.status_code == 200
        assert "a return or a correction mends what is wrong with it" in response.text
        assert change_form(dispatcher, row) == before
        assert not Push.objects.exists()

    def test_nor_is_a_line_taken_away(self, dispatcher: Browser, row: Order) -> None:
        response = dispatcher.post(change_url(row), {**change_form(dispatcher, row), "lines-1-DELETE": "on"})
        assert "a return or a correction mends what is wrong with it" in response.text
        assert row.lines.count() == 2
        line = row.lines.first()
        assert dispatcher.post(change_url(line).replace("change", "delete"), {"post": "yes"}).status_code == 403
        response = dispatcher.post(change_url(line), {**change_form(dispatcher, line), "price": "1"})
        assert errors(response).keys() == {"price"}

    def test_the_rest_of_it_is(self, dispatcher: Browser, row: Order) -> None:
        save(dispatcher, row, {**change_form(dispatcher, row), "description": "gate"})
        row.refresh_from_db()
        assert row.description == "gate"

    def test_what_nothing_proves_is_mended(self, dispatcher: Browser, row: Order) -> None:
        Payment.objects.all().delete()
        save(dispatcher, row, {**change_form(dispatcher, row), "status": "0"})
        row.refresh_from_db()
        assert row.status == 0


def test_the_tabs_show_payments_receipts_and_the_journal(dispatcher: Browser) -> None:
    courier, reason = builders.courier(), builders.reason()
    row = builders.with_lines(builders.order(1, **builders.CLOSED), 1)
    Payment.objects.create(order=row, payment_type=row.payment_type, price=100, rrn="rrn-77", paid_in=builders.at(11))
    Receipt.objects.create(
        order=row, kind="sale", fn="9999078900004312", fd_number="77", fiscal_sign="3522207165", shift_number="5"
    )
    StatusChange.objects.create(
        order=row, delivery_status=8, latitude=55.75, longitude=37.61, created_at=builders.at(11), return_reason=reason
    )
    JournalEntry.objects.create(
        order=row,
        event="update",
        source="cabinet",
        courier=courier,
        created_at=builders.at(11),
        before={"courierId": "1"},
        after={"courierId": "2"},
        digest="x",
    )
    CanceledItem.objects.create(line=row.lines.get(), return_reason=reason, count=1)
    page = dispatcher.get(change_url(row)).content.decode()
    for text in ("rrn-77", "9999078900004312", "3522207165", "Status 8", "55.750000, 37.610000", "cabinet"):
        assert text in page
    assert "cancelled 1: Changed mind" in page
    assert f"/admin/orders/order/{row.pk}/history/" in page


def test_who_may_only_look_sees_all_and_can_save_nothing(manager: Browser) -> None:
    row = builders.with_lines(builders.order(1), 1)
    page = manager.get(change_url(row))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert manager.post(change_url(row), {"number": "x"}).status_code == 403


def test_who_may_nothing_sees_nothing(stranger: Browser) -> None:
    assert stranger.get(change_url(builders.order(1))).status_code == 403


def fill(row: Order, count: int) -> Order:
    """An order with so many of everything."""
    courier, reason = builders.courier(f"C{row.pk}", f"c{row.pk}"), builders.reason(f"R{row.pk}", f"r{row.pk}")
    builders.with_lines(row, count)
    with untracked():
        for number in range(count):
            at = timezone.now()
            Payment.objects.create(order=row, payment_type=row.payment_type, price=1)
            Receipt.objects.create(order=row, kind="sale", fn="1", fd_number=str(number), fiscal_sign=str(number))
            StatusChange.objects.create(order=row, delivery_status=7, return_reason=reason, created_at=at)
            JournalEntry.objects.create(order=row, event="e", courier=courier, digest=str(number))
        for line in row.lines.all():
            CanceledItem.objects.create(line=line, return_reason=reason, count=1)
    return row


def test_a_form_of_100_lines_runs_as_many_queries_as_one_of_10(
    dispatcher: Browser, queries: Callable[..., list[str]]
) -> None:
    few, many = fill(builders.order(1), 10), fill(builders.order(2), 100)
    small = queries(lambda: dispatcher.get(change_url(few)))
    large = queries(lambda: dispatcher.get(change_url(many)))
    assert len(small) == len(large)


def test_saving_one_line_of_100_costs_as_much_as_one_of_10(
    dispatcher: Browser, queries: Callable[..., list[str]]
) -> None:
    few, many = builders.with_lines(builders.order(1), 10), builders.with_lines(builders.order(2), 100)

    def edit(row: Order) -> Callable[[], None]:
        counts = iter(("3", "4"))
        return lambda: save(dispatcher, row, {**change_form(dispatcher, row), "lines-5-count": next(counts)}) and None

    assert len(queries(edit(few))) == len(queries(edit(many)))


def test_a_pickup_address_is_whole_or_not_at_all(dispatcher: Browser) -> None:
    row = builders.order(1)
    data = change_form(dispatcher, row) | {"from_city": "Москва"}
    refused = dispatcher.post(change_url(row), data)
    assert set(errors(refused)) == {"from_street", "from_home"}


def test_who_may_only_look_sees_where_a_line_is_fetched(manager: Browser) -> None:
    row = builders.with_lines(builders.order(1), 1)
    for number in (1, 2):
        there = builders.known(Warehouse, f"w{number}", title=f"Shelf {number}")
        LineWarehouse.objects.create(line=row.lines.get(), warehouse=there, count=1)
    page = manager.get(change_url(row)).content.decode()
    assert "from warehouse" in page.lower()
    assert "Shelf 1, Shelf 2" in page
