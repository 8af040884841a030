"""Where a remote keeps no journal, an older request of ours that comes late is a person's question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.ireca.client.resources import Clients
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients as remotes
from backoffice.sync import lease, pull, retention, worker
from backoffice.sync.apply import resolve
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push, Sent
from orders.models import Client
from tests.bad_days import slowness
from tests.sync.test_push import drain

pytestmark = pytest.mark.django_db(transaction=True)

Late = Callable[[], Any]


def save(client: Client, description: str) -> None:
    client.refresh_from_db()
    client.description = description
    client.save()


def read() -> None:
    run = pull.run(pull.request("clients"), remotes.client(), lease.owner())
    assert (run.state, run.error) == ("done", "")


def sides(ireca: Sandbox, client: Client) -> tuple[str, str, str]:
    client.refresh_from_db()
    with ireca.state.lock:
        return client.sync_state, client.description, ireca.state.store.get("clients", client.ireca_id)["description"]


@pytest.fixture
def client(ireca: Sandbox) -> Client:
    return Client.objects.exclude(ireca_id=None)[0]


def overtaken(ireca: Sandbox, client: Client, first: str, second: str) -> Late:
    """Our first change is carried out by the call; the second one was answered."""
    with slowness.held(Clients) as held:
        save(client, first)
        drain()
    worker.start()
    save(client, second)
    drain()
    assert sides(ireca, client) == ("clean", second, second)
    (late,) = held
    return late


@pytest.fixture
def late(ireca: Sandbox, client: Client) -> Late:
    return overtaken(ireca, client, "first", "second")


def put(ireca: Sandbox, client: Client, **values: str) -> None:
    """Somebody there changes the client."""
    with ireca.state.lock:
        store = ireca.state.store
        store.put("clients", client.ireca_id, {**store.get("clients", client.ireca_id), **values})


def test_it_is_a_conflict(ireca: Sandbox, client: Client, late: Late) -> None:
    late()
    read()
    assert sides(ireca, client) == ("conflict", "second", "first")
    assert client.sync_conflict == {"description": "first"}
    assert Push.objects.filter(state__in=Push.OPEN).count() == 1
    read()
    assert sides(ireca, client) == ("conflict", "second", "first"), "until somebody has chosen"


@pytest.mark.parametrize("choice", ["ours", "theirs"])
def test_who_has_chosen_is_asked_no_more(ireca: Sandbox, client: Client, late: Late, choice: str) -> None:
    late()
    read()
    client.refresh_from_db()
    resolve(registry.for_model(Client), client, {"description": choice})
    drain()
    chosen = {"ours": "second", "theirs": "first"}[choice]
    assert sides(ireca, client) == ("clean", chosen, chosen)
    read()
    drain()
    assert sides(ireca, client) == ("clean", chosen, chosen)
    assert not Push.objects.exclude(state="done").exists()


def test_what_they_change_besides_is_taken(ireca: Sandbox, client: Client, late: Late) -> None:
    put(ireca, client, firstname="Theirs")
    read()
    assert sides(ireca, client) == ("clean", "second", "second")
    assert client.firstname == "Theirs"


def test_what_they_say_anew_is_theirs(ireca: Sandbox, client: Client, late: Late) -> None:
    put(ireca, client, description="theirs")
    read()
    assert sides(ireca, client) == ("clean", "theirs", "theirs")


def test_after_an_hour_nothing_comes_late(ireca: Sandbox, client: Client, late: Late) -> None:
    Sent.objects.update(at=timezone.now() - timedelta(hours=2))
    late()
    read()
    assert sides(ireca, client) == ("clean", "first", "first")
    Sent.objects.update(at=timezone.now() - timedelta(days=400))
    retention.prune()
    assert not Sent.objects.exists()


def test_the_same_said_twice_is_none(ireca: Sandbox, client: Client) -> None:
    for method in ("PUT", "POST"):
        ireca.faults.set("reset_after", times=1, method=method)
    save(client, "once")
    drain()
    ireca.faults.clear()
    worker.start()
    drain()
    assert sides(ireca, client) == ("clean", "once", "once")
    assert not Sent.objects.exists()


@pytest.mark.parametrize(("first", "second"), [("first", ""), ("", "second")])
def test_nothing_is_a_word_too(ireca: Sandbox, client: Client, first: str, second: str) -> None:
    overtaken(ireca, client, first, second)()
    read()
    drain()
    read()
    assert sides(ireca, client) == ("conflict", second, first)


def test_who_is_asked_may_take_his_time(ireca: Sandbox, client: Client, late: Late) -> None:
    late()
    read()
    Sent.objects.update(at=timezone.now() - timedelta(hours=2))
    put(ireca, client, firstname="Theirs")
    read()
    assert sides(ireca, client) == ("conflict", "second", "first")


def test_it_puts_back_what_it_did_not_change(ireca: Sandbox, client: Client) -> None:
    """It is a PUT of everything."""
    with slowness.held(Clients) as held:
        save(client, "first")
        drain()
    worker.start()
    client.refresh_from_db()
    before, client.firstname = client.firstname, "Ours"
    client.save()
    drain()
    held[0]()
    read()
    client.refresh_from_db()
    assert (client.sync_state, client.firstname, client.sync_conflict) == ("conflict", "Ours", {"firstname": before})


def test_it_comes_while_the_newer_one_is_answered(ireca: Sandbox, client: Client) -> None:
    with slowness.held(Clients) as held:
        save(client, "first")
        drain()
    worker.start()
    save(client, "second")

    def write(carry_out: Late) -> Any:
        answer = carry_out()
        held[0]()
        read()
        return answer

    with slowness.writes_of(Clients, write):
        drain()
    read()
    drain()
    read()
    assert sides(ireca, client) == ("conflict", "second", "first")
