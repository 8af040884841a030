"""Requests to VirtPos: the key, the parameters, the operations; and what a test does behind the service's back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.recording import Recorded, Reply
from backoffice.remotes.sandbox.schema import Record
from backoffice.remotes.sandbox.state import State

from .cards import PARAMETERS as CARD_PARAMETERS
from .cards import SEARCH, Cards
from .records import CARDS, CUSTOMER, CUSTOMERS, GROUPS, ORDERS, WRITABLE, Records
from .rendering import JSON, XML, Layout, reply
from .sample import CUSTOMER as SAMPLE_CUSTOMER
from .sample import ORDER as SAMPLE_ORDER

SAMPLE_KEY = "MySecret"  # the one of every example in the document
_YES, _NO = frozenset({"1", "true"}), frozenset({"", "0", "false"})
_COMMON = frozenset({"apikey", "format"})
_PARAMETERS = {
    "orders": frozenset({"id", "external_id", "datefrom", "dateto", "days"}),
    "customer": frozenset({"id", "page", "page_size"}),
    "customer/update": WRITABLE | {"id", "create_if_not_exist", "group_name", "group_id"},
    "customer/updateCard": CARD_PARAMETERS | {"create_if_not_exist"},
    "customer/insertCard": CARD_PARAMETERS,
    "customer/deleteCard": frozenset(SEARCH),
}


class _Spoken(Refusal):
    """A refusal that knows in which format it was asked."""

    def __init__(self, refusal: Refusal, format: str) -> None:
        super().__init__(refusal.message, status=refusal.status, violation=refusal.violation)
        self.format = format


class Virtpos(Recorded):
    """VirtPos on the sandbox's server.

    `layout` says how lists look, `key_status` with which HTTP status a wrong key is refused: 200 as every refusal, or
    401 or 403. The fields of `orders` are those of the document and `number`, by which `change_order` knows an order.
    """

    root = "/api/"

    def __init__(self, state: State, keep: int, origin: Callable[[], str], api_key: str) -> None:
        super().__init__(state, keep)
        self.api_key = api_key
        self.layout = Layout()
        self.key_status = 200
        self._origin = origin
        self._records = Records(state)
        self._cards = Cards(self._records)

    # For tests

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        return self._origin() + self.root.rstrip("/")

    @property
    def orders(self) -> list[Record]:
        return self._all(ORDERS)

    @property
    def customers(self) -> list[Record]:
        return self._all(CUSTOMERS)

    @property
    def cards(self) -> list[Record]:
        return self._all(CARDS)

    @property
    def groups(self) -> dict[str, str]:
        """Names of the groups of customers by their ids."""
        with self._state.lock:
            return dict(self._state.store.items(GROUPS))

    def _all(self, kind: str) -> list[Record]:
        with self._state.lock:
            return self._state.store.all(kind)

    def add_order(self, items: list[Record] | None = None, **fields: Any) -> Record:
        """An order made at the register; values are told as they are, right or wrong. LookupError for no such field."""
        with self._state.lock:
            return self._records.add_order(items or [], fields)

    def change_order(self, number: str | int, items: list[Record] | None = None, **fields: Any) -> Record:
        """Changes an order at the register."""
        with self._state.lock:
            return self._records.change_order(str(number), items, fields)

    def add_customer(self, **fields: Any) -> Record:
        """A customer made at the register."""
        with self._state.lock:
            record = self._records.add_customer(fields)
            self._state.store.flush()
            return record

    def refuse(self, what: str, key: str | int, message: str | None = "Модель не прошла проверку") -> None:
        """Poisons a customer or a card ("customers", "cards") by its id, a card to come by its uid: each write of it is
        refused with the message. None takes the poison away."""
        kinds = {"customers": CUSTOMERS, "cards": CARDS}
        if what not in kinds:
            raise LookupError(f"one of {', '.join(kinds)}")
        with self._state.lock:
            if message is None:
                self._state.poison.pop((kinds[what], str(key)), None)
            else:
                self._state.poison[kinds[what], str(key)] = message

    def set_layout(self, **layout: Any) -> Layout:
        """Switches parts of the layout; ValueError or TypeError for what there is not."""
        self.layout = replace(self.layout, **layout)
        return self.layout

    def load(self) -> None:
        """Puts the document's order and its customer there."""
        fields = dict(SAMPLE_ORDER)
        self._records.add_order(fields.pop("items"), fields)
        self._records.add_customer(SAMPLE_CUSTOMER)

    def forget(self) -> None:
        """Forgets what was recorded and switched; the data are the store's."""
        super().forget()
        self.layout, self.key_status = Layout(), 200

    def describe(self) -> Record:
        """Figures for the control interface."""
        return {
            "url": self.url,
            "orders": len(self.orders),
            "customers": len(self.customers),
            "cards": len(self.cards),
            "layout": asdict(self.layout),
            "key_status": self.key_status,
            "requests": len(self.requests),
            "violations": len(self.violations),
        }

    def control(self, action: str, **arguments: Any) -> Any:
        """One of the actions of the control interface; ValueError for an unknown one."""
        actions: dict[str, Callable[..., Any]] = {
            "add_order": self.add_order,
            "change_order": self.change_order,
            "add_customer": self.add_customer,
            "layout": lambda **layout: asdict(self.set_layout(**layout)),
            "refuse": self.refuse,
        }
        if action not in actions:
            raise ValueError(f"action is one of {', '.join(actions)}")
        return actions[action](**arguments)

    # Answering

    def refusal(self, refusal: Refusal) -> Reply:
        """success=0 and the text (line 21), with status 200 unless said otherwise."""
        format = refusal.format if isinstance(refusal, _Spoken) else XML
        return reply(format, self.layout, {"success": "0", "info": refusal.message}, refusal.status or 200)

    def recorded_body(self, headers: Any, body: bytes) -> Any:
        """The parameters of a form."""
        return dict(_pairs(headers, body)) or None

    def answer(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        """The document shows addresses and no method: GET and POST are taken, with parameters in query or form."""
        pairs = parse_qsl(raw_query, keep_blank_values=True) + _pairs(headers, body)
        given = dict(pairs)
        format = given.get("format", XML)
        try:
            if format not in (XML, JSON):
                raise Refusal("format: ожидается xml или json")
            if given.get("apikey") != self.api_key:
                raise Refusal("Неверный apikey", status=self.key_status)
            if path not in _PARAMETERS:
                raise Refusal("Адрес не существует", status=404)
            if method not in ("GET", "POST"):
                raise Refusal("Метод не поддерживается", status=405)
            if len(given) != len(pairs):
                raise Refusal("Параметр запроса повторяется")
            unknown = given.keys() - _COMMON - _PARAMETERS[path]
            if unknown:
                raise Refusal(f"Неизвестный параметр {min(unknown)}")
            for name in _COMMON:
                given.pop(name, None)
            with self._state.lock:
                told = self._do(path, given)
                self._state.store.flush()
        except Refusal as refusal:
            raise _Spoken(refusal, format) from None
        return reply(format, self.layout, {"success": "1", **told})

    def _do(self, path: str, given: Record) -> Record:
        if path == "orders":
            return {"orders": self._orders(given)}
        if path == "customer":
            return {"customers": self._page(given)}
        if path == "customer/update":
            return _saved(*self._update_customer(given))
        if path == "customer/updateCard":
            return _saved(*self._cards.update(given, _flag(given.pop("create_if_not_exist", ""))))
        if path == "customer/insertCard":
            return _saved(*self._cards.insert(given))
        return {"id": self._cards.delete(given)}

    def _orders(self, given: Record) -> list[Record]:
        found = self._state.store.all(ORDERS)
        if given.get("id") or given.get("external_id"):
            customer = self._records.customer_of(given.get("id"), given.get("external_id"))
            found = [order for order in found if order["customer_id"] == customer]
        since, until = (_day(name, given.get(name)) for name in ("datefrom", "dateto"))
        if given.get("days"):
            since = (self._state.clock.now() - timedelta(days=_count("days", given["days"]))).date().isoformat()
        if since or until:
            # As texts: what a test has put there need not be a date
            found = [order for order in found if (since or "") <= (order["created_date"] or "")[:10] <= (until or "9")]
        return [{name: value for name, value in order.items() if name != "number"} for order in found]

    def _page(self, given: Record) -> list[Record]:
        page, size = _count("page", given.get("page", "1")), _count("page_size", given.get("page_size", "100"))
        found = [one for one in self._state.store.all(CUSTOMERS) if given.get("id") in (None, "", one["id"])]
        found = found[(page - 1) * size : page * size]
        return [{name: customer[name] for name in CUSTOMER} for customer in found]

    def _update_customer(self, given: Record) -> tuple[str, bool]:
        fields = {name: value or None for name, value in given.items() if name in WRITABLE}
        self._records.check_customer(fields)
        create = _flag(given.get("create_if_not_exist", ""))
        id_ = given.get("id", "")
        old = self._state.store.get(CUSTOMERS, id_)
        if old is None and not create:
            raise Refusal("Клиент не найден", violation=not id_)
        self._state.check_poison(CUSTOMERS, id_)
        group = self._records.group(given.get("group_id"), given.get("group_name"))
        if group is not None:
            fields["group_id"] = group
        record = self._records.new_customer(fields) if old is None else self._records.put_customer(id_, old, fields)
        return record["id"], old is None


def _pairs(headers: Any, body: bytes) -> list[tuple[str, str]]:
    if "application/x-www-form-urlencoded" not in (headers.get("Content-Type") or ""):
        return []
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _saved(id_: str, is_new: bool) -> Record:
    return {"id": id_, "isnew": "1" if is_new else "0"}


def _flag(value: str) -> bool:
    if value.lower() not in _YES | _NO:
        raise Refusal("create_if_not_exist: ожидается 0 или 1")
    return value.lower() in _YES


def _count(name: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 10_000):
        raise Refusal(f"{name}: ожидается положительное число")
    return int(value)


def _day(name: str, value: str | None) -> str | None:
    """YYYYMMDD as YYYY-MM-DD."""
    if not value:
        return None
    try:
        return datetime.strptime(value, "%Y%m%d").date().isoformat()  # noqa: DTZ007 - a day of the register's calendar
    except ValueError:
        raise Refusal(f"{name}: ожидается дата вида ГГГГММДД") from None
