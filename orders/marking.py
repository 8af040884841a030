"""Marking codes: what a GS1 DataMatrix says, and what is wrong with it. Pure text; no model is known here.

A code is 01 + GTIN (14 digits) + 21 + serial number, a group separator (GS, character 29), then the check part: 91 with
92, or 93. The digits of these identifiers occur inside the data too, so a code is read by position. Codes that come
from a remote are flagged and never refused (CONTRACT, "Russian fiscal facts").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

GS = "\x1d"
# What scanners put before the first identifier: the symbology's name, FNC1 as a GS or as its code in a DataMatrix.
LEADERS = ("]d2", "]C1", GS, "\xe8")
GTIN_LENGTH = 14
MAX_SERIAL = 20  # GS1, identifier 21
# Of the check part: how long each group is. 92 is a signature of 44 characters, of 88 with the older key.
CHECK_LENGTHS = {"91": (4,), "92": (44, 88), "93": (4,)}
CHECK_PARTS = ({"91", "92"}, {"93"})
# What GS1 allows in a serial number and a key (its set 82).
ALLOWED = re.compile(r"[A-Za-z0-9!\"%&'()*+,\-./_:;=<>?]+")


class Flaw(Enum):
    """What can be wrong with a code. The text for a person is made where it is shown."""

    START = "start"  # no 01 with 14 digits, then 21
    GTIN = "gtin"  # the check digit is wrong
    SERIAL = "serial"  # empty, too long or with characters that cannot be there
    SEPARATOR = "separator"  # no GS behind the serial number
    CHECK = "check"  # the check part is missing, incomplete or of the wrong length


@dataclass(frozen=True)
class Mark:
    """A code, read as far as it can be. `groups`: (identifier, value) of what follows the serial number."""

    gtin: str = ""
    serial: str = ""
    groups: tuple[tuple[str, str], ...] = ()
    flaws: frozenset[Flaw] = frozenset()

    @property
    def key(self) -> str:
        """What makes two codes the same piece: good and serial number; "" when they cannot be told."""
        return f"{self.gtin}:{self.serial}" if self.gtin and self.serial else ""


def parse(code: str) -> Mark:
    """Read a code. Never raises: what is wrong is told in `flaws`."""
    text = _bare(code)
    gtin, identifier, rest = text[2 : 2 + GTIN_LENGTH], text[16:18], text[18:]
    if text[:2] != "01" or identifier != "21" or not _is_digits(gtin, GTIN_LENGTH):
        return Mark(flaws=frozenset({Flaw.START}))
    serial, *tail = rest.split(GS)
    flaws = set()
    if not is_gtin(gtin):
        flaws.add(Flaw.GTIN)
    if not tail:
        # Without its end the serial number may hold the check part as well, and then names no piece.
        flaws.add(Flaw.SEPARATOR)
    if not 0 < len(serial) <= MAX_SERIAL or not ALLOWED.fullmatch(serial):
        flaws.add(Flaw.SERIAL)
    groups = tuple((group[:2], group[2:]) for group in tail if group)
    if tail and not _is_checked(groups):
        flaws.add(Flaw.CHECK)
    return Mark(gtin, "" if Flaw.SERIAL in flaws else serial, groups, frozenset(flaws))


def key(code: str) -> str:
    """What codes are compared by: the piece that a readable one names, an unreadable one itself, "" for none."""
    return (parse(code).key or _bare(code)) if code else ""


def is_gtin(digits: str) -> bool:
    """Whether the last digit of a GTIN checks the others: weights 3 and 1 by turns, from the left, make a ten."""
    return _is_digits(digits, GTIN_LENGTH) and _weighed(digits) % 10 == 0


def check_digit(digits: str) -> str:
    """The digit that makes 13 digits a GTIN."""
    return str(-_weighed(digits) % 10)


def _weighed(digits: str) -> int:
    return sum(int(digit) * (1 if index % 2 else 3) for index, digit in enumerate(digits))


def _bare(code: str) -> str:
    text = code.strip(" \t\r\n")
    for leader in LEADERS:
        text = text.removeprefix(leader)
    return text


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def _is_checked(groups: tuple[tuple[str, str], ...]) -> bool:
    """Whether the check part is whole. Other groups (a price, a weight) may stand beside it."""
    found = dict(groups)
    if not any(part <= found.keys() for part in CHECK_PARTS):
        return False
    return all(len(found[name]) in lengths for name, lengths in CHECK_LENGTHS.items() if name in found)
