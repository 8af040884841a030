"""What the order's form asks for while somebody types: goods, clients, sums; and what it may not tell whom."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from backoffice.sync.models import Push
from catalog.models import Good, Stock, Warehouse
from fiscal.models import Tax
from orders.models import Client, Order
from tests.orders import builders
from tests.orders.pages import change_form, save

pytestmark = pytest.mark.django_db

FORM = "/admin/orders/order/form/"


def goods(browser: Browser, term: str) -> dict[str, Any]:
    return browser.get(f"{FORM}goods/", {"q": term}).json()


def good(number: int, **fields: Any) -> Good:
    return builders.known(Good, f"g{number}", **{"title": f"Good {number}", "price": Decimal(50), **fields})


def titles(answer: dict[str, Any]) -> list[str]:
    return [row["title"] for row in answer["results"]]


class TestGoods:
    def test_a_good_comes_with_what_its_line_needs(self, dispatcher: Browser) -> None:
        tax, there = builders.known(Tax, "t", title="22%"), builders.known(Warehouse, "w", title="Main")
        Stock.objects.create(good=good(1, article="A-1", unit="pcs", tax=tax), warehouse=there, count=7)
        answer = goods(dispatcher, "A-1")
        assert answer["exact"]
        (found,) = answer["results"]
        assert (found["title"], found["price"], found["unit"]) == ("Good 1", "50.00", "pcs")
        assert found["tax"] == {"id": tax.pk, "title": "22%"}
        assert found["stock"] == [{"warehouse": there.pk, "title": "Main", "count": "7"}]

    @pytest.mark.parametrize("scanned", ["4600000000015", "04600000000015"])
    def test_a_barcode_names_one(self, dispatcher: Browser, scanned: str) -> None:
        good(1, barcode="4600000000015")
        good(2, title="4600000000015 and more")
        answer = goods(dispatcher, scanned)
        assert (titles(answer), answer["exact"], answer["mark"]) == (["Good 1"], True, "")

    def test_a_marking_code_names_the_good_and_is_kept(self, dispatcher: Browser) -> None:
        code = builders.mark("5Xk2")
        good(1, barcode=code[3:16])
        answer = goods(dispatcher, code)
        assert (titles(answer), answer["exact"], answer["mark"]) == (["Good 1"], True, code)

    def test_a_marking_code_of_nothing_finds_nothing(self, dispatcher: Browser) -> None:
        good(1)
        assert goods(dispatcher, builders.mark("5Xk2"))["results"] == []

    @pytest.mark.parametrize("typed", ["чай", "Чай", "зелёный", "зелёный чай", "ЗЕЛЁНЫЙ"])
    def test_a_title_is_found_by_its_words(self, dispatcher: Browser, typed: str) -> None:
        good(1, title="Чай ЗЕЛЁНЫЙ" if typed.isupper() else "Чай зелёный")
        good(2, title="Кофе")
        answer = goods(dispatcher, typed)
        assert (len(answer["results"]), answer["exact"]) == (1, False)

    def test_what_begins_so_comes_first(self, dispatcher: Browser) -> None:
        good(1, title="Black tea")
        good(2, title="tea")
        assert titles(goods(dispatcher, "tea")) == ["tea", "Black tea"]

    def test_folders_and_what_is_sold_no_more_are_not_offered(self, dispatcher: Browser) -> None:
        folder = good(1, title="Tea")
        good(2, title="Tea old", is_active=False)
        good(3, title="Tea new", parent=folder)
        assert titles(goods(dispatcher, "Tea")) == ["Tea new"]

    def test_nothing_is_no_question(self, dispatcher: Browser) -> None:
        good(1)
        assert goods(dispatcher, "  ")["results"] == []

    def test_an_answer_costs_the_same_for_one_good_and_for_twelve(
        self, dispatcher: Browser, queries: Callable[..., list[str]]
    ) -> None:
        there = builders.known(Warehouse, "w", title="Main")
        for number in range(12):
            Stock.objects.create(good=good(number, title=f"Tea {number}"), warehouse=there, count=1)
        good(99, title="Coffee")
        assert len(queries(lambda: goods(dispatcher, "Tea"))) <= len(queries(lambda: goods(dispatcher, "Coffee"))) + 1


class TestClients:
    @pytest.mark.parametrize("typed", ["8 916 123-45", "+7 (916) 123", "79161234567", "9161234"])
    def test_a_phone_is_found_in_any_spelling(self, dispatcher: Browser, typed: str) -> None:
        builders.client(phone="8 (916) 123-45-67")
        builders.client(ireca_id="c2", phone="+79030000000")
        answer = dispatcher.get(f"{FORM}clients/", {"q": typed}).json()
        assert [row["phone"] for row in answer["results"]] == ["8 (916) 123-45-67"]

    @pytest.mark.parametrize("typed", ["петр", "Петров", "петров ив", "ООО Ромашка"])
    def test_a_name_is_found_as_one_types(self, dispatcher: Browser, typed: str) -> None:
        builders.client(lastname="Петров", firstname="Иван", title="ООО Ромашка")
        builders.client(ireca_id="c2", lastname="Сидоров", firstname="Олег")
        answer = dispatcher.get(f"{FORM}clients/", {"q": typed}).json()
        assert [row["title"] for row in answer["results"]] == ["Петров Иван"]

    def test_a_merged_client_is_not_offered(self, dispatcher: Browser) -> None:
        builders.client(ireca_id="c2", merged_into=builders.client())
        assert len(dispatcher.get(f"{FORM}clients/", {"q": "Petrov"}).json()["results"]) == 1

    def test_his_history_is_shown(self, dispatcher: Browser) -> None:
        client = builders.client(phone="+79161234567")
        for nth in range(1, 8):
            builders.with_lines(builders.order(nth, client=client, amount_to_pay=100 * nth), 1)
        builders.order(8, client=client, **builders.CANCELLED)
        line = Order.objects.get(number="N-7").lines.get()
        line.discount_total = -50
        line.save()
        answer = dispatcher.get(f"{FORM}clients/{client.pk}/").json()
        for text in ("8 orders", "1 cancelled", "N-8", "N-7", "650.00", "Moscow, Arbat, 7", "Cancelled"):
            assert text in answer["card"]
        assert "N-3" not in answer["card"]
        assert answer["address"]["street"] == "Arbat"  # he has none, so that of his last order

    def test_a_client_is_made_of_the_form(self, dispatcher: Browser) -> None:
        said = {"phone": "8 916 123-45-67", "lastname": "Новиков", "city": "Москва"}
        answer = dispatcher.post(f"{FORM}new-client/", said).json()
        made = Client.objects.get(pk=answer["id"])
        assert (made.lastname, made.phone_e164, made.address_city) == ("Новиков", "+79161234567", "Москва")
        assert Push.objects.get().object_id == made.pk
        refused = dispatcher.post(f"{FORM}new-client/", {"phone": "call me"})
        assert refused.status_code == 400
        assert len(refused.json()["problems"]) == 2
        assert Client.objects.count() == 1

    def test_who_has_the_phone_already_is_offered_first(self, dispatcher: Browser) -> None:
        known = builders.client(phone="+79211234502")
        said = {"phone": "8 (921) 123-45-02", "lastname": "Новиков", "city": "Москва"}
        answer = dispatcher.post(f"{FORM}new-client/", said).json()
        assert [one["id"] for one in answer["known"]] == [known.pk]
        assert Client.objects.count() == 1
        made = dispatcher.post(f"{FORM}new-client/", {**said, "nevertheless": "1"}).json()
        assert made["id"] != known.pk
        assert Client.objects.count() == 2


class TestSums:
    def sums(self, browser: Browser, row: Order, **typed: Any) -> dict[str, Any]:
        data = {**change_form(browser, row), "order": row.pk, **typed}
        return browser.post(f"{FORM}sums/", data).json()

    @pytest.fixture
    def row(self) -> Order:
        """Two lines of 2 × 50."""
        return builders.with_lines(builders.order(1, amount_to_pay=200), 2)

    def test_what_is_shown_is_what_is_saved(self, dispatcher: Browser, row: Order) -> None:
        typed = {"lines-0-count": "3", "lines-1-discount_total": "-10"}
        answer = self.sums(dispatcher, row, **typed)
        assert answer["lines"]["lines-0"]["total"] == "150.00"
        assert (answer["amount"]["follows"], answer["amount"]["value"]) == (True, "250.00")
        save(dispatcher, row, {**change_form(dispatcher, row), **typed})
        row.refresh_from_db()
        assert row.amount_to_pay == 250
        assert [line.total for line in row.lines.all()] == [150, 100]
        assert not Order.history.filter(id=row.pk, amount_to_pay=200, history_type="~").exclude(
            history_change_reason="before the first edit"
        )

    def test_nothing_is_written(self, dispatcher: Browser, row: Order) -> None:
        self.sums(dispatcher, row, **{"lines-0-count": "3"})
        assert not Push.objects.exists()

    def test_a_removed_line_and_a_new_one(self, dispatcher: Browser, row: Order) -> None:
        tea = good(9, price=Decimal(30), tax=builders.known(Tax, "t", title="22%"))
        new = {"lines-TOTAL_FORMS": "4", "lines-2-good": tea.pk, "lines-2-count": "2", "lines-3-count": "1"}
        answer = self.sums(dispatcher, row, **{**new, "lines-0-DELETE": "on"})
        assert set(answer["lines"]) == {"lines-1", "lines-2"}
        assert answer["lines"]["lines-2"]["total"] == "60.00"
        assert "VAT 22 %: 10.82" in answer["lines"]["lines-2"]["note"]
        assert answer["amount"]["value"] == "160.00"

    def test_a_difference_is_shown(self, dispatcher: Browser, row: Order) -> None:
        answer = self.sums(dispatcher, row, amount_to_pay="250")
        assert "50.00 is to be paid for nothing that is listed" in answer["totals"]
        assert not answer["amount"]["follows"]

    def test_a_line_that_is_wrong_says_so(self, dispatcher: Browser, row: Order) -> None:
        answer = self.sums(dispatcher, row, **{"lines-0-total": "90", "lines-1-count": "0"})
        assert "Count times price is 100.00." in answer["lines"]["lines-0"]["problems"]
        assert "The count must be above zero." in answer["lines"]["lines-1"]["problems"]

    @pytest.mark.parametrize("typed", ["", "x", "NaN", "1e400", "-Infinity", "9" * 40])
    def test_what_is_no_number_does_no_harm(self, dispatcher: Browser, row: Order, typed: str) -> None:
        answer = self.sums(dispatcher, row, **{"lines-0-count": typed, "amount_to_pay": typed, "order": typed})
        assert answer["lines"]["lines-0"]["total"] == ""

    @pytest.mark.parametrize(("typed", "parts"), [("10%", ["-10.00", "-10.00"]), ("0,01", ["-0.01", "0.00"])])
    def test_a_discount_is_spread(self, dispatcher: Browser, row: Order, typed: str, parts: list[str]) -> None:
        assert list(self.sums(dispatcher, row, spread=typed)["discounts"].values()) == parts

    @pytest.mark.parametrize("typed", ["all", "101%", "200.01"])
    def test_a_discount_that_cannot_be_is_not_spread(self, dispatcher: Browser, row: Order, typed: str) -> None:
        assert "discounts" not in self.sums(dispatcher, row, spread=typed)

    def test_a_form_of_many_lines_costs_as_much_as_one_of_few(
        self, dispatcher: Browser, queries: Callable[..., list[str]]
    ) -> None:
        few, many = builders.with_lines(builders.order(2), 3), builders.with_lines(builders.order(3), 30)
        forms = [{**change_form(dispatcher, row), "order": row.pk} for row in (few, many)]
        counts = [len(queries(lambda data=data: dispatcher.post(f"{FORM}sums/", data))) for data in forms]
        assert counts[0] == counts[1]


@pytest.mark.parametrize("name", ["goods/?q=a", "clients/?q=ab", "clients/1/"])
def test_who_may_only_look_is_told_nothing(manager: Browser, name: str) -> None:
    assert manager.get(FORM + name).status_code == 403


@pytest.mark.parametrize("name", ["sums/", "new-client/"])
def test_who_may_only_look_asks_for_no_sums_and_makes_no_client(manager: Browser, name: str) -> None:
    assert manager.post(FORM + name).status_code == 403


def test_an_editor_of_orders_who_may_not_see_goods_and_clients_is_told_none() -> None:
    user = User.objects.create_user("narrow", password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=("change_order", "view_order")))
    browser = Browser()
    browser.force_login(user)
    for name in ("goods/?q=a", "clients/?q=ab"):
        assert browser.get(FORM + name).status_code == 403
    page = browser.get(f"/admin/orders/order/{builders.order(1).pk}/change/").content.decode()
    assert 'id="form-goods"' not in page
    assert 'id="form-clients"' not in page
