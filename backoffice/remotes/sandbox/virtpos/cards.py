"""Discount cards: updateCard, insertCard, deleteCard (lines 100-133)."""

from __future__ import annotations

from backoffice.remotes.sandbox.errors import Refusal
from backoffice.remotes.sandbox.schema import Record

from .records import CARD_TYPES, CARDS, Records, check_date

# What a card is looked for by, in this order (line 110), and the field that each is compared with.
SEARCH = {"card_id": "card_id", "uid": "uid", "external_id": "external_id", "card_barcode": "barcode"}
MEDIUMS = ("PLASTIC", "MAGNET", "APP")
STATUSES = ("NEW", "ACTIVE", "BLOCKED")
FIELDS = [
    "card_id",
    "external_id",
    "uid",
    "uid_ean13",
    "barcode",
    "medium",
    "status",
    "block_date",
    "activate_date",
    "type_id",
    "type_name",
    "customer_id",
]
PARAMETERS = frozenset({*FIELDS, "card_barcode", "customer_external_id"})


class Cards:
    """The three operations; each answers (id, is it new)."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._store = records.store

    def update(self, given: Record, create: bool) -> tuple[str, bool]:
        """Changes the card that is found; adds it where none is and `create` says so."""
        if not any(given.get(name) for name in SEARCH):
            raise Refusal(f"Нужен один из параметров: {', '.join(SEARCH)}")
        found = self._find(given)
        if found is None:
            if not create:
                raise Refusal("Карта не найдена", violation=False)
            return self.insert({name: value for name, value in given.items() if name != "card_id"})
        self._records.state.check_poison(CARDS, found["card_id"])
        self._put(found["card_id"], found, given)
        return found["card_id"], False

    def insert(self, given: Record) -> tuple[str, bool]:
        """Adds a card. Its number must be there and be new (assumed)."""
        if given.get("card_id"):
            raise Refusal("card_id присваивается системой")
        uid = given.get("uid")
        if not uid:
            raise Refusal("uid: обязательный параметр")
        self._records.state.check_poison(CARDS, uid)
        if any(card["uid"] == uid for card in self._store.all(CARDS)):
            raise Refusal(f"Карта с номером {uid} уже существует", violation=False)
        number = str(self._store.next_number(CARDS))
        self._put(number, dict.fromkeys(FIELDS) | {"medium": "PLASTIC", "status": "NEW"}, given)
        return number, True

    def delete(self, given: Record) -> str:
        """Deletes the card that exactly one parameter names."""
        if sum(bool(given.get(name)) for name in SEARCH) != 1:
            raise Refusal(f"Нужен ровно один из параметров: {', '.join(SEARCH)}")
        found = self._find(given)
        if found is None:
            raise Refusal("Карта не найдена", violation=False)
        self._records.state.check_poison(CARDS, found["card_id"])
        self._store.remove(CARDS, found["card_id"])
        return str(found["card_id"])

    def _find(self, given: Record) -> Record | None:
        for parameter, field in SEARCH.items():
            value = given.get(parameter)
            if not value:
                continue
            for card in self._store.all(CARDS):
                if card[field] == value:
                    return dict(card)
        return None

    def _put(self, number: str, old: Record, given: Record) -> None:
        for name, allowed in (("medium", MEDIUMS), ("status", STATUSES)):
            if given.get(name, allowed[0]) not in allowed:
                raise Refusal(f"{name}: ожидается одно из значений {', '.join(allowed)}")
        new: Record = {name: given[name] or None for name in FIELDS if name in given}
        if not new.get("uid"):
            new.pop("uid", None)  # a card always has its number
        for name in ("block_date", "activate_date"):
            if new.get(name):
                check_date(name, new[name])
        if "uid" in new and any(card["uid"] == new["uid"] != old["uid"] for card in self._store.all(CARDS)):
            raise Refusal(f"Карта с номером {new['uid']} уже существует", violation=False)
        new |= self._type(new)
        if given.get("customer_id") or given.get("customer_external_id"):
            new["customer_id"] = self._records.customer_of(given.get("customer_id"), given.get("customer_external_id"))
        record = {**old, **new, "card_id": number}
        if "uid" in new:  # both are made where they are not given (lines 111-112)
            record["uid_ean13"] = new.get("uid_ean13") or ean13(record["uid"])
            record["barcode"] = new.get("barcode") or record["uid_ean13"] or record["uid"]
        self._store.put(CARDS, number, record)

    def _type(self, new: Record) -> Record:
        """Both names of the card's type. A name counts only without an id, and makes a type that is not there (118)."""
        if new.get("type_id"):
            name = self._store.get(CARD_TYPES, new["type_id"])
            if name is None:
                raise Refusal(f"Тип карты {new['type_id']} не найден", violation=False)
            return {"type_name": name}
        if new.get("type_name"):
            return {"type_id": self._records.named(CARD_TYPES, new["type_name"])}
        return {}


def ean13(uid: str) -> str | None:
    """Zeros, the number, the check digit (line 111); None for a number that does not fit."""
    if not (uid.isascii() and uid.isdigit()) or len(uid) > 12:
        return None
    digits = uid.zfill(12)
    weighted = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"
