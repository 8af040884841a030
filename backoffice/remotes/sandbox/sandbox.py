"""The sandbox as one object for tests, and `serve` for a command that runs it until it is interrupted."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from . import seeds
from .actions import Actions
from .api import Api
from .bifit import Bifit
from .callbacks import Callbacks, Delivery, is_loopback
from .clock import Clock
from .control import Control
from .couriers import DEMO_HABITS, Couriers, Habits
from .entities import CATALOGUE, ORDERS
from .faults import Faults
from .fiscal import Registrar
from .options import Options
from .orders import OWNED, Orders
from .render import GET, catalogue_row, order_row
from .schema import PUT, Record
from .server import Server, Service
from .state import State
from .virtpos import SAMPLE_KEY, Virtpos

SAMPLE_TOKEN = "4066e3217dfd51753d1f52cb7d033fe1"  # noqa: S105 - the one of every example in the document


class Sandbox:
    """iRECA Courier on loopback.

    `with Sandbox(token="t") as sandbox:` serves `sandbox.url`. After `stop` the same object may be started again: the
    address and the data stay, as of a service that was down. `options` are the attributes of `Options`, `habits` is how
    couriers work, `keep` how many requests and violations are remembered. ValueError for a host that is not loopback.

    `sandbox.bifit` is BIFIT Kassa on the same server; `bifit_account` is the username and the password that it takes.
    `sandbox.virtpos` is VirtPos, and `virtpos_key` its API key.
    """

    def __init__(
        self,
        token: str = SAMPLE_TOKEN,
        *,
        state_path: str | Path | None = None,
        seed: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], datetime] | None = None,
        habits: Habits | None = None,
        random_seed: int = 0,
        callback_batch: int = 50,
        callback_attempts: int = 8,
        callback_backoff: float = 0.2,
        keep: int = 20_000,
        bifit_account: Mapping[str, str] | None = None,
        virtpos_key: str = SAMPLE_KEY,
        **options: Any,
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"the sandbox serves loopback only, not {host}")
        self.token = token
        self._host = host
        self._port = port
        self._seed = seed
        self.state = State(Options(**options), Clock(clock), state_path)
        self.faults = Faults(random_seed)
        self._orders = Orders(self.state)
        self._registrar = Registrar(self.state)
        self._actions = Actions(self.state, self._orders, self._registrar)
        self.couriers = Couriers(
            self.state, self._orders, self._actions, self._registrar, habits or Habits(), random_seed
        )
        self.callbacks = Callbacks(
            self.state, self.faults, batch=callback_batch, attempts=callback_attempts, backoff=callback_backoff
        )
        self.state.orders_changed = self.callbacks.orders_changed
        self.state.license_closed = self.callbacks.license_closed
        self._api = Api(self.state, self._orders, token, keep)
        self.bifit = Bifit(self.state, keep, lambda: self.origin, **(bifit_account or {}))
        self.virtpos = Virtpos(self.state, keep, lambda: self.origin, virtpos_key)
        self._services: tuple[Service, ...] = (self._api, self.bifit, self.virtpos)
        self._server: Server | None = None
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        if seed and self.state.store.empty:
            self._load()

        # A courier's actions, as methods of the sandbox.
        self.take = self._actions.take
        self.deliver = self._actions.deliver
        self.close = self._actions.close
        self.cancel = self._actions.cancel
        self.refund = self._actions.refund
        self.edit_line = self._actions.edit_line
        self.tick = self.couriers.tick

    def _load(self) -> None:
        with self.state.lock:
            seeds.load(self.state, self._orders)
            self.bifit.load()
            self.virtpos.load()
            self.state.store.flush()

    # Serving

    def start(self) -> Sandbox:
        """Binds and serves in threads."""
        self._stopping.clear()
        self._server = Server((self._host, self._port), self._services, Control(self), self.faults)
        self._port = self._server.server_address[1]
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox-http", daemon=True)
        ]
        if self.state.options.speed > 0:
            self._threads.append(threading.Thread(target=self._live, name="sandbox-couriers", daemon=True))
        for thread in self._threads:
            thread.start()
        self.callbacks.start()
        return self

    def stop(self) -> None:
        """Ends serving, open connections included. The data stay, in memory and in the file."""
        if self._server is None:
            return
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        for thread in self._threads:
            thread.join(5)
        self.callbacks.stop()
        with self.state.lock:
            self.state.store.flush()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.state.store.close()

    def _live(self) -> None:
        """Couriers at `speed` seconds of work a second; what they do is stamped with the real time."""
        before = time.monotonic()
        while not self._stopping.wait(1.0):
            now = time.monotonic()
            self.couriers.tick((now - before) * self.state.options.speed, advance_clock=False)
            before = now

    @property
    def origin(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def url(self) -> str:
        """The base address of iRECA's API, without a slash at the end."""
        return self.origin + self._api.root.rstrip("/")

    @property
    def port(self) -> int:
        return self._port

    # Looking

    @property
    def requests(self) -> list[Record]:
        """Every request: time, method, path, query, body, status."""
        return self._api.requests

    @property
    def violations(self) -> list[Record]:
        """Every breach of the contract: time, method, path, query, message, body (an excerpt)."""
        return self._api.violations

    @property
    def callbacks_delivered(self) -> list[Delivery]:
        return self.callbacks.delivered

    @property
    def callbacks_failed(self) -> list[Delivery]:
        return self.callbacks.failed

    def order(self, order_id: str | int) -> Record | None:
        """An order in the read form of GET, or None."""
        with self.state.lock:
            record = self.state.store.get("orders", str(order_id))
            return None if record is None else order_row(self.state, record, GET)

    def get(self, entity: str, key: str | int) -> Record | None:
        """An object of any collection in the read form, with its id, or None."""
        if entity == ORDERS.name:
            return self.order(key)
        with self.state.lock:
            record = self.state.store.get(entity, str(key))
            return None if record is None else catalogue_row(entity, record, GET)

    def receipts(self, order_id: str | int, kind: str = "orderReceipts") -> list[Record]:
        """The receipts of an order; `kind` orderReturnReceipts for those of returns."""
        with self.state.lock:
            return list(self.state.store.get(kind, str(order_id)) or ())

    def describe(self) -> Record:
        """Figures for the control interface."""
        with self.state.lock:
            return {
                "time": self.state.clock.stamp(),
                "objects": {entity.name: self.state.store.count(entity.name) for entity in (ORDERS, *CATALOGUE)},
                "options": asdict(self.state.options),
                "habits": asdict(self.couriers.habits),
                "requests": len(self.requests),
                "violations": len(self.violations),
                "callbacks": {
                    "registered": dict(self.state.store.items("callback")),
                    "pending": self.callbacks.pending,
                    "delivered": len(self.callbacks.delivered),
                    "failed": len(self.callbacks.failed),
                    "dropped": len(self.callbacks.dropped),
                },
                "bifit": self.bifit.describe(),
                "virtpos": self.virtpos.describe(),
            }

    # Doing

    def refuse(self, entity: str, key: str | int, message: str | None = "Модель не прошла проверку") -> None:
        """Poisons an object: every write that holds it is refused with the message. None takes the poison away."""
        with self.state.lock:
            if message is None:
                self.state.poison.pop((entity, str(key)), None)
            else:
                self.state.poison[entity, str(key)] = message

    def change(self, order_id: str | int, source: str = "iRECA", **attributes: Any) -> Record:
        """Changes attributes of an order as someone else would, say a dispatcher in the cabinet; codes are not checked.

        Answers the order in the read form; LookupError without the order or for an attribute that orders do not have.
        """
        with self.state.lock:
            old = self.state.store.get("orders", str(order_id))
            if old is None:
                raise LookupError(f"order {order_id} does not exist")
            fields = {field.name: field for field in ORDERS.fields}
            canonical: Record = {"orderId": str(order_id)}
            for name, value in attributes.items():
                if name not in fields and name not in OWNED:
                    raise LookupError(f"orders have no attribute {name}")
                canonical[name] = fields[name].read(value, PUT, name, True) if name in fields else value
            record = self._orders.build(canonical, PUT)
            self._orders.commit([record], source=source)
            self.state.store.flush()
            return order_row(self.state, record, GET)

    def print_correction(self, courier_id: str | int, amount: str) -> Record:
        """Prints a correction receipt at the courier's register."""
        with self.state.lock:
            return self._registrar.print_correction(str(courier_id), amount)

    def log_error(self, kind: str, order_id: str | int, code: str, text: str) -> Record:
        """Adds a row to fiscalRegistratorLogs or bankTerminalLogs for an order that has a courier."""
        with self.state.lock:
            order = self.state.store.get("orders", str(order_id))
            return self._registrar.log_error(kind, order, order["courierId"], code, text)

    def reset(self) -> None:
        """Puts the sample data back and forgets all that was recorded or switched on."""
        with self.state.lock:
            self.state.store.clear()
            self.state.poison.clear()
            self.faults.clear()
            self._api.forget()
            self.bifit.forget()
            self.virtpos.forget()
            if self._seed:
                self._load()
            self.state.store.flush()


def serve(
    host: str = "127.0.0.1",
    port: int = 8100,
    token: str = SAMPLE_TOKEN,
    state_path: str | Path | None = None,
    speed: float = 60.0,
    habits: Habits | None = None,
    on_start: Callable[[Sandbox], None] | None = None,
    keep: int = 1000,
    **settings: Any,
) -> None:
    """Runs a sandbox with living couriers until SIGINT or SIGTERM. Must be called in the main thread.

    `settings` are the further arguments of `Sandbox` (callback_attempts, callback_backoff, options). `on_start` is
    called once the address is known.
    """
    sandbox = Sandbox(
        token,
        state_path=state_path,
        host=host,
        port=port,
        speed=speed,
        habits=habits or DEMO_HABITS,
        keep=keep,
        **settings,
    )
    stopped = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with sandbox:
            if on_start is not None:
                on_start(sandbox)
            stopped.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
