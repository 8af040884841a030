"""What BIFIT Kassa may do between two looks of ours: answers that say less, come later, or are not what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from backoffice.remotes.bifit.client import BifitClient
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import callbacks, pull
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Callback, Pull, RemoteState
from orders import arrivals
from orders.admin.registers import differences
from orders.bifit import ENTITY, reader
from orders.models import Order, PaymentStatus
from tests.orders.bifit import steps

TAKEN, CLOSED, CANCELLED = 7, 10, 11
Settle = Callable[[], None]


def test_a_status_that_is_answered_and_not_taken_is_told(
    bifit: Bifit, bifit_settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED")
    # As where the order stands under another key than the service looks for.
    monkeypatch.setattr(bifit._book, "replace", lambda id_, given: bifit._book.get(id_))
    order.delivery_status = TAKEN
    order.save()
    bifit_settle()
    origin = steps.origin(order)
    assert (steps.status(bifit, id_), origin.sync_state) == ("ACCEPTED", "failed")
    assert "ISSUED" in origin.sync_error
    steps.read(id_)
    bifit_settle()
    assert steps.writes(bifit) == ["ISSUED"]  # and not again with each look

    monkeypatch.undo()
    order.description = "Once more"
    order.save()
    bifit_settle()
    assert (steps.status(bifit, id_), steps.origin(order).sync_state) == ("ISSUED", "clean")


def test_an_answer_that_was_overtaken_sets_nothing_back(bifit: Bifit, bifit_settle: Settle) -> None:
    id_, order = steps.born(bifit, currentStatusType="ISSUED")
    asked, older = timezone.now(), steps.fetched(id_)
    order.delivery_status = CLOSED
    order.save()
    bifit_settle()
    assert steps.status(bifit, id_) == "FINISHED"
    assert reader.take([older], asked).outdated == [id_]
    origin = steps.origin(order)
    assert (origin.status, origin.is_open, origin.sync_state) == ("FINISHED", False, "clean")


def test_a_run_whose_answers_were_overtaken_reads_once_more(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    (id_, order), (other, _order) = steps.born(bifit), steps.born(bifit)
    order_of = BifitClient.order

    def reading(client: BifitClient, asked_for: str) -> Any:
        if asked_for == other and not Order.objects.filter(to_line="Арбат, 2").exists():
            bifit.change(id_, address="Арбат, 2")
            reader.take([steps.fetched(id_)])  # as another worker does
        return order_of(client, asked_for)

    monkeypatch.setattr(BifitClient, "order", reading)
    run = steps.read(id_, other)
    order.refresh_from_db()
    assert (run.state, run.bad_count, order.to_line) == ("done", 0, "Арбат, 2")
    assert steps.reads(bifit).count(id_) == 4  # born, of the run, of the other worker, and once more


def test_what_is_not_said_is_not_emptied(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit, paid=True, comment="Код 12", clientName="Ирина")
    told = {"id": int(id_), "currentStatusType": "ISSUED"}
    monkeypatch.setattr(bifit._book, "get", lambda id_: told)
    assert steps.read(id_).bad_count == 0
    order.refresh_from_db()
    assert (order.to_line, order.description, order.client_firstname) == ("Адрес", "Код 12", "Ирина")
    assert (order.status, order.amount_to_pay, order.origin.status) == (PaymentStatus.PAID, 3000, "ISSUED")


@pytest.mark.parametrize("way", ["tell", "read"])
def test_one_order_over_which_the_service_falls_holds_up_no_other(
    bifit: Bifit, sandbox: Sandbox, bifit_settle: Settle, way: str
) -> None:
    born = [steps.born(bifit, currentStatusType="ACCEPTED", comment="") for _ in range(4)]
    sandbox.faults.set("503", path_contains=f"online_orders/{born[1][0]}", seconds=0)
    for id_, order in born:
        if way == "tell":
            order.delivery_status = TAKEN
            order.save()
        else:
            bifit.change(id_, comment="Код 12")
    if way == "read":
        pull.request(BIFIT, ids=[id_ for id_, _order in born])
    for _ in range(4):
        RemoteState.objects.update(blocked_until=None, block="")
        Pull.objects.filter(state="queued").update(due_at=timezone.now())
        bifit_settle()
    for nth, (id_, order) in enumerate(born):
        order.refresh_from_db()
        got = steps.status(bifit, id_) == "ISSUED" if way == "tell" else order.description == "Код 12"
        assert got == (nth != 1), nth


def test_an_order_that_is_gone_there_says_so(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit)
    get = bifit._book.get
    monkeypatch.setattr(bifit._book, "get", lambda id_: get("999"))
    assert steps.read().bad_count == 1
    origin = steps.origin(order)
    assert origin.sync_state == "failed"
    assert id_ in origin.sync_error
    monkeypatch.undo()
    steps.read()
    assert (steps.origin(order).sync_state, steps.origin(order).sync_error) == ("clean", "")


def test_a_way_of_delivery_that_changes_after_it_left_is_for_a_person(both: Sandbox) -> None:
    id_, order = steps.born(both.bifit, deliveryType="COURIER")
    assert order.hold == ""
    both.bifit.change(id_, deliveryType="SELF")
    for _ in range(2):
        assert steps.read(id_).conflict_count == 1
    origin = steps.origin(order)
    assert (origin.sync_state, origin.sync_conflict) == ("conflict", {"hold": {"base": "", "theirs": "pickup"}})
    [difference] = differences(origin)
    assert ("left" in difference.by_hand, bool(difference.ours), bool(difference.theirs)) == (True, True, True)
    with pytest.raises(ValueError, match="by hand"):
        arrivals.resolve(origin, {"hold": "theirs"})
    arrivals.resolve(origin, {"hold": "ours"})
    assert steps.read(id_).conflict_count == 0
    both.bifit.change(id_, deliveryType="COURIER")
    assert steps.read(id_).conflict_count == 0
    both.bifit.change(id_, deliveryType="SELF")
    assert steps.read(id_).conflict_count == 1


def test_a_scheduled_run_ends_though_the_service_falls_over_one_order(bifit: Bifit, sandbox: Sandbox) -> None:
    born = [steps.born(bifit) for _ in range(3)]
    sandbox.faults.set("503", path_contains=f"online_orders/{born[0][0]}", seconds=0)
    run = steps.read()
    for _ in range(pull.ATTEMPTS + 2):
        if run.state != Pull.State.DONE:
            assert run.state == Pull.State.QUEUED
            run = steps.read()
    assert (run.state, run.read, run.bad_count) == ("done", 2, 1)
    assert born[0][0] in run.error
    assert next(iter(reader._open())) != born[0][0]


def test_a_hint_that_comes_while_its_order_is_read_is_not_lost(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit, currentStatusType="FINISHED")  # no schedule reads it any more
    order_of = BifitClient.order
    body = f'{{"id": {id_}}}'.encode()

    def reading(client: BifitClient, asked_for: str) -> Any:
        found = order_of(client, asked_for)
        if not Callback.objects.exists():
            bifit.change(id_, currentStatusType="ISSUED")
            callbacks.store(BIFIT, ENTITY, body)
            callbacks.process(None, "other", BIFIT)
        return found

    monkeypatch.setattr(BifitClient, "order", reading)
    steps.read(id_)
    assert steps.origin(order).status == "FINISHED"
    Callback.objects.update(due_at=timezone.now())
    callbacks.process(None, "other", BIFIT)
    assert Callback.objects.get().state == "done"
    [run] = Pull.objects.filter(state="queued")
    assert run.params == {"ids": [id_]}
    assert steps.read(id_).conflict_count == 1
    assert steps.origin(order).status == "ISSUED"


def test_an_order_that_ended_there_may_be_gone(bifit: Bifit, bifit_settle: Settle, monkeypatch: Any) -> None:
    id_, order = steps.born(bifit, currentStatusType="NEW")
    order.delivery_status = CANCELLED
    order.save()
    bifit_settle()
    assert (steps.status(bifit, id_), steps.origin(order).sync_state) == ("DELETED", "clean")
    get = bifit._book.get
    monkeypatch.setattr(bifit._book, "get", lambda id_: get("999"))  # it shows no deleted orders
    assert steps.read(id_).bad_count == 1
    assert steps.origin(order).sync_state == "clean"


def test_a_refusal_of_an_order_that_was_gone_ends_when_it_is_back(
    bifit: Bifit, bifit_settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED")
    get = bifit._book.get
    monkeypatch.setattr(bifit._book, "get", lambda id_: get("999"))
    order.delivery_status = TAKEN
    order.save()
    bifit_settle()
    steps.read()
    assert steps.tells().get().state == "refused"
    monkeypatch.undo()
    bifit.change(id_, currentStatusType="ISSUED")
    steps.read(id_)
    bifit_settle()
    assert steps.origin(order).sync_state == "clean"
    assert not steps.tells().exists()


def test_a_scheduled_run_ends_though_the_service_falls_over_two_orders(bifit: Bifit, sandbox: Sandbox) -> None:
    born = [steps.born(bifit) for _ in range(3)]
    for id_, _order in born[:2]:
        sandbox.faults.set("503", path_contains=f"online_orders/{id_}", seconds=0)
    run = steps.read()
    for _ in range(pull.ATTEMPTS + 2):
        if run.state != Pull.State.DONE:
            run = steps.read()
    assert (run.state, run.read, run.bad_count) == ("done", 1, 2)
    assert next(iter(reader._open())) == born[2][0]


def test_a_run_that_could_read_nothing_does_not_say_that_the_service_works(bifit: Bifit, sandbox: Sandbox) -> None:
    for _ in range(2):
        steps.born(bifit)
    sandbox.faults.set("503", path_contains="online_orders/", seconds=0)
    run = steps.read()
    for _ in range(pull.ATTEMPTS + 2):
        if run.state == Pull.State.QUEUED:
            run = steps.read()
    assert (run.state, run.bad_count) == ("failed", 2)
    assert RemoteState.objects.get().failures > 0


def test_a_hint_of_what_an_interrupted_run_has_read_is_not_lost(
    bifit: Bifit, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first, order), (second, _order) = steps.born(bifit, currentStatusType="FINISHED"), steps.born(bifit)
    sandbox.faults.set("503", path_contains=f"online_orders/{second}", seconds=0)
    assert steps.read(first, second).state == "queued"
    sandbox.faults.clear()
    bifit.change(first, currentStatusType="ISSUED")
    callbacks.store(BIFIT, ENTITY, f"[{first}, {second}]".encode())
    for _ in range(2):
        steps.hurry()
        Callback.objects.filter(state="new").update(due_at=timezone.now())
        callbacks.process(None, "other", BIFIT)
        if Pull.objects.filter(state="queued").exists():
            steps.read(first, second)
    assert Callback.objects.get().state == "done"
    assert steps.origin(order).status == "ISSUED"


def test_a_way_of_delivery_that_is_not_said_is_not_changed(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit, deliveryType="SELF")
    assert order.hold == "pickup"
    told = {"id": int(id_), "currentStatusType": "ACCEPTED"}
    monkeypatch.setattr(bifit._book, "get", lambda id_: told)
    assert steps.read(id_).bad_count == 0
    order.refresh_from_db()
    assert (order.hold, order.origin.status) == ("pickup", "ACCEPTED")


def test_a_conflict_of_what_is_not_said_stays(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit, comment="Код 12")
    order.description = "Код 13"
    order.save()
    bifit.change(id_, comment="Код 14")
    assert steps.read(id_).conflict_count == 1
    told = {"id": int(id_), "currentStatusType": "ACCEPTED"}
    monkeypatch.setattr(bifit._book, "get", lambda id_: told)
    assert steps.read(id_).conflict_count == 1
    assert steps.origin(order).sync_conflict == {"description": {"base": "Код 12", "theirs": "Код 14"}}
    monkeypatch.undo()
    bifit.change(id_, comment="Код 13")
    assert steps.read(id_).conflict_count == 0
