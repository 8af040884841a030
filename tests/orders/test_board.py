"""The board: who has what on a day, how loaded he is, what he holds; who may look, who may move, what moving says."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from backoffice.sync.enqueue import untracked
from backoffice.sync.models import Push
from couriers.models import Courier, License
from fiscal.models import PaymentType
from orders import actions, board, cash
from orders.models import BulkChange, DeliveryStatus, Hold, Order
from tests.orders import builders

pytestmark = pytest.mark.django_db

BOARD = "/admin/orders/order/board/"
MOVE = BOARD + "move/"


def on_shift(courier: Courier) -> Courier:
    License.objects.create(device_id=f"d{courier.pk}", courier=courier, is_open=True, session_start_at=timezone.now())
    return courier


def today() -> board.Board:
    return board.of_day(timezone.localdate(), timezone.now())


def columns(found: board.Board) -> dict[str, board.Column]:
    return {str(column.courier or "nobody"): column for column in found.columns}


class TestFigures:
    def test_nobody_first_then_who_is_on_shift_then_who_has_orders(self) -> None:
        away, here = builders.courier("Abramov", "1"), on_shift(builders.courier("Yakovlev", "2"))
        builders.courier("Idle", "3")
        builders.order(1, courier=away)
        assert [str(column.courier or "") for column in today().columns] == ["", "Yakovlev", "Abramov"]
        assert columns(today())[str(here)].is_on_shift

    def test_the_load_of_a_courier(self) -> None:
        courier = builders.courier()
        first = builders.with_lines(builders.order(1, courier=courier), 1)
        builders.discount(first, -10)
        builders.order(2, courier=courier, status=1)
        builders.order(3, courier=courier, **builders.CLOSED)
        builders.order(4, courier=courier, delivery_time_from=builders.at(10, 1), delivery_time_to=builders.at(12, 1))
        column = columns(today())["Ivanov"]
        assert (len(column.open), len(column.done)) == (2, 1)
        assert (column.window_hours, column.due) == (Decimal(4), Decimal(90))

    def test_cash_in_hand_is_what_he_should_have_now(
        self, dispatcher: Browser, django_capture_on_commit_callbacks: Any
    ) -> None:
        courier, other = builders.courier(), builders.courier("Petrov", "2")
        in_cash = builders.known(PaymentType, "11", title="Cash", close_type=1)
        card = builders.known(PaymentType, "12", title="Card", close_type=2)
        done = builders.order(1, courier=courier, **builders.CLOSED)
        refund = builders.order(2, courier=courier, is_refund=True, **builders.CLOSED)
        yesterday = {"delivery_time_from": builders.at(10, -1), "delivery_time_to": builders.at(12, -1)}
        before = builders.order(3, courier=courier, **{**builders.CLOSED, **yesterday})
        elsewhere = builders.order(4, courier=other, **builders.CLOSED)
        paid = ((done, in_cash, 500), (done, card, 300), (refund, in_cash, 120), (before, in_cash, 1200))
        for order, kind, price in (*paid, (elsewhere, in_cash, 7)):
            builders.pay(order, price, kind)
        found = columns(today())
        assert (found["Ivanov"].cash, found["Petrov"].cash) == (Decimal(1580), Decimal(7))
        assert "1\xa0580,00" in dispatcher.get(BOARD, headers={"accept-language": "ru"}).text
        said = cash.HandIn(uuid.uuid4(), Decimal(1580), timezone.now())
        with django_capture_on_commit_callbacks(execute=True):
            cash.record(courier.pk, said, User.objects.create_user("accountant"))
        found = columns(today())
        assert (found["Ivanov"].cash, found["Petrov"].cash) == (Decimal(0), Decimal(7))

    def test_cash_is_added_up_twice_a_minute_and_after_an_act(
        self, django_capture_on_commit_callbacks: Any, queries: Callable[..., list[str]]
    ) -> None:
        courier, user = builders.courier(), User.objects.create_user("accountant")
        in_cash = builders.known(PaymentType, "11", title="Cash", close_type=1)
        builders.pay(builders.order(1, courier=courier, **builders.CLOSED), 500, in_cash)
        with time_machine.travel(builders.at(12), tick=False) as clock:
            assert columns(today())["Ivanov"].cash == 500
            builders.pay(builders.order(2, courier=courier, **builders.CLOSED), 200, in_cash)
            assert not [sql for sql in queries(today) if "cash" in sql]
            assert (columns(today())["Ivanov"].cash, cash.in_hand(courier.pk)) == (Decimal(500), Decimal(700))
            clock.shift(cash.CACHE_SECONDS + 1)
            assert columns(today())["Ivanov"].cash == 700
            with django_capture_on_commit_callbacks(execute=True):
                act = cash.record(courier.pk, cash.HandIn(uuid.uuid4(), Decimal(600), timezone.now()), user)
            assert columns(today())["Ivanov"].cash == 100
            with django_capture_on_commit_callbacks(execute=True):
                cash.reverse(act.pk, uuid.uuid4(), "it was 500", user)
            assert columns(today())["Ivanov"].cash == 700

    def test_late_and_at_risk_are_of_open_orders(self) -> None:
        now = timezone.now()
        day = {"delivery_time_from": now - timedelta(seconds=2)}
        builders.order(1, delivery_time_to=now - timedelta(seconds=1), **day)
        builders.order(2, delivery_time_to=now + timedelta(minutes=20), **day)
        builders.order(3, delivery_time_to=now + timedelta(hours=2), **day)
        builders.order(4, delivery_time_to=now - timedelta(seconds=1), **day, **builders.CLOSED)
        found = board.of_day(timezone.localdate(now - timedelta(seconds=2)), now)
        cards = {str(card.order): (card.is_late, card.is_at_risk) for card in found.columns[0].cards}
        assert cards == {"N-1": (True, False), "N-2": (False, True), "N-3": (False, False), "N-4": (False, False)}
        assert found.columns[0].late == 1

    def test_windows_that_overlap_stand_in_lanes(self) -> None:
        builders.order(1, delivery_time_from=builders.at(10), delivery_time_to=builders.at(12))
        builders.order(2, delivery_time_from=builders.at(11), delivery_time_to=builders.at(13))
        builders.order(3, delivery_time_from=builders.at(12), delivery_time_to=builders.at(14))
        found = today()
        cards = found.columns[0].cards
        assert [card.lane for card in cards] == [0, 1, 0]
        assert found.hours == range(9, 21)
        left, width = found.place(cards[0])
        assert (round(left, 3), round(width, 3)) == (round(100 / 12, 3), round(200 / 12, 3))


class TestPage:
    @pytest.mark.parametrize("view", ["columns", "hours"])
    def test_it_shows_the_day(self, dispatcher: Browser, view: str) -> None:
        builders.order(1, courier=builders.courier(), hold=Hold.WAITS)
        builders.order(2, delivery_time_from=builders.at(10, 1), delivery_time_to=builders.at(12, 1))
        html = dispatcher.get(BOARD, {"view": view}).content.decode()
        assert "N-1" in html
        assert "N-2" not in html
        assert "collect 100" in html
        assert "waits for a dispatcher" in html
        tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
        assert "N-2" in dispatcher.get(BOARD, {"view": view, "day": tomorrow}).content.decode()

    def test_a_part_has_no_frame_and_a_wrong_day_is_today(self, dispatcher: Browser) -> None:
        builders.order(1)
        html = dispatcher.get(BOARD, {"part": "1", "day": "2026-02-31"}).content.decode()
        assert "N-1" in html
        assert "<html" not in html

    def test_who_may_look_moves_nothing(self, manager: Browser, stranger: Browser) -> None:
        order, courier = builders.order(1), builders.courier()
        html = manager.get(BOARD).content.decode()
        assert "N-1" in html
        assert "draggable" not in html
        assert "board-dialog" not in html
        assert manager.post(MOVE, {"orders": order.pk, "courier": courier.pk}).status_code == 403
        assert stranger.get(BOARD).status_code == 403
        assert stranger.post(MOVE, {"orders": order.pk, "courier": courier.pk}).status_code == 403
        assert Order.objects.get().courier is None

    def test_the_sidebar_and_the_desk_lead_here(self, dispatcher: Browser) -> None:
        assert dispatcher.get("/admin/orders/order/").content.decode().count(f'href="{BOARD}"') >= 2

    def test_a_busy_day_costs_no_more_queries(
        self, dispatcher: Browser, queries: Callable[[Callable[[], object]], list[str]]
    ) -> None:
        def of(count: int) -> int:
            return len(queries(lambda: dispatcher.get(BOARD, {"part": "1"})))

        couriers = [on_shift(builders.courier(f"Courier {n}", f"c{n}")) for n in range(25)]
        builders.order(1, courier=couriers[0])
        few = of(1)
        with untracked():
            Order.objects.bulk_create(
                Order(
                    number=f"B-{n}",
                    ireca_id=f"b{n}",
                    remote_data={},
                    courier=couriers[n % 25],
                    delivery_time_from=builders.at(9 + n % 10),
                    delivery_time_to=builders.at(11 + n % 10),
                    amount_to_pay=100,
                )
                for n in range(400)
            )
        assert of(401) <= few


class TestMoving:
    def test_a_move_is_an_assignment_that_can_be_taken_back(self, dispatcher: Browser) -> None:
        first, second = builders.courier(), builders.courier("Petrov", "2")
        order = builders.order(1, courier=first)
        said = dispatcher.post(MOVE, {"orders": [order.pk], "courier": second.pk}).json()
        order.refresh_from_db()
        assert order.courier == second
        assert said["moved"] == [order.pk]
        assert said["text"] == "N-1: assigned to Petrov"
        assert order.history.latest().history_user.username == "dispatcher"
        assert Push.objects.get().object_id == order.pk
        back = dispatcher.post(said["undo"]).json()
        order.refresh_from_db()
        assert order.courier == first
        assert back["text"] == "N-1: back as before"
        assert dispatcher.post(said["undo"]).json()["text"] == "This was taken back already."

    def test_several_at_once_with_the_reasons_of_what_stays(self, dispatcher: Browser) -> None:
        courier = builders.courier()
        orders = [*builders.orders(3), builders.order(4, **builders.CLOSED), builders.order(5, hold=Hold.PICKUP)]
        said = dispatcher.post(MOVE, {"orders": [order.pk for order in orders], "courier": courier.pk}).json()
        assert said["text"] == (
            "3 orders: assigned to Ivanov. not moved: N-4 (already closed). not moved: N-5 (is picked up by the client)"
        )
        assert set(Order.objects.filter(courier=courier)) == set(orders[:3])

    def test_to_nobody(self, dispatcher: Browser) -> None:
        courier = builders.courier()
        free = builders.order(1, courier=courier)
        taken = builders.order(2, courier=courier, delivery_status=DeliveryStatus.TAKEN)
        said = dispatcher.post(MOVE, {"orders": [free.pk, taken.pk], "courier": ""}).json()
        assert said["text"] == "N-1: assigned to nobody. not moved: N-2 (is with its courier already)"
        free.refresh_from_db()
        taken.refresh_from_db()
        assert (free.courier, taken.courier) == (None, courier)

    def test_an_unknown_courier_and_foreign_changes_are_refused(self, dispatcher: Browser, admin_user: Any) -> None:
        order, courier = builders.order(1), builders.courier()
        assert dispatcher.post(MOVE, {"orders": order.pk, "courier": "999"}).status_code == 400
        assert dispatcher.get(MOVE).status_code == 405
        actions.assign([order.pk], courier, admin_user)
        change = BulkChange.objects.get()
        assert dispatcher.post(f"{BOARD}undo/{change.pk}/").status_code == 404
