"""Couriers who work as time goes by: `tick` moves every courier on, deterministically for a given seed.

A courier does one order at a time, oldest first: takes it, drives along a straight line, hands it over, closes it. An
order that the dispatcher changes under way (another courier, cancelled, deleted) is let go.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass

from .actions import DELIVERED, PREPARED, TAKEN, Actions
from .fiscal import Registrar
from .operations import LICENSE_TOTAL
from .orders import Orders
from .schema import Record
from .state import State

STEP = 60.0  # seconds; geo data are sent at most once a minute (seed line 33)
NEW = 1  # T29: before the order is prepared; a courier may have been assigned already
_CENTRE = (59.9343, 30.3351)
_POINTS_KEPT = 1500

# Where an order goes on, by its delivery status.
_STAGES = {NEW: "take", PREPARED: "take", TAKEN: "drive", DELIVERED: "close"}
_EXPECTED = {"take": (NEW, PREPARED), "drive": (TAKEN,), "close": (DELIVERED,)}


@dataclass(slots=True)
class Habits:
    """How long each stage takes, in seconds, and how often things go differently (0 to 1)."""

    take: float = 60.0
    drive: float = 480.0
    close: float = 60.0
    cancel_probability: float = 0.0
    refund_probability: float = 0.0
    edit_probability: float = 0.0
    registrar_error_probability: float = 0.0
    terminal_error_probability: float = 0.0
    session_probability: float = 0.0
    """A courier without an open session opens one when he takes an order."""


DEMO_HABITS = Habits(
    cancel_probability=0.08,
    refund_probability=0.06,
    edit_probability=0.1,
    registrar_error_probability=0.05,
    terminal_error_probability=0.05,
    session_probability=1.0,
)


class Couriers:
    """All couriers of a sandbox."""

    def __init__(
        self, state: State, orders: Orders, actions: Actions, registrar: Registrar, habits: Habits, seed: int
    ) -> None:
        self._state = state
        self._orders = orders
        self._actions = actions
        self._registrar = registrar
        self._random = random.Random(seed)  # noqa: S311  # made-up errands
        self._idle_at = -1
        self.habits = habits

    def tick(self, seconds: float, *, advance_clock: bool = True) -> None:
        """Lets `seconds` of the sandbox's time pass, a minute at a time."""
        while seconds > 0:
            step = min(seconds, STEP)
            seconds -= step
            with self._state.lock:
                if advance_clock:
                    self._state.clock.advance(step)
                self._start_idle()
                for courier, job in self._state.store.items("job"):
                    self._work(courier, job, step)
                self._state.store.flush()

    def _start_idle(self) -> None:
        """Gives each courier who has nothing to do his oldest waiting order."""
        if self._orders.revision == self._idle_at:
            return
        store = self._state.store
        self._idle_at = self._orders.revision
        for order in store.all("orders"):
            courier = order["courierId"]
            stage = _STAGES.get(order["deliveryStatusId"])
            if courier is not None and stage is not None and not store.has("job", courier):
                store.put("job", courier, self._job(order, courier, stage))

    def _job(self, order: Record, courier: str, stage: str) -> Record:
        target = _point(order["addressToEntity"]) or _imagined(order["addressTo"])
        points = self._state.store.get("locations", courier)
        if points:
            start = (points[-1]["latitude"], points[-1]["longitude"])
        else:
            start = _point(order["addressFromEntity"]) or self._warehouse(order) or _CENTRE
        # JSON has no tuples, and a job must be the same after a restart.
        way = {"start": list(start), "target": list(target)}
        return {"order": order["orderId"], "stage": stage, "spent": 0.0, "silent": STEP, **way}

    def _warehouse(self, order: Record) -> tuple[float, float] | None:
        for line in order["goods"]:
            for source in line["warehouses"]:
                return _point(self._state.store.get("warehouses", source["warehouseId"]) or {})
        return None

    def _work(self, courier: str, job: Record, step: float) -> None:
        store = self._state.store
        order = store.get("orders", job["order"])
        stage = job["stage"]
        if order is None or order["courierId"] != courier or order["deliveryStatusId"] not in _EXPECTED[stage]:
            self._finish(courier)
            return
        job = job | {"spent": job["spent"] + step, "silent": job["silent"] + step}
        lasts = {"take": self.habits.take, "drive": self.habits.drive, "close": self.habits.close}[stage]
        if stage == "drive" and job["silent"] >= STEP:
            self._move(courier, job, order, min(1.0, job["spent"] / lasts) if lasts else 1.0)
            job["silent"] = 0.0
        store.put("job", courier, job)
        if job["spent"] < lasts:
            return
        following = getattr(self, f"_end_{stage}")(courier, order)
        if following is None:
            self._finish(courier)
        else:
            store.put("job", courier, job | {"stage": following, "spent": 0.0})

    def _finish(self, courier: str) -> None:
        self._state.store.remove("job", courier)
        self._idle_at = -1

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    def _end_take(self, courier: str, order: Record) -> str:
        if self._happens(self.habits.session_probability):
            self.open_session(courier)
        self._actions.take(order["orderId"])
        return "drive"

    def _end_drive(self, courier: str, order: Record) -> str | None:
        key = order["orderId"]
        habits = self.habits
        if self._happens(habits.cancel_probability):
            reasons = self._state.store.all("orderReturnReasons")
            self._actions.cancel(key, self._random.choice(reasons)["reasonId"])
            return None
        if len(order["goods"]) > 1 and self._happens(habits.edit_probability):
            self._actions.edit_line(key, order["goods"][-1]["goodId"])
        if self._happens(habits.terminal_error_probability):
            self._registrar.log_error("bankTerminalLogs", order, courier, "116", "Недостаточно средств на карте")
        if self._happens(habits.registrar_error_probability):
            self._registrar.log_error("fiscalRegistratorLogs", order, courier, "3822", "Смена превысила 24 часа")
        self._actions.deliver(key)
        return "close"

    def _end_close(self, courier: str, order: Record) -> None:
        self._actions.close(order["orderId"])
        if not order["isRefund"] and self._happens(self.habits.refund_probability):
            self._actions.refund(order["orderId"])

    def open_session(self, courier: str) -> None:
        """Opens a session of the courier's application unless he has one or all licences are used."""
        store = self._state.store
        sessions = store.all("licenses")
        if len(sessions) >= LICENSE_TOTAL or any(str(row["courierId"]) == courier for row in sessions):
            return
        device = f"{zlib.crc32(courier.encode()):08x}{store.next_number('device'):08x}"
        store.put(
            "licenses",
            device,
            {
                "courierId": int(courier),
                "deviceId": device,
                "deviceTitle": "Evotor 7.3",
                "sessionStartAt": self._state.clock.stamp(),
                "sessionId": store.next_number("sessionId", first=101),
            },
        )

    def _move(self, courier: str, job: Record, order: Record, share: float) -> None:
        latitude, longitude = (a + (b - a) * share for a, b in zip(job["start"], job["target"], strict=True))
        point = {
            "orderId": int(order["orderId"]),
            "deliveryStatusId": order["deliveryStatusId"],
            "returnReasonId": None,
            "longitude": round(longitude, 7),
            "latitude": round(latitude, 7),
            "accuracy": 24,
            "createdAt": self._state.clock.stamp(),
        }
        points = self._state.store.get("locations", courier) or []
        self._state.store.put("locations", courier, [*points[-_POINTS_KEPT:], point])


def _point(place: Record | None) -> tuple[float, float] | None:
    """Latitude and longitude of an address or warehouse; None where unknown, which is written as zeros (T19)."""
    latitude, longitude = (float((place or {}).get(name) or 0) for name in ("latitude", "longitude"))
    return (latitude, longitude) if latitude or longitude else None


def _imagined(address: str) -> tuple[float, float]:
    """A place near the centre for an address without coordinates, always the same one."""
    code = zlib.crc32(address.encode())
    return (_CENTRE[0] + (code % 1000 - 500) / 10_000, _CENTRE[1] + (code // 1000 % 1000 - 500) / 5_000)
