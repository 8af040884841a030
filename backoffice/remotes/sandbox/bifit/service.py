"""The service behind /cashdesk-api/v1: routing, and what tests and other processes may do to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.recording import Recorded, Reply, json_reply, loads
from backoffice.remotes.sandbox.schema import Record
from backoffice.remotes.sandbox.state import State

from .oauth import OAuth
from .orders import ORDERS, OrderBook, sample

SAMPLE_USERNAME = "79775553322"
SAMPLE_PASSWORD = "kassa-sandbox-password"  # noqa: S105 - of no account anywhere

_ONE = re.compile(r"protected/online_orders/([^/]+)")
_SECRETS = frozenset({"password", "client_secret", "refresh_token"})


class Bifit(Recorded):
    """BIFIT Kassa. Times are those of the sandbox's clock.

    Nobody documents these, so that tests may set them: `items_key`, under which a new order has its goods;
    `status_key`, in which a PUT wraps the order ("": not at all); `tells_created`, whether the answer to a creation
    is the order or empty. A poisoned order ("online_orders", id or external id) refuses every write.
    """

    root = "/cashdesk-api/v1/"

    def __init__(
        self,
        state: State,
        keep: int,
        origin: Callable[[], str],
        username: str = SAMPLE_USERNAME,
        password: str = SAMPLE_PASSWORD,
    ) -> None:
        super().__init__(state, keep)
        self._origin = origin
        self._book = OrderBook(state)
        self._oauth = OAuth(state, username, password)
        self.items_key = "items"
        self.status_key = ""
        self.tells_created = True

    # Answering

    def answer(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        with self._state.lock:
            try:
                return self._route(method, path, raw_query, headers, body)
            finally:
                self._state.store.flush()

    def refusal(self, refusal: Refusal) -> Reply:
        return json_reply(refusal.status or 400, {"message": refusal.message})

    def recorded_body(self, headers: Any, body: bytes) -> Any:
        """Forms without their secrets, for what is remembered can be read by other processes."""
        if "form-urlencoded" not in headers.get("Content-Type", ""):
            return super().recorded_body(headers, body)
        form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: "***" if name in _SECRETS else value for name, value in form}

    def _route(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        if raw_query:
            raise Refusal(f"Неизвестные параметры запроса: {raw_query}")
        if path == "oauth/token":
            self._expect(method, "POST")
            return json_reply(200, self._oauth.grant(headers.get("Content-Type", ""), body))
        if not path.startswith("protected/"):
            raise Refusal("Адрес не существует", status=404)
        self._oauth.check(headers.get("Authorization", ""))
        if path == "protected/online_orders":
            self._expect(method, "POST")
            return self._create(self._json(headers, body))
        found = _ONE.fullmatch(path)
        if found is None:
            raise Refusal("Адрес не существует", status=404)
        if not found[1].isascii() or not found[1].isdigit():
            raise Refusal(f"id онлайн-заказа: ожидается целое число, а не {found[1]}")
        self._expect(method, "GET", "PUT")
        if method == "GET":
            return json_reply(200, self._book.get(found[1]))
        given = self._json(headers, body)
        if self.status_key:
            given = self._unwrapped(given, self.status_key)[self.status_key]
        return json_reply(200, self._book.replace(found[1], given))

    def _create(self, given: Any) -> Reply:
        bodies = given if isinstance(given, list) else [given]
        if not bodies:
            raise Refusal("Ожидается хотя бы один заказ")
        for body in bodies:
            items = self._unwrapped(body, "onlineOrder", self.items_key)[self.items_key]
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise Refusal(f"{self.items_key}: ожидается массив объектов")
        made = self._book.create([body["onlineOrder"] for body in bodies])
        if not self.tells_created:
            return Reply(201)
        return json_reply(200, made if isinstance(given, list) else made[0])

    @staticmethod
    def _expect(method: str, *allowed: str) -> None:
        if method not in allowed:
            raise Refusal("Метод не поддерживается", status=405)

    @staticmethod
    def _json(headers: Any, body: bytes) -> Any:
        if "json" not in headers.get("Content-Type", ""):
            raise Refusal("Ожидается Content-Type: application/json")
        return loads(body, float)

    @staticmethod
    def _unwrapped(given: Any, *keys: str) -> Record:
        if not isinstance(given, dict) or set(given) != set(keys):
            raise Refusal(f"Ожидается объект с полями: {', '.join(keys)}")
        return given

    # Looking

    @property
    def url(self) -> str:
        """The base address of the API, without a slash at the end."""
        return self._origin() + self.root.rstrip("/")

    @property
    def username(self) -> str:
        return self._oauth.username

    @property
    def password(self) -> str:
        """In clear, unlike what a client sends."""
        return self._oauth.password

    @property
    def logins(self) -> int:
        """How many times a password was accepted."""
        return self._oauth.logins

    @property
    def renewals(self) -> int:
        """How many times a refresh token was accepted."""
        return self._oauth.renewals

    @property
    def orders(self) -> list[Record]:
        """All orders as GET tells them."""
        with self._state.lock:
            return self._state.store.all(ORDERS)

    def order(self, id_: str | int) -> Record | None:
        with self._state.lock:
            found: Record | None = self._state.store.get(ORDERS, str(id_))
            return found

    def describe(self) -> Record:
        """Figures for the control interface."""
        return {
            "url": self.url,
            "orders": len(self.orders),
            "logins": self.logins,
            "renewals": self.renewals,
            "requests": len(self.requests),
            "violations": len(self.violations),
        }

    # Doing

    def load(self) -> None:
        """Puts the sample order."""
        with self._state.lock:
            self._book.put(sample())

    def add(self, **fields: Any) -> Record:
        """A new order as a shop would make it: ACCEPTED, to be delivered, like the sample but for `fields`.

        Names are the wire's; the order as GET tells it. Unknown fields are taken: a newer version may have them.
        """
        own = ("id", "created", "changed", "orderTime", "currentStatusTime", "endLockTime", "actualDeliveryTime")
        like = {name: value for name, value in sample().items() if name not in own}
        with self._state.lock:
            record = self._book.add(like | {"currentStatusType": "ACCEPTED", "externalId": None} | fields)
            self._state.store.flush()
            return record

    def change(self, id_: str | int, **fields: Any) -> Record:
        """Changes an order as someone else would, unchecked. LookupError without the order."""
        if self.order(id_) is None:
            raise LookupError(f"online order {id_} does not exist")
        with self._state.lock:
            record = self._book.change(str(id_), fields)
            self._state.store.flush()
            return record

    def expire_tokens(self, *, refresh: bool = False) -> None:
        """Ends all access tokens, and with `refresh` the refresh tokens as well, so that only a login helps."""
        with self._state.lock:
            self._oauth.expire(refresh=refresh)
            self._state.store.flush()

    def forget(self) -> None:
        super().forget()
        self._oauth.logins = self._oauth.renewals = 0

    def control(self, arguments: Record) -> Any:
        """One command of another process, as `sandbox/control.py` lists them. ValueError or LookupError for others."""
        action = arguments.get("action")
        if action == "add":
            return self.add(**arguments.get("fields", {}))
        if action == "change":
            return self.change(arguments["id"], **arguments["fields"])
        if action == "expire_tokens":
            self.expire_tokens(refresh=bool(arguments.get("refresh")))
            return self.describe()
        raise ValueError("action is one of add, change, expire_tokens")
