"""What partners see when clients of several of them are merged: their own numbers and nothing of each other's."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from backoffice.sync.models import Push
from orders import merging
from orders.merging import NotMergeable
from orders.models import Client, ClientMerge, JournalEntry, Order
from tests.orders import builders
from tests.orders.test_merging import PHONE, merge, of
from tests.partners.conftest import Partner
from tests.partners.test_writing import order

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("dispatcher")


def told(number: str, lastname: str, **values: str) -> dict[str, str]:
    return {
        "clientId": number,
        "title": "",
        "firstname": "",
        "birthday": "",
        "lastname": lastname,
        "phone": PHONE,
        **values,
    }


@pytest.fixture
def clients(partner: Partner, stranger: Partner) -> tuple[Client, Client]:
    for shop, number, lastname in ((partner, "1", "Ours"), (stranger, "9", "Theirs")):
        said = told(number, lastname, email=f"{lastname}@example.com", description=lastname)
        assert shop.call("POST", "clients/replace", [said]).status_code == 204
        assert shop.call("POST", "orders", [order("A", clientId=number)]).status_code == 201
    return Client.objects.get(lastname="Ours"), Client.objects.get(lastname="Theirs")


def test_each_sees_its_own_number_and_its_own_client(
    partner: Partner, stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    before = {shop: shop.get("clients") for shop in (partner, stranger)}
    merge(ours, theirs, survivor=ours, user=user)
    assert of(ours).count() == 2
    for shop, number in ((partner, "1"), (stranger, "9")):
        assert str(shop.get("orders?orderId=A")["clientId"]) == number
        assert [str(row["clientId"]) for row in shop.get("orders")] == [number]
        assert shop.get(f"clients?clientId={number}")["email"] == before[shop][0]["email"]
        assert [row["clientId"] for row in shop.get("clients")] == [row["clientId"] for row in before[shop]]
    assert stranger.call("GET", "clients?clientId=1").status_code == 404
    everything = [shop.get(path) for path in ("clients", "orders") for shop in (stranger,)]
    assert "Ours" not in str(everything)


def test_a_new_order_for_the_merged_client_is_the_survivor_s(
    stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    merge(ours, theirs, survivor=ours, user=user)
    assert stranger.call("POST", "orders", [order("B", clientId="9")]).status_code == 201
    assert stranger.call("POST", "orders/replace", [order("A", clientId="9")]).status_code == 201
    assert set(Order.objects.values_list("client", flat=True)) == {ours.pk}
    assert {str(row["clientId"]) for row in stranger.get("orders")} == {"9"}


def test_what_was_told_back_is_no_change(stranger: Partner, clients: tuple[Client, Client], user: User) -> None:
    ours, theirs = clients
    merge(ours, theirs, survivor=ours, user=user)
    row = Order.objects.get(source=stranger.source)
    edits = row.history.count()
    said = {"clientId": stranger.get("orders?orderId=A")["clientId"]}
    assert stranger.call("PUT", "orders?orderId=A", said).status_code == 201
    assert row.history.count() == edits


def test_an_edit_of_the_merged_client_stays_with_it(
    partner: Partner, stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    merge(ours, theirs, survivor=ours, user=user)
    assert stranger.call("PUT", "clients?clientId=9", {"lastname": "Renamed"}).status_code == 204
    theirs.refresh_from_db()
    ours.refresh_from_db()
    assert (theirs.lastname, theirs.merged_into, ours.lastname) == ("Renamed", ours, "Ours")
    assert stranger.get("clients?clientId=9")["lastname"] == "Renamed"
    assert partner.get("clients?clientId=1")["lastname"] == "Ours"


def test_a_deleted_number_that_comes_again_is_somebody_else(
    stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    merge(ours, theirs, survivor=ours, user=user)
    builders.order(7, client=theirs, delivery_status=10)  # so that the row is forgotten instead of deleted
    assert stranger.call("DELETE", "clients?clientId=9").status_code == 204
    new = told("9", "New", phone="+79168888888")
    assert stranger.call("POST", "clients/replace", [new]).status_code == 204
    assert stranger.call("POST", "orders", [order("B", clientId="9")]).status_code == 201
    assert Order.objects.get(external_id="B").client == Client.objects.get(external_id="9")
    assert Client.objects.get(external_id="9").merged_into is None
    assert of(ours).count() == 2


def test_who_deletes_the_survivor_leaves_the_others_theirs(
    partner: Partner, stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    merge(ours, theirs, survivor=ours, user=user)
    Push.objects.all().delete()
    assert partner.call("DELETE", "clients?clientId=1").status_code == 204
    assert partner.get("clients") == []
    assert partner.get("orders?orderId=A")["clientId"] is None
    # Nothing leaves for iRECA, where the courier still needs the client of the other's order.
    assert not Push.objects.exists()
    assert stranger.call("POST", "orders", [order("B", clientId="9")]).status_code == 201
    assert {str(row["clientId"]) for row in stranger.get("orders")} == {"9"}
    ours.refresh_from_db()
    assert (ours.source, ours.lastname, of(ours).count()) == (None, "Ours", 3)
    assert partner.call("POST", "clients/replace", [told("1", "Another")]).status_code == 204
    assert [row["lastname"] for row in partner.get("clients")] == ["Another"]


def test_a_client_that_its_source_has_deleted_does_not_stay(
    stranger: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    builders.order(7, client=theirs)
    Order.objects.update(delivery_status=10)  # the client of open orders could not be deleted
    assert stranger.call("DELETE", "clients?clientId=9").status_code == 204
    seen = merging.preview([ours.pk, theirs.pk])
    assert (seen.survivor, seen.candidates) == (ours, [ours])
    with translation.override("en"), pytest.raises(NotMergeable, match="cannot be the one that stays"):
        merging.preview([ours.pk, theirs.pk], theirs.pk)
    merge(ours, theirs, user=user)
    assert of(ours).count() == 3


def test_a_survivor_of_a_source_takes_no_other_s_values(
    partner: Partner, clients: tuple[Client, Client], user: User
) -> None:
    ours, theirs = clients
    seen = merging.preview([ours.pk, theirs.pk], ours.pk)
    [email] = [difference for difference in seen.differences if difference.name == "email"]
    assert [(option.text, option.allowed) for option in email.options] == [
        ("Ours@example.com", True),
        ("Theirs@example.com", False),
    ]
    with translation.override("en"), pytest.raises(NotMergeable, match="cannot be taken over"):
        merge(ours, theirs, survivor=ours, user=user, email=theirs)
    assert not ClientMerge.objects.exists()
    # Nor is it proposed where the survivor has nothing.
    Client.objects.filter(pk=ours.pk).update(email="")
    merge(ours, theirs, survivor=ours, user=user)
    assert partner.get("clients?clientId=1")["email"] == ""


def test_a_survivor_of_no_source_may_take_all(clients: tuple[Client, Client], user: User) -> None:
    house = builders.client(ireca_id="h", phone=PHONE, lastname="House", email="")
    merge(house, *clients, survivor=house, user=user, email=clients[1])
    house.refresh_from_db()
    assert house.email == "Theirs@example.com"
    assert of(house).count() == 2


def test_of_two_of_its_own_merged_clients_a_partner_is_told_the_first(
    partner: Partner, clients: tuple[Client, Client], user: User
) -> None:
    assert partner.call("POST", "clients/replace", [told("2", "Again")]).status_code == 204
    assert partner.call("POST", "orders", [order("B", clientId="2")]).status_code == 201
    house = builders.client(ireca_id="h", phone=PHONE, lastname="House")
    merge(house, *Client.objects.filter(source=partner.source), survivor=house, user=user)
    assert {str(row["clientId"]) for row in partner.get("orders")} == {"1"}


def test_the_journal_names_its_own_number(stranger: Partner, clients: tuple[Client, Client], user: User) -> None:
    ours, theirs = clients
    row = Order.objects.get(source=stranger.source)
    merge(ours, theirs, survivor=ours, user=user)
    JournalEntry.objects.create(
        order=row,
        event="edit",
        before={"clientId": theirs.ireca_id},
        after={"clientId": ours.ireca_id},
        created_at=builders.at(10),
        digest="1",
    )
    [entry] = stranger.get("journal?entityId=A&page=0&count=5")
    assert (entry["beforeItem"]["clientId"], entry["afterItem"]["clientId"]) == ("9", "9")
