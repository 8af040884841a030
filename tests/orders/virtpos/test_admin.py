"""Mappings, discount cards and clients of VirtPos as people meet them in the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.sync.models import Push
from catalog.models import Good, Warehouse
from fiscal.models import PaymentType
from orders.models import Client, Customer, DiscountCard, Feed, Hold, Line, Mapping, Order
from tests.orders import builders
from tests.orders.pages import change_form, change_url, errors, save
from tests.orders.virtpos.test_customers import ivan
from tests.orders.virtpos.test_orders import BREAD, by_courier
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db(transaction=True)
Read = Callable[..., Any]
CARDS, MAPPINGS = "/admin/orders/discountcard/", "/admin/orders/mapping/"


def row(kind: str) -> Mapping:
    return Mapping.objects.get(kind=kind)


# mappings


def test_what_waits_comes_first_and_is_counted(virtpos: Virtpos, read: Read, dispatcher: Browser) -> None:
    by_courier(virtpos, guid="g-1", delivery_type_id="7", delivery_type_name="Дроном")
    read()
    page = dispatcher.get(MAPPINGS)
    assert [str(one) for one in page.context["cl"].result_list][:3] == [
        *("Дроном", "Оплата при получении", "Просвещения проспект"),
    ]
    assert "3 codes wait for a person." in page.content.decode()
    waiting = dispatcher.get(MAPPINGS, {"waits": "1", "kind__exact": "delivery"})
    assert [str(one) for one in waiting.context["cl"].result_list] == ["Дроном"]


def test_a_way_of_delivery_lets_held_orders_go(virtpos: Virtpos, read: Read, dispatcher: Browser) -> None:
    by_courier(virtpos, guid="g-1", delivery_type_id="7", delivery_type_name="Дроном")
    read()
    drone = Mapping.objects.get(title="Дроном")
    data = {**change_form(dispatcher, drone), "delivery": "courier"}
    assert any("1 order that has not left yet" in text for text in save(dispatcher, drone, data))
    order = Order.objects.get(external_id="g-1")
    assert (order.hold, order.sync_state) == (Hold.NO, "pending")
    assert drone.history.first().delivery == "courier"


def test_each_kind_has_its_own_target(virtpos: Virtpos, feed: Feed, read: Read, dispatcher: Browser) -> None:
    read()
    good = builders.known(Good, "g", title="Коньяк")
    house = builders.known(Warehouse, "w", title="Склад", city="СПб")
    card = builders.known(PaymentType, "p", title="Карта")
    first = Mapping.objects.get(external_id="789")
    for mapping, name, target in (
        (first, "good", good),
        (row("warehouse"), "warehouse", house),
        (row("payment"), "payment_type", card),
    ):
        form = change_form(dispatcher, mapping)
        assert {"good", "warehouse", "payment_type", "delivery"} & form.keys() == {name}
        save(dispatcher, mapping, {**form, name: target.pk})
    order = Order.objects.get()
    assert (order.payment_type, order.from_city) == (card, "СПб")
    assert Line.objects.order_by("position")[0].good == good


def test_an_edit_of_ours_is_not_overwritten_by_a_mapping(virtpos: Virtpos, read: Read, dispatcher: Browser) -> None:
    read()
    line = Line.objects.order_by("position")[0]
    line.count = 5
    line.save()
    first = Mapping.objects.get(external_id="789")
    good = builders.known(Good, "g", title="Коньяк")
    told = save(dispatcher, first, {**change_form(dispatcher, first), "good": good.pk})
    assert any("1 of them was changed here too" in text for text in told)
    line.refresh_from_db()
    assert (line.count, line.good) != (5, good)


def test_orders_that_left_are_let_alone(virtpos: Virtpos, read: Read, dispatcher: Browser) -> None:
    read()
    Order.objects.update(remote_data={})
    pay = row("payment")
    other = builders.known(PaymentType, "p", title="Карта")
    save(dispatcher, pay, {**change_form(dispatcher, pay), "payment_type": other.pk})
    assert Order.objects.get().payment_type != other


def test_mappings_are_for_those_who_may(virtpos: Virtpos, read: Read, manager: Browser, stranger: Browser) -> None:
    read()
    pay = row("payment")
    assert manager.get(MAPPINGS).status_code == 200
    assert manager.post(change_url(pay), {"payment_type": ""}).status_code == 403
    assert stranger.get(MAPPINGS).status_code == 403
    assert stranger.get(change_url(pay)).status_code == 403


def test_the_list_of_mappings_costs_the_same(virtpos: Virtpos, read: Read, dispatcher: Browser, queries: Any) -> None:
    read()
    few = len(queries(lambda: dispatcher.get(MAPPINGS)))
    items = [{**BREAD[0], "item_id": str(n), "item_name": f"Хлеб {n}"} for n in range(40)]
    by_courier(virtpos, items, guid="g-1")
    read()
    assert len(queries(lambda: dispatcher.get(MAPPINGS))) <= few


# cards


def add_card(browser: Browser, **fields: Any) -> Any:
    return browser.post(f"{CARDS}add/", {**loaded(browser, f"{CARDS}add/", "discountcard_form"), **fields}, follow=True)


@pytest.fixture
def card(feed: Feed) -> DiscountCard:
    made = DiscountCard.objects.create(source=feed.source, uid="1001", type_name="Золото")
    Push.objects.all().update(state="done")
    DiscountCard.objects.update(is_known=True, sync_state="clean", card_id="5")
    made.refresh_from_db()
    return made


def commands() -> list[str]:
    return list(Push.objects.filter(entity="cards", state="queued").order_by("pk").values_list("command", flat=True))


def test_a_card_is_added_by_its_form(virtpos: Virtpos, feed: Feed, dispatcher: Browser) -> None:
    client = Client.objects.create(firstname="Анна")
    response = add_card(dispatcher, uid="A-1", medium="APP", status="NEW", client=client.pk, type_name="Золото")
    assert response.redirect_chain, errors(response)
    card = DiscountCard.objects.get()
    assert (card.uid, card.client, card.source, card.is_known) == ("A-1", client, feed.source, False)
    assert commands() == ["insertCard"]
    assert Customer.objects.get(client=client).sync_state == "pending"  # he goes first
    assert card.history.get().history_user is not None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"uid": "a b"}, "uid"),
        ({"uid": "1001"}, "uid"),
        ({"uid": "7", "barcode": "12x"}, "barcode"),
        ({"uid": "7", "status": "BLOCKED"}, "block_date"),
        ({"uid": "7", "activate_date": "2026-02-01", "block_date": "2026-01-01"}, "block_date"),
    ],
)
def test_what_is_typed_is_checked(card: DiscountCard, dispatcher: Browser, fields: dict[str, str], name: str) -> None:
    response = add_card(dispatcher, **fields)
    assert name in response.context["adminform"].form.errors
    assert DiscountCard.objects.count() == 1


def test_a_card_that_is_there_is_changed_and_not_added(virtpos: Virtpos, feed: Feed, dispatcher: Browser) -> None:
    add_card(dispatcher, uid="7", is_there="on")
    assert commands() == ["updateCard"]


def test_buttons_and_actions(virtpos: Virtpos, card: DiscountCard, dispatcher: Browser) -> None:
    page = dispatcher.get(change_url(card)).content.decode()
    assert "no way to read a card" in page
    dispatcher.post(reverse("admin:orders_discountcard_activate", args=[card.pk]))
    card.refresh_from_db()
    assert card.status == "ACTIVE"
    told = dispatcher.post(CARDS, {"action": "block_cards", "_selected_action": [card.pk]}, follow=True)
    assert messages(told) == ["1001: activated", "1001: blocked"]
    told = dispatcher.post(CARDS, {"action": "block_cards", "_selected_action": [card.pk]}, follow=True)
    assert messages(told) == ["1001: it is blocked or deleted already."]
    assert commands() == ["updateCard", "updateCard"]


def test_the_number_of_a_known_card_stays(card: DiscountCard, dispatcher: Browser) -> None:
    form = change_form(dispatcher, card)
    assert "uid" not in form
    save(dispatcher, card, {**form, "type_name": "Серебро", "uid": "evil"})
    card.refresh_from_db()
    assert (card.uid, card.type_name, commands()) == ("1001", "Серебро", ["updateCard"])


def test_a_new_card_in_place_of_the_old(card: DiscountCard, dispatcher: Browser) -> None:
    url = reverse("admin:orders_discountcard_reissue", args=[card.pk])
    assert "Золото" in dispatcher.get(url).content.decode()
    assert "already" in dispatcher.post(url, {"uid": "1001", "medium": "APP"}).content.decode()
    dispatcher.post(url, {"uid": "1002", "medium": "APP"})
    made = DiscountCard.objects.get(uid="1002")
    assert (made.replaces, made.medium, made.status) == (card, "APP", "ACTIVE")
    assert commands() == ["insertCard", "updateCard"]
    assert "1002" in dispatcher.get(change_url(card)).content.decode()


def test_a_deleted_card_stays_in_a_list_of_its_own(card: DiscountCard, dispatcher: Browser) -> None:
    dispatcher.post(f"{CARDS}{card.pk}/delete/", {"post": "yes"})
    card.refresh_from_db()
    assert (card.is_deleted, commands()) == (True, ["deleteCard"])
    assert not dispatcher.get(CARDS).context["cl"].result_list
    assert list(dispatcher.get(CARDS, {"deleted": "1"}).context["cl"].result_list) == [card]
    assert 'name="type_name"' not in dispatcher.get(change_url(card)).content.decode()


def test_cards_are_found(card: DiscountCard, dispatcher: Browser) -> None:
    client = builders.client(lastname="Сидоров", phone="+79160000001", phone_e164="+79160000001")
    DiscountCard.objects.update(client=client, barcode="2900001")
    for term in ("1001", "100", "2900001", "5", card.external_id, "Сидоров", "+7 916 000-00-01"):
        assert list(dispatcher.get(CARDS, {"q": term}).context["cl"].result_list) == [card], term
    assert not dispatcher.get(CARDS, {"q": "nobody"}).context["cl"].result_list


def test_cards_are_for_those_who_may(card: DiscountCard, manager: Browser, stranger: Browser) -> None:
    assert manager.get(CARDS).status_code == 200
    for name in ("activate", "block", "reissue"):
        url = reverse(f"admin:orders_discountcard_{name}", args=[card.pk])
        for browser in (manager, stranger):
            assert browser.post(url, {"uid": "9", "medium": "APP"}).status_code == 403
    assert manager.post(f"{CARDS}{card.pk}/delete/", {"post": "yes"}).status_code == 403
    assert stranger.get(CARDS).status_code == 403
    manager.post(CARDS, {"action": "block_cards", "_selected_action": [card.pk]}, follow=True)
    card.refresh_from_db()
    assert (card.status, card.is_deleted, DiscountCard.objects.count(), commands()) == ("NEW", False, 1, [])


def test_the_list_of_cards_costs_the_same(feed: Feed, dispatcher: Browser, queries: Any) -> None:
    def add(first: int, last: int) -> None:
        for nth in range(first, last):
            client = Client.objects.create(lastname=str(nth))
            DiscountCard.objects.create(source=feed.source, uid=f"u{nth}", client=client)

    add(0, 2)
    few = len(queries(lambda: dispatcher.get(CARDS)))
    add(2, 42)
    assert len(queries(lambda: dispatcher.get(CARDS))) <= few


# clients


def test_a_client_shows_what_virtpos_says_and_his_cards(
    virtpos: Virtpos, feed: Feed, read: Read, dispatcher: Browser
) -> None:
    read("virtpos-customers")
    DiscountCard.objects.create(source=feed.source, uid="1001", client=ivan())
    page = dispatcher.get(change_url(ivan())).content.decode()
    for text in ("At VirtPos: customer 3", "Сергеевич", "1001", "Issue a card"):
        assert text in page
    assert "Send to VirtPos" not in page.partition('id="virtpos"')[2].partition("</section>")[0]


def test_a_client_is_sent(virtpos: Virtpos, feed: Feed, dispatcher: Browser, manager: Browser) -> None:
    one, two = (Client.objects.create(firstname=name) for name in ("Анна", "Ольга"))
    url = reverse("admin:orders_client_virtpos_send", args=[one.pk])
    assert manager.post(url).status_code == 403
    assert "Send to VirtPos" in dispatcher.get(change_url(one)).content.decode()
    assert "1 client goes to VirtPos." in messages(dispatcher.post(url, follow=True))
    data = {"action": "send_to_virtpos", "_selected_action": [one.pk, two.pk]}
    told = messages(dispatcher.post("/admin/orders/client/", data, follow=True))
    assert told == ["1 client goes to VirtPos.", "1 client is there already, or on its way."]
    assert Push.objects.filter(command="add").count() == 2


def test_a_conflict_is_settled_on_the_page(virtpos: Virtpos, read: Read, dispatcher: Browser, manager: Browser) -> None:
    read("virtpos-customers")
    client = ivan()
    client.email = "ours@example.com"
    client.save()
    there = {name: value for name, value in virtpos.customers[0].items() if name not in ("age", "group_id")}
    virtpos.add_customer(**{**there, "email": "theirs@example.com"})
    read("virtpos-customers")
    page = dispatcher.get(change_url(client)).content.decode()
    assert "theirs@example.com" in page
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    url = reverse("admin:orders_client_virtpos_settle", args=[client.pk])
    assert manager.post(url, {"side": "theirs", "seen": seen}).status_code == 403
    dispatcher.post(url, {"side": "theirs", "seen": "old"})
    assert Customer.objects.get().sync_state == "conflict"
    dispatcher.post(url, {"side": "theirs", "seen": seen})
    assert (Customer.objects.get().sync_state, ivan().email) == ("clean", "theirs@example.com")


def test_virtpos_is_not_offered_where_it_is_off(db: None, dispatcher: Browser) -> None:
    client = Client.objects.create(firstname="Анна")
    assert 'id="virtpos"' not in dispatcher.get(change_url(client)).content.decode()
    assert "send_to_virtpos" not in dispatcher.get("/admin/orders/client/").content.decode()
