"""Couriers, callbacks, receipts, faults, control, restart and speed of the sandbox."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from backoffice.remotes.sandbox import SAMPLE_TOKEN, Habits, Sandbox
from tests.remotes.sandbox_support import call, order, receiver, wait_until

ROOT = Path(__file__).parents[2]
MORNING = datetime(2021, 5, 15, 9, 0, 0, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(clock=lambda: MORNING, callback_backoff=0.02, trailing_commas=False) as running:
        yield running


def register(sandbox: Sandbox, url: str, kind: str = "orders", active: int = 1) -> None:
    assert call(sandbox, "POST", f"/{kind}/callback", {"url": url, "isActive": active}).status_code == 201


# The courier's day


def test_courier_takes_delivers_and_closes_an_order_as_time_goes_by(sandbox: Sandbox) -> None:
    sandbox.tick(1800)
    read = sandbox.order(1)
    assert (read["deliveryStatusId"], read["statusId"], read["frReceiptStatusId"]) == (10, 1, 1)
    assert read["frUsedPaymentId"] == 4113
    assert [(p["paymentTypeId"], p["price"]) for p in read["payments"]] == [("4113", 539.78)]
    assert read["goods"][0]["warehouses"][0]["tookCount"] == 1

    (receipt,) = call(sandbox, "GET", "/orderReceipts?orderId=1").json()
    assert (len(receipt["fn"]), len(receipt["fiscalSign"]), receipt["orderId"]) == (16, 10, 1)
    statuses = call(sandbox, "GET", "/orders/journalStatuses?orderId=1").json()
    assert [row["statusId"] for row in statuses] == [7, 9, 10]
    assert statuses[1]["createdAt"] > statuses[0]["createdAt"]
    assert statuses[1]["longitude"] != 0
    journal = call(sandbox, "GET", "/journal?entityId=1&page=0&count=10").json()
    by_courier = [row for row in journal if row["source"] == "Application: iRECA Courier"]
    assert [row["afterItem"] for row in by_courier] == [
        {"deliveryStatusId": 7},
        {"statusId": 1, "frReceiptStatusId": 1},
        {"deliveryStatusId": 9},
        {"deliveryStatusId": 10},
    ]
    assert {row["courierId"] for row in by_courier} == {"55752"}

    points = call(sandbox, "GET", "/locations?courierId=55752&page=0&count=500").json()
    moments = [datetime.strptime(row["createdAt"], "%Y-%m-%d %H:%M:%S") for row in points]  # noqa: DTZ007
    assert min((b - a).total_seconds() for a, b in pairwise(moments)) >= 60
    assert len({(row["latitude"], row["longitude"]) for row in points}) > 5
    late = call(
        sandbox, "GET", f"/locations?courierId=55752&createdAt={points[3]['createdAt']}&page=0&count=500"
    ).json()
    assert late == points[3:]


def test_refund_order_gets_a_return_receipt(sandbox: Sandbox) -> None:
    sandbox.tick(3600)
    assert sandbox.order(2)["deliveryStatusId"] == 10
    assert sandbox.receipts(2) == []
    assert len(sandbox.receipts(2, "orderReturnReceipts")) == 1
    assert len(sandbox.order(2)["payments"]) == 2


def test_order_without_courier_waits(sandbox: Sandbox) -> None:
    sandbox.tick(3600)
    assert sandbox.order(209900)["deliveryStatusId"] == 1
    body = {"orderIds": ["209900"], "attributes": {"courierId": "55752", "deliveryStatusId": 6}}
    call(sandbox, "PUT", "/orders/multipleUpdate", body)
    sandbox.tick(3600)
    assert sandbox.order(209900)["deliveryStatusId"] == 10


def test_order_taken_away_under_way_is_let_go(sandbox: Sandbox) -> None:
    sandbox.tick(180)
    assert sandbox.order(1)["deliveryStatusId"] == 7
    body = {"orderIds": ["1"], "attributes": {"deliveryStatusId": 11, "returnReasonId": "5278"}}
    call(sandbox, "PUT", "/orders/multipleUpdate", body)
    sandbox.tick(3600)
    assert sandbox.order(1)["deliveryStatusId"] == 11
    assert sandbox.order(2)["deliveryStatusId"] == 10


def test_fiscal_documents_run_without_gaps_within_a_drive(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/orders", [order(7000 + n, courierId="55753") for n in range(5)])
    for n in range(5):
        sandbox.deliver(7000 + n)
    printed = [sandbox.receipts(7000 + n)[0] for n in range(5)]
    assert [row["fdNumber"] for row in printed] == ["1", "2", "3", "4", "5"]
    assert len({row["fn"] for row in printed}) == 1


def test_card_payment_and_prepayment(sandbox: Sandbox) -> None:
    call(sandbox, "POST", "/orders", [order(7001, courierId="55752", prePaymentSum=39.78)])
    sandbox.deliver(7001, payment_type_id=4114)
    prepaid, card = sandbox.order(7001)["payments"]
    assert (prepaid["paymentTypeId"], prepaid["price"]) == ("4115", 39.78)
    assert (card["paymentTypeId"], card["price"], len(card["rrn"])) == ("4114", 500, 12)
    assert len(sandbox.receipts(7001)) == 2
    read = sandbox.order(7001)
    assert (read["paymentId"], read["originalPaymentId"], read["frUsedPaymentId"]) == ("4114", 4113, 4114)


def test_cancel_refund_and_edited_line(sandbox: Sandbox) -> None:
    line = order()["goods"][0] | {"count": 4, "price": 100, "total": 400, "discountTotal": -40}
    call(sandbox, "POST", "/orders", [order(7001, courierId="55752", goods=[line], amountToPay=400)])
    sandbox.edit_line(7001, 355864, count=3, reason_id=5277)
    read = sandbox.order(7001)
    edited = read["goods"][0]
    assert (read["isEdited"], read["amountToPay"], edited["count"], edited["total"]) == (1, "300.00", 3, 300)
    assert edited["discountTotal"] == -30
    assert edited["canceledItems"] == [{"returnReasonId": 5277, "count": 1, "createdAt": "2021-05-15 09:00:00"}]

    sandbox.deliver(7001)
    assert sandbox.order(7001)["payments"][0]["price"] == 270
    sandbox.refund(7001, 5277)
    returned = sandbox.order(7001)["returnedOrder"]
    assert sandbox.order(7001)["isReturned"] == 1
    assert (returned["returnedOrderId"], returned["returnReasonId"]) == (7001, 5277)
    assert [(row["paymentTypeId"], row["sum"]) for row in returned["returnedPayments"]] == [("4113", 270)]
    assert [(row["goodId"], row["count"], row["sum"]) for row in returned["returnedGoods"]] == [(355864, 3, 270)]
    assert len(call(sandbox, "GET", "/orderReturnReceipts?orderId=7001").json()) == 1

    sandbox.cancel(1, 5278)
    assert (sandbox.order(1)["deliveryStatusId"], sandbox.order(1)["returnReasonId"]) == (11, 5278)


def test_what_the_courier_did_survives_an_edit_by_the_dispatcher(sandbox: Sandbox) -> None:
    line = order()["goods"][0] | {"count": 2, "total": 1079.56}
    sent = order(7001, courierId="55752", deliveryStatusId=7, statusId=1, goods=[line])
    call(sandbox, "POST", "/orders", [sent])
    sandbox.edit_line(7001, 355864, count=1)
    sandbox.deliver(7001)
    call(sandbox, "POST", "/orders/replace", [sent | {"deliveryStatusId": 9, "description": "Спасибо"}])
    read = sandbox.order(7001)
    assert (len(read["payments"]), read["frReceiptStatusId"], read["isEdited"]) == (1, 1, 1)
    assert len(read["goods"][0]["canceledItems"]) == 1


def test_things_go_wrong_as_often_as_told() -> None:
    habits = Habits(
        take=60, drive=60, close=60, refund_probability=0.5, edit_probability=1, registrar_error_probability=1,
        terminal_error_probability=1, session_probability=1, cancel_probability=0.3,
    )  # fmt: skip
    runs = []
    for _ in range(2):
        sandbox = Sandbox(clock=lambda: MORNING, habits=habits, random_seed=5)
        with sandbox:
            call(sandbox, "POST", "/orders", [order(7000 + n, courierId="55753") for n in range(20)])
            sandbox.tick(20 * 240)
            rows = call(sandbox, "GET", "/orders").json()
            runs.append(rows)
            states = [row["deliveryStatusId"] for row in rows if row["orderId"] >= 7000 and row["orderId"] < 8000]
            assert set(states) == {10, 11}
            assert 0 < sum(row["isReturned"] for row in rows) < 20
            page = "page=0&count=500"
            errors = call(sandbox, "GET", f"/fiscalRegistratorLogs?courierId=55753&{page}").json()
            assert len(errors) == states.count(10)
            assert call(sandbox, "GET", f"/bankTerminalLogs?orderId={errors[0]['orderId']}&{page}").json() != []
            assert call(sandbox, "GET", "/licenses").json()["licenseUse"] == 3
    assert runs[0] == runs[1]


def test_correction_receipts_and_logs_are_paged_and_filtered(sandbox: Sandbox) -> None:
    for amount in ("10", "20.5"):
        sandbox.print_correction(55752, amount)
    sandbox.print_correction(55753, "30")
    page = call(sandbox, "GET", "/correctionReceipts?courierId=55752&page=0&count=10").json()
    assert [row["amount"] for row in page] == ["10.00", "20.50"]
    assert len(call(sandbox, "GET", "/correctionReceipts?page=1&count=2").json()) == 1
    sandbox.log_error("fiscalRegistratorLogs", 1, "3822", "Смена превысила 24 часа")
    (row,) = call(sandbox, "GET", "/fiscalRegistratorLogs?orderId=1&page=0&count=5").json()
    assert (row["frId"], row["errorCode"], row["amount"]) == (1, "3822", "539.78")


def test_forms_that_the_document_leaves_open() -> None:
    with Sandbox(receipts_form="object", locations_form="object", returned_inside=False) as sandbox:
        assert call(sandbox, "GET", "/orderReceipts?orderId=1").json() == []
        sandbox.tick(1800)
        assert call(sandbox, "GET", "/orderReceipts?orderId=1").json()["orderId"] == 1
        rows = call(sandbox, "GET", "/locations?courierId=55752&page=0&count=5").json()["locations"]
        assert rows[0]["courierId"] == 55752
        sandbox.refund(1)
        read = sandbox.order(1)
        assert list(read["returnedOrder"]) == ["returnedOrderId", "returnReasonId", "createdAt"]
        assert len(read["returnedPayments"]) == len(read["returnedGoods"]) == 1


# Callbacks


def test_change_by_someone_else_is_journalled_and_told(sandbox: Sandbox) -> None:
    with receiver() as hook:
        register(sandbox, hook.url)
        sandbox.state.options.echo = False
        read = sandbox.change(209900, description="Звонить заранее", deliveryStatusId=8, isEdited=1)
        assert (read["description"], read["deliveryStatusId"], read["isEdited"]) == ("Звонить заранее", 8, 1)
        assert sandbox.callbacks.wait_idle()
        assert hook.order_ids() == [209900]
        assert call(sandbox, "GET", "/journal?entityId=209900&page=0&count=9").json()[-1]["source"] == "iRECA"
        with pytest.raises(LookupError):
            sandbox.change(209900, colour="red")


def test_callback_is_repeated_until_201_and_keeps_the_order_of_an_object(sandbox: Sandbox) -> None:
    with receiver() as hook:
        hook.answers = [500, 200, 204]
        register(sandbox, hook.url)
        sandbox.take(1)
        sandbox.deliver(1)
        assert sandbox.callbacks.wait_idle()
        statuses = [body["items"][0]["deliveryStatusId"] for body in hook.bodies]
        assert statuses == [7, 7, 7, 7, 7, 9]
        assert hook.bodies[-1]["items"] == [sandbox.order(1) | {"supplierId": {}}]
        assert [delivery.attempts for delivery in sandbox.callbacks_delivered] == [4, 1, 1]


def test_callback_is_given_up_after_the_last_attempt_and_others_overtake() -> None:
    with receiver() as hook, Sandbox(callback_attempts=2, callback_backoff=2.0) as sandbox:
        register(sandbox, hook.url)
        sandbox.callbacks.stop()
        sandbox.take(1)
        sandbox.deliver(2)
        sandbox.close(2)
        others = sandbox.callbacks.pending - 1
        hook.answers = [500, *[201] * others, 500]
        sandbox.callbacks.start()  # only now, so that all of them wait before the first is tried
        assert sandbox.callbacks.wait_idle()
        assert hook.order_ids() == [1, *[2] * others, 1]
        assert [delivery.problem for delivery in sandbox.callbacks_failed] == ["HTTP 500"]


def test_changes_by_the_api_are_echoed_in_batches(sandbox: Sandbox) -> None:
    with receiver() as hook:
        register(sandbox, hook.url)
        batch = [order(8000 + n) for n in range(120)]
        call(sandbox, "POST", "/orders/replace", batch)
        assert sandbox.callbacks.wait_idle()
        assert [len(body["items"]) for body in hook.bodies] == [50, 50, 20]
        call(sandbox, "POST", "/orders/replace", batch)
        assert sandbox.callbacks.wait_idle()
        assert len(hook.bodies) == 3
        sandbox.state.options.echo = False
        call(sandbox, "POST", "/orders/replace", [order(8000, description="x")])
        register(sandbox, hook.url, active=0)
        sandbox.take(1)
        assert sandbox.callbacks.wait_idle()
        assert len(hook.bodies) == 3


def test_closed_licence_is_posted_bare(sandbox: Sandbox) -> None:
    with receiver() as hook:
        register(sandbox, hook.url, "licenses")
        assert call(sandbox, "POST", "/licenses/close?deviceId=64fa00ec9ffc4b99").status_code == 204
        assert sandbox.callbacks.wait_idle()
        (body,) = hook.bodies
        assert list(body) == [
            "sessionId", "courierId", "deviceId", "deviceTitle", "sessionStartAt", "sessionFinishAt",
        ]  # fmt: skip
        assert body["sessionFinishAt"] == "2021-05-15 09:00:00"
        assert call(sandbox, "GET", "/licenses").json()["licenseUse"] == 1
        assert call(sandbox, "POST", "/licenses/close?deviceId=64fa00ec9ffc4b99").status_code == 404


def test_callbacks_to_other_hosts_are_never_sent(sandbox: Sandbox) -> None:
    register(sandbox, "http://example.com/order-callback")
    sandbox.take(1)
    assert sandbox.callbacks.wait_idle()
    assert sandbox.callbacks_failed[0].problem == "not a loopback address"


def test_callback_faults(sandbox: Sandbox) -> None:
    with receiver() as hook:
        register(sandbox, hook.url)
        sandbox.faults.set("drop_callbacks", times=1)
        sandbox.take(1)
        sandbox.faults.set("double_callbacks", times=1)
        sandbox.deliver(1)
        assert sandbox.callbacks.wait_idle()
        assert [body["items"][0]["statusId"] for body in hook.bodies] == [1, 1, 1]
        assert len(sandbox.callbacks.dropped) == 1


def test_shuffled_callbacks_arrive_out_of_order() -> None:
    with receiver() as hook, Sandbox(callback_batch=1) as sandbox:
        register(sandbox, hook.url)
        sandbox.faults.set("shuffle_callbacks")
        call(sandbox, "POST", "/orders/replace", [order(8000 + n) for n in range(30)])
        assert sandbox.callbacks.wait_idle()
        assert sorted(hook.order_ids()) == list(range(8000, 8030))
        assert hook.order_ids() != sorted(hook.order_ids())


# Faults


@pytest.mark.parametrize("kind", ["500", "502", "503", "429", "401"])
def test_status_faults_keep_the_request_from_being_processed(sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.set(kind, times=1, path_contains="orders", seconds=7)
    assert call(sandbox, "GET", "/couriers").status_code == 200
    answer = call(sandbox, "POST", "/orders", [order(7001)])
    assert answer.status_code == int(kind)
    assert answer.headers.get("Retry-After") == ("7" if kind in ("429", "503") else None)
    assert sandbox.order(7001) is None
    assert call(sandbox, "POST", "/orders", [order(7001)]).status_code == 201


@pytest.mark.parametrize(("kind", "processed"), [("reset_before", False), ("reset_after", True)])
def test_connection_is_reset_before_or_after_processing(sandbox: Sandbox, kind: str, processed: bool) -> None:
    sandbox.faults.set(kind, times=1, method="POST")
    with pytest.raises(requests.ConnectionError):
        call(sandbox, "POST", "/orders", [order(7001)])
    assert (sandbox.order(7001) is not None) is processed
    assert call(sandbox, "GET", "/couriers").status_code == 200


def test_garbage_html_and_delay(sandbox: Sandbox) -> None:
    sandbox.faults.set("garbage", times=1)
    with pytest.raises(requests.JSONDecodeError):
        call(sandbox, "GET", "/couriers").json()
    sandbox.faults.set("html", times=1)
    page = call(sandbox, "GET", "/couriers")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html")
    sandbox.faults.set("delay", times=1, seconds=0.2)
    began = time.monotonic()
    assert call(sandbox, "GET", "/couriers").status_code == 200
    assert time.monotonic() - began >= 0.2


def test_probability_is_seeded() -> None:
    def run() -> list[int]:
        with Sandbox(random_seed=3) as sandbox, requests.Session() as session:
            sandbox.faults.set(500, probability=0.5)
            headers = {"Authorization": f"Bearer {sandbox.token}"}
            return [session.get(f"{sandbox.url}/couriers", headers=headers, timeout=5).status_code for _ in range(30)]

    first = run()
    assert set(first) == {200, 500}
    assert run() == first


# Control, restart, speed


def test_another_process_can_drive_it(sandbox: Sandbox) -> None:
    root = sandbox.url.removesuffix("/api/v1") + "/__sandbox__/"

    def post(what: str, **arguments: object) -> requests.Response:
        return requests.post(root + what, json=arguments, timeout=5)

    assert requests.get(root + "state", timeout=5).json()["objects"]["orders"] == 3
    assert post("courier", action="take", order_id=1).json()["deliveryStatusId"] == 7
    assert post("tick", seconds=1800).json()["time"] == "2021-05-15 09:30:00"
    assert sandbox.order(1)["deliveryStatusId"] == 10
    assert post("faults", kind="500", times=1).json()[0]["kind"] == "500"
    assert call(sandbox, "GET", "/orders").status_code == 500
    post("poison", entity="orders", id=7001, message="Нет")
    assert call(sandbox, "POST", "/orders", [order(7001)]).json()["message"] == "Нет"
    call(sandbox, "GET", "/shops")
    assert requests.get(root + "violations", timeout=5).json()[0]["path"] == "/shops"
    assert requests.get(root + "requests?last=1", timeout=5).json()[0]["status"] == 404
    assert post("faults", kind="fire").status_code == 400
    assert post("reset").json()["violations"] == 0
    assert sandbox.order(1)["deliveryStatusId"] == 6
    assert call(sandbox, "POST", "/orders", [order(7001)]).status_code == 201


def test_it_tells_how_it_is_driven(sandbox: Sandbox) -> None:
    root = sandbox.url.removesuffix("/api/v1") + "/__sandbox__"
    listed = requests.get(root, timeout=5).json()
    assert requests.get(f"{root}/", timeout=5).json() == listed
    told = {(call["method"], call["path"]): call for call in listed}
    assert '{"clear": true}' in told["POST", "/__sandbox__/faults"]["takes"]
    for method, path in told:
        if method == "GET":
            assert requests.get(sandbox.url.removesuffix("/api/v1") + path, timeout=5).status_code == 200
    refused = requests.get(f"{root}/nothing", timeout=5)
    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "there is no GET 'nothing'; GET /__sandbox__/ lists what there is",
    )
    assert requests.get(f"{root}x/", timeout=5).status_code == 401  # a call of iRECA, without a token
    assert requests.put(f"{root}/faults", timeout=5).status_code == 405


def test_service_goes_down_and_comes_back_with_its_data(sandbox: Sandbox) -> None:
    url = sandbox.url
    call(sandbox, "POST", "/orders", [order(7001)])
    with requests.Session() as session:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        assert session.get(f"{url}/couriers", headers=headers, timeout=5).status_code == 200
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{url}/couriers", headers=headers, timeout=5)
        sandbox.start()
        assert sandbox.url == url
        assert session.get(f"{url}/orders?orderId=7001", headers=headers, timeout=5).status_code == 200


def test_state_survives_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    with Sandbox(state_path=path, clock=lambda: MORNING) as sandbox:
        call(sandbox, "POST", "/orders", [order(7001, courierId="55753")])
        call(sandbox, "DELETE", "/orders?orderId=2")
        sandbox.tick(120)
        sandbox.deliver(7001)
        register(sandbox, "http://127.0.0.1:9/hook")
        before = call(sandbox, "GET", "/orders").json()
    again = Sandbox(state_path=path, clock=lambda: MORNING)
    with again:
        assert call(again, "GET", "/orders").json() == before
        assert again.receipts(7001) == sandbox.receipts(7001)
        again.tick(3600)
        assert again.order(7001)["deliveryStatusId"] == 10
        again.deliver(1)
        assert int(again.receipts(7001)[0]["fdNumber"]) == 1


def test_served_process_stops_on_sigterm_and_keeps_its_orders(tmp_path: Path) -> None:
    code = (
        "import sys; from backoffice.remotes.sandbox import serve; "
        "serve(port=0, state_path=sys.argv[1], speed=0, on_start=lambda s: print(s.url, flush=True))"
    )
    for expected in (404, 200):
        command = [sys.executable, "-c", code, str(tmp_path / "state.sqlite3")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            headers = {"Authorization": f"Bearer {SAMPLE_TOKEN}"}
            assert requests.get(f"{url}/orders?orderId=7001", headers=headers, timeout=5).status_code == expected
            requests.post(f"{url}/orders/replace", json=[order(7001)], headers=headers, timeout=5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_couriers_live_at_a_speed() -> None:
    with Sandbox(speed=2000.0, habits=Habits(take=1, drive=60, close=1)) as sandbox:
        wait_until(lambda: sandbox.order(1)["deliveryStatusId"] == 10, 10)
        stamp = sandbox.receipts(1)[0]["dateTimeReceipt"]
        assert abs((datetime.fromisoformat(f"{stamp}+00:00") - datetime.now(UTC)).total_seconds()) < 60


def test_big_requests_and_answers_are_quick(sandbox: Sandbox) -> None:
    began = time.process_time()  # ours, whatever else the machine does
    answer = call(sandbox, "POST", "/orders/replace", [order(10_000 + n, clientId="3271") for n in range(500)])
    assert answer.status_code == 201
    assert time.process_time() - began < 1.0
    rows = call(sandbox, "GET", "/orders?page=1&count=500").json()
    assert len(rows) == 3
    listed = call(sandbox, "GET", "/orders")
    assert listed.headers["Transfer-Encoding"] == "chunked"
    assert len(listed.json()) == 503
