"""Orders of ours created at BIFIT Kassa: what is sent, once; and what a person does where the answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backoffice.remotes.bifit.client import BifitClient
from backoffice.remotes.errors import Retry, Unknown
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import verdicts
from backoffice.sync.commands import COMMANDS
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Push
from orders import actions
from orders.bifit import commands
from orders.models import Client, Feed, Order
from tests.orders import builders
from tests.orders.bifit import steps


@pytest.fixture
def order(bifit: Bifit) -> Order:
    row = builders.with_lines(builders.order(1, description="Ring twice"), 2)
    row.lines.update(discount_total=-5)
    Push.objects.all().delete()
    return row


def created(bifit: Bifit) -> list[dict[str, Any]]:
    return [made for made in bifit.orders if str(made["id"]) != steps.SAMPLE]


def test_an_order_is_created_once_and_followed_up(bifit: Bifit, order: Order, bifit_settle: Callable[[], None]) -> None:
    [outcome] = commands.create([order.pk])
    assert outcome.done
    [again] = commands.create([order.pk])
    assert (again.done, again.text) == (False, "is on its way to BIFIT Kassa already")
    bifit_settle()
    [there] = created(bifit)
    assert {name: there[name] for name in ("externalId", "deliveryType", "currentStatusType", "comment")} == {
        "externalId": "N-1",
        "deliveryType": "COURIER",
        "currentStatusType": "ACCEPTED",
        "comment": "Ring twice",
    }
    assert (there["address"], there["totalAmount"], there["paid"]) == ("Moscow, Arbat, 1", 90.0, False)
    assert (there["organizationId"], there["tradeObjectId"]) == ("org", "shop-1")
    assert there["deliveryTime"] == int(order.delivery_time_from.timestamp() * 1000)  # type: ignore[union-attr]
    posted = next(request for request in bifit.requests if request["method"] == "POST" and "orders" in request["path"])
    assert posted["body"]["items"] == [
        {"name": f"Good {number}", "quantity": 2.0, "price": 50.0, "total": 95.0} for number in range(2)
    ]
    origin = steps.origin(order)
    assert (origin.key, origin.status, origin.sync_state) == (str(there["id"]), "ACCEPTED", "clean")
    assert origin.data == there
    assert Order.objects.count() == 1  # reading it made no second one
    order.refresh_from_db()
    assert (order.to_street, order.amount_to_pay, order.description) == ("Arbat", 100, "Ring twice")
    assert [outcome.text for outcome in commands.create([order.pk])] == [
        f"is known at BIFIT Kassa {there['id']} already"
    ]

    actions.assign([order.pk], builders.courier())
    bifit_settle()
    assert steps.status(bifit, str(there["id"])) == "DISTRIBUTED"
    assert bifit.violations == []


def test_an_order_for_pickup_is_created_without_an_address(
    bifit: Bifit, order: Order, bifit_settle: Callable[[], None]
) -> None:
    Order.objects.filter(pk=order.pk).update(hold="pickup")
    commands.create([order.pk])
    bifit_settle()
    [there] = created(bifit)
    assert (there["deliveryType"], there["address"]) == ("SELF", None)


def test_a_client_of_bifit_keeps_his_id(bifit: Bifit, order: Order, bifit_settle: Callable[[], None]) -> None:
    feed = Feed.of(BIFIT)
    mine = Client.objects.create(source=feed.source, external_id="42", lastname="Petrova")
    Order.objects.filter(pk=order.pk).update(client=mine)
    commands.create([order.pk])
    bifit_settle()
    [there] = created(bifit)
    assert (there["clientId"], there["clientName"]) == (42, "Petrova")
    order.refresh_from_db()
    assert order.client == mine


@pytest.mark.parametrize("setting", ["BIFIT_ORGANIZATION_ID", "BIFIT_TRADE_OBJECT_ID", "BIFIT_PASSWORD"])
def test_without_its_settings_nothing_is_created_and_the_text_names_them(
    order: Order, settings: Any, setting: str
) -> None:
    setattr(settings, setting, "")
    with pytest.raises(ValueError, match=setting):
        commands.create([order.pk])
    assert not Push.objects.exists()


def test_what_cannot_be_created_says_why(bifit: Bifit, order: Order) -> None:
    closed = builders.order(2, delivery_status=10)
    nowhere = builders.order(3, to_city="", to_street="", to_home="")
    texts = {outcome.order.number: outcome.text for outcome in commands.create([closed.pk, nowhere.pk])}
    assert texts == {"N-2": "is closed or cancelled", "N-3": "An order for a courier needs an address."}
    assert not Push.objects.exists()


def test_a_refusal_is_told_and_may_be_tried_again(
    bifit: Bifit, sandbox: Sandbox, order: Order, bifit_settle: Callable[[], None]
) -> None:
    sandbox.state.poison["online_orders", "N-1"] = "Заказ не принят"
    commands.create([order.pk])
    bifit_settle()
    push = commands.creation(order)
    assert push is not None
    assert (push.state, push.error) == ("refused", "Заказ не принят")
    sandbox.state.poison.clear()
    assert commands.create([order.pk])[0].done
    bifit_settle()
    assert steps.origin(order).status == "ACCEPTED"
    assert Push.objects.filter(action="command").count() == 1


@pytest.mark.parametrize("fault", ["reset_after", "garbage"])
def test_a_lost_answer_is_never_repeated_blindly(
    bifit: Bifit, sandbox: Sandbox, order: Order, bifit_settle: Callable[[], None], fault: str
) -> None:
    steps.read(steps.SAMPLE)
    sandbox.faults.set(fault, times=1, method="POST", path_contains="online_orders")
    commands.create([order.pk])
    for _attempt in range(3):
        steps.hurry()
        bifit_settle()
    [there] = created(bifit)
    push = commands.creation(order)
    assert push is not None
    assert push.state in ("unknown", "done")
    assert not hasattr(Order.objects.get(pk=order.pk), "origin")
    if push.state == "done":  # it was answered, and the id could not be read
        assert commands.why_not(order) == "was created at BIFIT Kassa, its id there is to be entered"
    commands.link(order, str(there["id"]))
    bifit_settle()
    assert steps.origin(order).data == there
    assert commands.creation(order).state == "done"  # type: ignore[union-attr]
    assert len(created(bifit)) == 1
    with pytest.raises(ValueError, match="known at a register service"):
        commands.link(order, "5")


def test_a_person_says_that_it_was_not_done(
    bifit: Bifit, sandbox: Sandbox, order: Order, bifit_settle: Callable[[], None]
) -> None:
    steps.read(steps.SAMPLE)
    sandbox.faults.set("reset_before", times=1, method="POST", path_contains="online_orders")
    commands.create([order.pk])
    for _attempt in range(3):
        steps.hurry()
        bifit_settle()
    push = commands.creation(order)
    assert push is not None
    if push.state == "unknown":
        assert verdicts.was_not_done(push)
        bifit_settle()
    assert len(created(bifit)) == 1
    assert steps.origin(order).status == "ACCEPTED"


def test_what_was_surely_not_processed_is_sent_again_by_itself(
    bifit: Bifit, sandbox: Sandbox, order: Order, bifit_settle: Callable[[], None]
) -> None:
    steps.read(steps.SAMPLE)
    sandbox.faults.set("429", times=2, method="POST", path_contains="online_orders", seconds=0)
    commands.create([order.pk])
    for _attempt in range(4):
        steps.hurry()
        bifit_settle()
    assert len(created(bifit)) == 1
    assert steps.origin(order).status == "ACCEPTED"


def test_where_the_answer_tells_no_id_a_person_enters_it(
    bifit: Bifit, order: Order, bifit_settle: Callable[[], None]
) -> None:
    bifit.tells_created = False
    commands.create([order.pk])
    bifit_settle()
    [there] = created(bifit)
    assert commands.why_not(order) == "was created at BIFIT Kassa, its id there is to be entered"
    other = steps.born(bifit)[1]
    with pytest.raises(ValueError, match="This is the id of order"):
        commands.link(order, other.origin.key)
    commands.link(order, str(there["id"]))
    bifit_settle()
    assert steps.origin(order).data == there


@pytest.mark.parametrize("fault", ["reset_after", "500_after"])
def test_what_may_be_ours_makes_no_second_order_here(
    bifit: Bifit, order: Order, bifit_settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    make = BifitClient.create

    def lose(self: BifitClient, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        raise Unknown("lost") if fault == "reset_after" else Retry("failed", status=500, down=False)

    monkeypatch.setattr(BifitClient, "create", lose)
    commands.create([order.pk])
    for _attempt in range(3):
        steps.hurry()
        bifit_settle()
    [there] = created(bifit)
    run = steps.read(there["id"])
    assert (run.created_count, run.bad_count) == (0, 1)
    assert "may be order N-1 of ours: link it there" in run.error
    assert Order.objects.count() == 1
    commands.link(order, str(there["id"]))
    bifit_settle()
    assert steps.origin(order).data == there


def test_an_order_read_before_its_creation_is_closed_is_adopted(
    bifit: Bifit, order: Order, bifit_settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = COMMANDS[commands.ENTITY, commands.COMMAND]

    def read_then_done(push: Push) -> None:
        steps.read(created(bifit)[0]["id"])
        done.done(push)

    monkeypatch.setitem(COMMANDS, (commands.ENTITY, commands.COMMAND), replace(done, done=read_then_done))
    commands.create([order.pk])
    bifit_settle()
    assert Order.objects.get() == order
    assert steps.origin(order).key == str(created(bifit)[0]["id"])
    assert commands.creation(order).error == ""  # type: ignore[union-attr]


def test_an_id_that_another_order_has_is_shown_and_ends_the_command(
    bifit: Bifit, order: Order, bifit_settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, other = steps.born(bifit)
    monkeypatch.setattr(BifitClient, "create", lambda *args, **options: id_)
    commands.create([order.pk])
    bifit_settle()
    push = commands.creation(order)
    assert push is not None
    assert (push.state, push.error) == ("done", f"This is the id of order {other}.")
