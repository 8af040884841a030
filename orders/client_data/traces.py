"""What a client is recognised by in texts that are no columns of his: logs, bodies, files, other people's notes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orders.phones import e164

DIGITS = 10  # of a phone: with how many it is his, whatever stands before them
SHORTEST = 3  # letters of a name that is looked for
# Attributes of remotes and of ours that hold what tells of a client, whatever is in them.
PERSONAL = re.compile(
    r"phone|e-?mail|(first|last|middle|sur)name|address|street|^home$|^house|apartment|postindex|latitude|longitude|"
    r"birth|^(client_?)?inn$|description|comment|^clientname$|^fio$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Traces:
    """`phones`: their last digits. `words`: texts that are his alone, such as mail addresses, INN, ids at remotes.
    `names`: pairs of first and last name, which tell of him where both stand. `values`: whatever stood in his columns.
    """

    phones: tuple[str, ...]
    words: tuple[str, ...]
    names: tuple[tuple[str, str], ...]
    values: tuple[str, ...]

    @classmethod
    def of(
        cls, phones: Iterable[str], words: Iterable[str], names: Iterable[tuple[str, str]], values: Iterable[str]
    ) -> Traces:
        ends = {re.sub(r"\D", "", e164(phone) or phone)[-DIGITS:] for phone in phones if phone}
        pairs = {(first.strip(), last.strip()) for first, last in names}
        return cls(
            tuple(sorted(end for end in ends if len(end) == DIGITS)),
            tuple(sorted({word for word in words if word})),
            tuple(sorted(pair for pair in pairs if min(map(len, pair)) >= SHORTEST)),
            # A house's number is also somebody's sum.
            tuple(sorted({value for value in values if len(value) > SHORTEST and not value.isdecimal()})),
        )

    @classmethod
    def loads(cls, text: str) -> Traces:
        found = json.loads(text)
        return cls(
            tuple(found["phones"]), tuple(found["words"]), tuple(map(tuple, found["names"])), tuple(found["values"])
        )

    @property
    def is_empty(self) -> bool:
        return not (self.phones or self.words or self.names or self.values)

    def dumps(self) -> str:
        return json.dumps(
            {"phones": self.phones, "words": self.words, "names": self.names, "values": self.values}, ensure_ascii=False
        )

    def tell(self, text: str) -> bool:
        """Whether a text tells of the client."""
        if not text:
            return False
        low = text.casefold()
        if any(word.casefold() in low for word in self.words):
            return True
        if any(first.casefold() in low and last.casefold() in low for first, last in self.names):
            return True
        if not self.phones:
            return False
        digits = re.sub(r"[\s()+\-.]", "", text)
        return any(phone in digits for phone in self.phones)

    def cleaned(self, value: Any, *, by_key: bool = False) -> Any:
        """A JSON value without the texts that tell of him; `by_key`: nor what stands under a PERSONAL name, as in a row
        that is his own.
        """
        if isinstance(value, dict):
            return {key: self._under(key, each, by_key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.cleaned(each, by_key=by_key) for each in value]
        if isinstance(value, str) and (value in self.values or self.tell(value)):
            return ""
        return value

    def _under(self, key: str, value: Any, by_key: bool) -> Any:
        if not by_key or not PERSONAL.search(key) or isinstance(value, dict | list):
            return self.cleaned(value, by_key=by_key)
        return "" if isinstance(value, str) else None
