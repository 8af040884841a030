"""Of a client's address iRECA takes four attributes and answers seven (T58): the rest stays ours until it says some."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, pull
from backoffice.sync.apply import apply
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push
from orders.client_data import erase
from orders.client_data.held import Held
from orders.models import Client, Erasure
from tests.sync.test_push import drain, writes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(ireca: Sandbox) -> Client:
    client = Client.objects.create(
        lastname="Petrova",
        firstname="Anna",
        phone="+79210000001",
        address_postindex="170000",
        address_city="Tver",
        address_street="Sovetskaya",
        address_home="1",
        address_latitude=Decimal("56.8586"),
        address_longitude=Decimal("35.9171"),
    )
    drain()
    return client


def read(client: Client, **said: str) -> Client:
    """What GET /clients/{id} answers, with these parts of the address."""
    theirs = clients.client().clients.get(client.ireca_id)
    for name, value in said.items():
        setattr(theirs.address_entity, name, Decimal(value) if "tude" in name else value)
    mirror = registry.for_model(Client)
    assert mirror is not None
    apply(mirror, [theirs])
    client.refresh_from_db()
    return client


def test_what_ireca_was_never_told_stays(ireca: Sandbox, client: Client) -> None:
    (told,) = [request["body"] for request in writes(ireca) if "clients" in request["path"]]
    assert set(told["addressEntity"] if isinstance(told, dict) else told[0]["addressEntity"]) == {
        "city",
        "street",
        "home",
        "apartment",
    }
    assert pull.run(pull.request("clients"), clients.client(), lease.owner()).state == "done"
    read(client)
    assert client.sync_state == "clean"
    assert (client.address_postindex, client.address_latitude) == ("170000", Decimal("56.8586"))


def test_a_place_that_ireca_found_is_taken_and_the_postcode_stays(client: Client) -> None:
    read(client, latitude="60.03", longitude="30.37", postindex="")
    assert client.sync_state == "clean"
    assert (client.address_postindex, client.address_latitude) == ("170000", Decimal("60.03"))
    read(client, latitude="60.03", longitude="30.37", postindex="190000")
    assert client.address_postindex == "190000"


def test_what_cannot_be_told_is_no_change(ireca: Sandbox, client: Client) -> None:
    before = len(writes(ireca))
    client.refresh_from_db()
    client.address_postindex, client.address_latitude = "170001", Decimal("56.9")
    client.save()
    drain()
    assert len(writes(ireca)) == before
    client.refresh_from_db()
    assert (client.sync_state, client.address_postindex) == ("clean", "170001")
    assert not Push.objects.filter(state__in=Push.OPEN).exists()


def test_their_change_of_the_city_is_no_conflict_with_our_place(client: Client) -> None:
    client.refresh_from_db()
    client.address_latitude = Decimal("56.9")
    client.phone = "+79210000002"
    client.save()
    read(client, city="Torzhok")
    assert (client.sync_state, client.address_city, client.address_latitude) == ("pending", "Torzhok", Decimal("56.9"))


def test_an_erasure_ends(client: Client) -> None:
    row = erase.advance(erase.ask(Held.of(str(client.pk))))
    assert row.step == Erasure.Step.REMOTES
    drain()
    assert erase.advance(Erasure.objects.get()).step == Erasure.Step.DONE
    client.refresh_from_db()
    assert (client.sync_state, client.address_street, client.address_latitude) == ("clean", "", None)
