"""A method for each endpoint of VirtPos.

Everything travels in the query string, the key and what is written too (12, 74), so the Session must mask the key and
must never repeat a request by itself. `session_arguments` has what it takes.

A refusal comes with HTTP 200, success=0 and its text in `info` (21). A wrong key is documented nowhere. 401 and 403 are
Config by their status; success=0 is Config when the text says that the key is wrong or missing (`key_words`), else
Refused, for nothing else tells it from a refusal of the content.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Literal, TypeVar

from backoffice.remotes.errors import BadRow, Config, ContractError, Refused
from backoffice.remotes.http import Session

from . import layouts
from .contract import Card, Customer, Order, Saved, parameters
from .tree import MAX_BYTES, gather

T = TypeVar("T")

_KEPT_BAD_ROWS = 1000
# A key that is wrong or missing, in so many words: a card or a client may be refused for a key of its own, and Config
# pauses all of VirtPos. Without its kind, the Russian word must not be followed by what the key belongs to.
_KEY_WORDS = re.compile(
    r"\bapi_?key\b(?!\s*=)"
    r"|\b(?:wrong|invalid|incorrect|bad|missing|unknown|expired|no) api[ -]key\b"
    r"|\bapi[ -]key (?:is |was |has )?(?:wrong|invalid|incorrect|missing|unknown|expired|not |required)"
    r"|\b(?:неверн\w+|неправильн\w+|недействительн\w+|не указан|не передан|отсутствует) (?:api[ -]?)?ключ\b"
    r"(?: (?:api|доступа|авторизации)\b|(?! \w))",
    re.IGNORECASE,
)
_RESERVED = frozenset({"apikey", "format", "id", "create_if_not_exist", "group_name", "group_id"})


def session_arguments(api_key: str) -> dict[str, Any]:
    """The arguments that a Session for VirtPos must have beside the address: it writes with GET, and the key is in the
    address."""
    return {"secrets": (api_key,), "accept": "*/*", "retry_reads": False}


class VirtposClient:
    """VirtPos over one Session, whose base address ends in /api; see `session_arguments`.

    `format`: what answers are asked for in; either is read, whatever comes. `write_method`: the seed shows an address
    and no method, which is GET; parameters go into the query with any. Paths are assumed where they are arguments.
    `on_bad_row` is told of each order or customer that cannot be read; without it, the last 1000 are in `bad_rows`.
    `max_bytes`: the largest answer that is read.

    Methods raise what the Session raises (Retry, Refused, Config, Unknown), or ContractError for what cannot be sent.
    """

    def __init__(
        self,
        session: Session,
        api_key: str,
        *,
        format: Literal["xml", "json"] = "xml",
        write_method: str = "GET",
        on_bad_row: Callable[[BadRow], None] | None = None,
        orders_path: str = "orders",
        customers_path: str = "customer",
        update_customer_path: str = "customer/update",
        insert_card_path: str = "customer/insertCard",
        update_card_path: str = "customer/updateCard",
        delete_card_path: str = "customer/deleteCard",
        key_words: re.Pattern[str] = _KEY_WORDS,
        max_bytes: int = MAX_BYTES,
    ):
        self.session = session
        self.bad_rows: deque[BadRow] = deque(maxlen=_KEPT_BAD_ROWS)
        self.on_bad_row = on_bad_row or self.bad_rows.append
        self.format = format
        self.write_method = write_method
        self.orders_path = orders_path
        self.customers_path = customers_path
        self.update_customer_path = update_customer_path
        self.insert_card_path = insert_card_path
        self.update_card_path = update_card_path
        self.delete_card_path = delete_card_path
        self.key_words = key_words
        self.max_bytes = max_bytes
        self._api_key = api_key

    def __repr__(self) -> str:
        return f"<VirtposClient {self.session!r}>"

    # Reading

    def orders(
        self,
        customer_id: str | None = None,
        external_id: str | None = None,
        since: date | None = None,
        until: date | None = None,
        days: int | None = None,
    ) -> Iterator[Order]:
        """Read the orders (12-23), of one customer when `customer_id` or the `external_id` of another system is given.

        `since` and `until` are days of the register's calendar, `days` counts back from today; the seed knows none of
        these, today's service does. The answer is read whole before the first order comes: one that breaks off or
        cannot be understood yields nothing.
        """
        asked = {
            "id": customer_id,
            "external_id": external_id,
            "datefrom": None if since is None else f"{since:%Y%m%d}",
            "dateto": None if until is None else f"{until:%Y%m%d}",
            "days": days,
        }
        subjects = [f"customers:{customer_id}"] if customer_id else []
        yield from self._read(self.orders_path, asked, subjects, layouts.orders)

    def customers(self, page: int = 1, page_size: int = 100) -> Iterator[Customer]:
        """Read the customers from page `page` on, until a page is empty or brings nobody new.

        The number of the first page is assumed; the seed does not know this list.
        """
        seen: set[str | None] = set()
        while True:
            asked = {"page": page, "page_size": page_size}
            told = self._read(self.customers_path, asked, [], self._page_of_customers)
            fresh = [(id_, customer) for id_, customer in told if id_ not in seen]
            if not fresh:
                return
            seen.update(id_ for id_, _ in fresh)
            yield from (customer for _, customer in fresh if customer is not None)
            page += 1

    def customer(self, id: str) -> Customer | None:
        """Read one customer; None where he is not told. That the list may be asked for one is assumed: a service that
        tells all of them is read no further than one page, for this goes before and after each change.
        """
        asked = {"id": id, "page": 1, "page_size": 100}
        told = self._read(self.customers_path, asked, [f"customers:{id}"], self._page_of_customers)
        return next((customer for id_, customer in told if id_ == id), None)

    def _page_of_customers(
        self, answer: layouts.Answer, on_bad_row: Callable[[BadRow], None]
    ) -> list[tuple[str | None, Customer | None]]:
        """A page with its bad rows, for a page of nothing else is not the last one."""
        bad: list[BadRow] = []
        page: list[tuple[str | None, Customer | None]] = [
            (customer.id, customer) for customer in layouts.customers(answer, bad.append)
        ]
        for row in bad:
            on_bad_row(row)
            page.append((f"unreadable {row.id or row.excerpt}", None))
        return page

    # Writing

    def update_customer(
        self,
        fields: Mapping[str, Any],
        *,
        id: str | None = None,
        create: bool = False,
        group_name: str | None = None,
        group_id: str | None = None,
    ) -> Saved:
        """Change a customer, or add one when there is none with that `id` and `create` is true (74-98).

        `fields` are attributes of Customer or others that VirtPos knows; None is left out, "" empties a field. A group
        that does not exist is made; its name is not sent beside `group_id`, which makes VirtPos ignore it (82).
        Raises ContractError for `age`, which is derived and must not be sent (83).
        """
        if "age" in fields:
            raise ContractError("age", "VirtPos derives it from the date of birth, it must not be sent")
        reserved = _RESERVED & fields.keys()
        if reserved:
            raise ContractError(min(reserved), "no field of a customer")
        if not id and not create:
            raise ContractError("id", "needed for a customer that is not to be added")
        sent = {
            "id": id or None,
            "create_if_not_exist": create,
            "group_id": group_id or None,
            "group_name": None if group_id else group_name,
        }
        return self._write(
            self.update_customer_path, {**parameters(sent), **parameters(fields)}, f"customers:{id}" if id else None
        )

    def insert_card(self, card: Card) -> Saved:
        """Add a discount card (131-133)."""
        if card.card_id is not None:
            raise ContractError("card_id", "VirtPos gives it to a new card itself")
        return self._write(self.insert_card_path, card.parameters(), card.subject)

    def update_card(self, card: Card, *, create: bool = False) -> Saved:
        """Change the card that is found by card_id, else uid, else external_id, else card_barcode (110); add it when
        none is found and `create` is true."""
        if not any(getattr(card, name) for name in Card.KEYS):
            raise ContractError("", f"a card is found by one of {', '.join(Card.KEYS)}")
        sent = {**card.parameters(), **parameters({"create_if_not_exist": create})}
        return self._write(self.update_card_path, sent, card.subject)

    def delete_card(
        self,
        *,
        card_id: str | None = None,
        external_id: str | None = None,
        uid: str | None = None,
        card_barcode: str | None = None,
    ) -> None:
        """Delete the card that exactly one of the four names (122-129)."""
        card = Card(card_id=card_id, external_id=external_id, uid=uid, card_barcode=card_barcode)
        if sum(bool(getattr(card, name)) for name in Card.KEYS) != 1:
            raise ContractError("", f"exactly one of {', '.join(Card.KEYS)} is needed")
        self._write(self.delete_card_path, card.parameters(), card.subject)

    # Both

    def _read(
        self,
        path: str,
        asked: Mapping[str, Any],
        subjects: list[str],
        rows: Callable[[layouts.Answer, Callable[[BadRow], None]], list[T]],
    ) -> list[T]:
        # Reported once the answer is known to be good as a whole
        bad: list[BadRow] = []
        found: list[T] = self.session.request(
            "GET",
            path,
            params=self._query(parameters(asked)),
            subjects=subjects,
            read=lambda chunks: rows(self._answer(chunks), bad.append),
        )
        for row in bad:
            self.on_bad_row(row)
        return found

    def _write(self, path: str, sent: Mapping[str, str], subject: str | None) -> Saved:
        """Send a write once. A lost answer is Unknown: what was added may be there, and again would make two."""
        answer: layouts.Answer = self.session.request(
            self.write_method,
            path,
            params=self._query(sent),
            idempotent=False,
            subjects=[subject] if subject else [],
            read=self._answer,
        )
        return Saved(answer.id, answer.is_new)

    def _query(self, sent: Mapping[str, str]) -> dict[str, str]:
        return {"apikey": self._api_key, "format": self.format, **sent}

    def _answer(self, chunks: Iterator[bytes]) -> layouts.Answer:
        """The answer, once it says success. Raises Config, Refused or ContractError."""
        answer = layouts.read_answer(gather(chunks, self.max_bytes))
        if answer.success:
            return answer
        text = self.session.mask(answer.info or "success=0, without a text")
        raise (Config if self.key_words.search(text) else Refused)(text, status=200)
