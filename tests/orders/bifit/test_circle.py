"""The full circle on the sandbox: born at BIFIT Kassa, delivered by iRECA's courier, over at both; and what cannot go
wrong on the way: broken networks, killed workers, tokens that end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import clients, connection, lease, pull, worker
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import AccessToken, Callback, Pull, Push, RemoteState
from couriers.models import Courier
from orders import actions
from orders.bifit import outlet
from orders.models import Client, Feed, Order, Origin, ReturnReason
from tests.orders.bifit import steps

DELIVERED_IN = 3600  # seconds of the sandbox's couriers


def courier() -> Courier:
    return Courier.objects.get(ireca_id="55752")


@pytest.fixture
def circle(listening: Sandbox, settings: Any) -> Sandbox:
    """Both remotes; iRECA posts what its couriers do."""
    steps.switch_on(listening.bifit, settings)
    return listening


def test_born_at_bifit_delivered_by_irecas_courier_finished_at_bifit(
    circle: Sandbox, settle: Callable[[], None]
) -> None:
    id_, order = steps.born(circle.bifit, responsiblePersonLogin=None)
    settle()
    order.refresh_from_db()
    assert (order.sync_state, order.sync_error) == ("clean", "")
    at_ireca = circle.order(order.ireca_id)
    assert (at_ireca["codeAlias"], at_ireca["amountToPay"]) == (order.number, "3000.00")

    actions.assign([order.pk], courier())
    settle()
    assert steps.status(circle.bifit, id_) == "DISTRIBUTED"

    seen = []
    for _step in range(30):
        circle.tick(120)
        settle()
        if (now := steps.status(circle.bifit, id_)) not in seen[-1:]:
            seen.append(now)
        if now == "FINISHED":
            break
    assert seen[-2:] == ["ISSUED", "FINISHED"]
    order.refresh_from_db()
    assert order.delivery_status == 10
    origin = steps.origin(order)
    assert (origin.sync_state, origin.is_open) == ("clean", False)
    assert circle.bifit.violations == []
    assert circle.violations == []


def test_cancelled_by_a_dispatcher_it_is_refused_and_a_new_one_deleted(
    circle: Sandbox, settle: Callable[[], None]
) -> None:
    distributed, first = steps.born(circle.bifit, currentStatusType="DISTRIBUTED")
    new, second = steps.born(circle.bifit, currentStatusType="NEW")
    settle()
    assert all(outcome.done for outcome in actions.cancel([first.pk, second.pk], ReturnReason.objects.first()))
    settle()
    assert (steps.status(circle.bifit, distributed), steps.status(circle.bifit, new)) == ("REFUSED", "DELETED")
    assert circle.order(first.ireca_id)["deliveryStatusId"] == 11


def test_picked_up_orders_never_reach_ireca_and_are_finished_by_hand(
    circle: Sandbox, settle: Callable[[], None]
) -> None:
    id_, order = steps.born(circle.bifit, deliveryType="SELF", address=None)
    settle()
    assert circle.order(order.ireca_id) is None
    order.delivery_status = 10
    order.save()
    settle()
    assert steps.status(circle.bifit, id_) == "FINISHED"
    assert circle.order(order.ireca_id) is None


def test_an_order_that_waits_goes_when_a_dispatcher_hands_it_over(circle: Sandbox, settle: Callable[[], None]) -> None:
    source = Feed.of(BIFIT).source
    source.waits_for_dispatcher = True
    source.save()
    id_, order = steps.born(circle.bifit, responsiblePersonLogin=None)
    settle()
    assert circle.order(order.ireca_id) is None
    actions.assign([order.pk], courier())
    settle()
    assert circle.order(order.ireca_id)["courierId"] == 55752 or circle.order(order.ireca_id)["courierId"] == "55752"
    assert steps.status(circle.bifit, id_) == "DISTRIBUTED"


@pytest.mark.one_engine
@pytest.mark.parametrize("kind", ["500", "429", "reset_before", "reset_after", "garbage"])
def test_nothing_is_lost_where_every_third_request_fails_on_both_remotes(
    both: Sandbox, settings: Any, kind: str
) -> None:
    settings.HTTP_TIMEOUT = 5
    ids = [str(both.bifit.add(responsiblePersonLogin=None)["id"]) for _ in range(12)]
    both.faults.set(kind, probability=0.3, seconds=0)
    pull.request(BIFIT, ids=ids)
    _work_on(lambda: Order.objects.filter(origin__key__in=ids).count() == 12)
    orders = Order.objects.filter(origin__key__in=ids)
    actions.assign(list(orders.values_list("pk", flat=True)), courier())
    _work_on(lambda: {steps.status(both.bifit, id_) for id_ in ids} == {"DISTRIBUTED"})
    orders.update(delivery_status=10)
    _work_on(lambda: {steps.status(both.bifit, id_) for id_ in ids} == {"FINISHED"})
    both.faults.clear()
    _work_on(lambda: not Push.objects.filter(state__in=Push.OPEN).exists())
    assert orders.count() == len(ids) == Client.objects.filter(source=Feed.of(BIFIT).source).count() * 12
    assert set(orders.values_list("sync_state", flat=True)) == {"clean"}
    assert set(Origin.objects.filter(key__in=ids).values_list("sync_state", flat=True)) == {"clean"}
    assert both.bifit.violations == []


def _work_on(until: Callable[[], bool]) -> None:
    for _round in range(120):
        worker.drain(lease.owner("test"))
        if until():
            return
        steps.hurry()
        for remote in connection.TITLES:
            connection.unblock(remote, impatiently=True)
    raise AssertionError(list(Push.objects.filter(state__in=Push.OPEN).values_list("remote", "entity", "error")))


def test_a_worker_killed_in_the_middle_leaves_nothing_undone(
    bifit: Bifit, bifit_settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [str(bifit.add(responsiblePersonLogin=None, clientId=None)["id"]) for _ in range(3)]
    steps.read(*ids)
    person = Courier.objects.create(title="Petrov", ireca_id="77")
    actions.assign(list(Order.objects.values_list("pk", flat=True)), person)

    class Killed(BaseException):
        pass

    def dies(object_id: int, there: Any) -> None:
        raise Killed

    sound = outlet.OUTLETS[BIFIT, "online_orders"]
    monkeypatch.setitem(outlet.OUTLETS, (BIFIT, "online_orders"), type(sound)(sound.tell, dies, sound.refused))
    with pytest.raises(Killed):
        worker.drain_messages("elsewhere:1:gone", BIFIT)
    monkeypatch.undo()
    assert steps.writes(bifit) == ["DISTRIBUTED"]  # sent, and nobody noted it
    assert steps.tells().filter(lease_owner="elsewhere:1:gone").count() == 3

    bifit_settle()  # another worker finds them held
    assert steps.writes(bifit) == ["DISTRIBUTED"]
    Push.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    bifit_settle()
    assert steps.writes(bifit) == ["DISTRIBUTED"] * 3  # the first was not sent twice
    assert not steps.tells().exists()


def test_a_run_that_is_cut_off_goes_on_where_it_stopped(bifit: Bifit, sandbox: Sandbox) -> None:
    ids = [str(bifit.add()["id"]) for _ in range(120)]
    last = ids[60]
    sandbox.faults.set("503", path_contains=last, seconds=0)
    run = steps.read(*ids)
    assert run.state == "queued"
    assert Order.objects.count() == run.read == 60
    sandbox.faults.clear()
    steps.hurry()
    bifit.requests.clear()
    run = steps.read(*ids)
    assert (run.state, run.created_count, Order.objects.count()) == ("done", 120, 120)
    assert len(steps.reads(bifit)) <= 70


def test_one_order_at_which_the_service_always_fails_keeps_no_other_back(
    bifit: Bifit, sandbox: Sandbox, settings: Any
) -> None:
    ids = [str(bifit.add()["id"]) for _ in range(4)]
    sandbox.faults.set("500", path_contains=ids[1])
    run = steps.read(ids[0], "999", *ids[1:])
    assert (run.state, run.read, run.bad_count) == ("queued", 3, 1)
    for _attempt in range(pull.ATTEMPTS - 1):
        steps.hurry()
        run = steps.read(ids[0], "999", *ids[1:])
    assert (run.state, run.bad_count) == ("failed", 1)
    assert "999" in run.error
    assert Order.objects.count() == 3


# the shared token


@pytest.mark.django_db(transaction=True)
def test_four_workers_share_one_renewal_when_the_token_ends_in_the_middle_of_200_fetches(
    sandbox: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bifit = sandbox.bifit
    steps.switch_on(bifit, settings)
    ids = [str(bifit.add()["id"]) for _ in range(200)]
    steps.read(ids[0])
    assert (bifit.logins, bifit.renewals) == (1, 0)
    runs = [pull.request(BIFIT, ids=ids[number::4]) for number in range(4)]
    barrier, handle, came = threading.Barrier(4), bifit.handle, itertools.count(1)

    def in_the_middle(*arguments: Any) -> Any:
        if next(came) == 100:
            bifit.expire_tokens()
        return handle(*arguments)

    monkeypatch.setattr(bifit, "handle", in_the_middle)

    def work(run: Pull) -> None:
        try:
            barrier.wait(20)
            pull.run(run, clients.client(BIFIT), lease.owner(f"reader-{run.pk}"))
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        works = [pool.submit(work, run) for run in runs]
        for done in works:
            done.result(120)
    assert {(run.state, run.bad_count, run.error) for run in Pull.objects.all()} == {("done", 0, "")}
    assert Order.objects.count() == 200
    assert (bifit.logins, bifit.renewals) == (1, 1)
    assert bifit.violations == []


def test_a_wrong_password_is_tried_once_and_the_remote_waits_for_better_settings(
    bifit: Bifit, settings: Any, bifit_settle: Callable[[], None]
) -> None:
    settings.BIFIT_PASSWORD = "wrong"
    for number in range(5):
        pull.request(BIFIT, ids=[str(number)])
    bifit_settle()
    steps.hurry()
    bifit_settle()
    tried = [request for request in bifit.requests if request["path"].endswith("oauth/token")]
    assert len(tried) == 1
    state = RemoteState.objects.get(pk=BIFIT)
    assert state.block == "config"
    assert "does not accept the user name and password" in state.reason
    assert Pull.objects.filter(state="queued").exclude(params={}).count() == 5  # nothing is lost
    assert AccessToken.objects.get().access == ""


# what is posted to us


@pytest.mark.parametrize(
    "body",
    [
        "[{a}, {b}]",
        '["{a}", "{b}"]',
        '{{"ids": [{a}, {b}]}}',
        '{{"items": [{{"id": {a}}}, {{"id": "{b}"}}]}}',
        '{{"event": "changed", "onlineOrders": [{{"onlineOrder": {{"id": {a}}}}}, {{"orderId": {b}}}]}}',
        '{{"onlineOrder": {{"id": {a}, "clientId": 5}}, "more": {{"id": {b}}}}}',
    ],
)
def test_what_is_posted_is_a_hint_which_orders_to_read(
    bifit: Bifit, bifit_settle: Callable[[], None], client: Any, settings: Any, body: str
) -> None:
    settings.CALLBACK_SECRET = "callback-secret"
    a, b = (str(bifit.add()["id"]) for _ in range(2))
    text = body.format(a=a, b=b)
    url = "/callbacks/bifit/callback-secret/orders"
    for _twice in range(2):
        response = client.post(url, data=text, content_type="application/json")
        assert (response.status_code, response.content) == (201, b"")
    assert Callback.objects.values_list("body", flat=True)[0] == text
    assert Order.objects.count() == 0  # what it says is not believed
    bifit_settle()
    assert set(Order.objects.values_list("external_id", flat=True)) == {a, b}
    assert set(Callback.objects.values_list("state", flat=True)) == {"done"}


@pytest.mark.parametrize("body", ["", "nonsense", "{}", '{"event": "ping"}', "true", "[[[[[[[[[1]]]]]]]]]"])
def test_what_names_no_order_stays_visible_as_failed(
    bifit: Bifit, bifit_settle: Callable[[], None], client: Any, settings: Any, body: str
) -> None:
    settings.CALLBACK_SECRET = "callback-secret"
    url = "/callbacks/bifit/callback-secret/orders"
    assert client.post(url, data=body, content_type="application/json").status_code == 201
    bifit_settle()
    assert Callback.objects.get().state == "failed"
    assert not Pull.objects.exclude(params={}).exists()


@pytest.mark.parametrize(
    "path", ["bifit/wrong/orders", "bifit/callback-secret/others", "nobody/callback-secret/orders"]
)
def test_a_stranger_sees_no_such_page(db: None, client: Any, settings: Any, path: str) -> None:
    settings.CALLBACK_SECRET = "callback-secret"
    assert client.post(f"/callbacks/{path}", data="[1]", content_type="application/json").status_code == 404
    assert not Callback.objects.exists()
