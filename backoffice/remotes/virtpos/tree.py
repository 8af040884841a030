"""The bytes of an answer as a tree, XML and JSON alike: nothing but text, bounded in size, depth and number.

VirtPos tells lists by repeating names, so an object is an ordered run of pairs here, whose names may repeat. No DTD, no
entity and no reference to anything outside is accepted. What is wrong raises ContractError, and then nothing is read.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, XMLParser

from backoffice.remotes.errors import ContractError
from backoffice.remotes.values import storable_text

MAX_BYTES = 32 * 2**20
MAX_DEPTH = 16
MAX_ELEMENTS = 1_000_000

_DECLARATION = re.compile(rb"""<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_ENCODINGS = {"utf-8": "utf-8", "ascii": "utf-8", "cp1251": "cp1251"}  # of XML; JSON is UTF-8


class Fields:
    """An object: (name, value) pairs in the order of the wire. A value is None, a scalar, a list or Fields."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: Iterable[tuple[str, Any]] = ()):
        self.pairs = list(pairs)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.pairs)

    def __repr__(self) -> str:
        return repr(plain(self))

    def names(self) -> set[str]:
        return {name for name, _ in self.pairs}

    def all(self, *names: str) -> list[Any]:
        """Every value that stands under one of `names`."""
        return [value for name, value in self.pairs if name in names]

    def one(self, name: str) -> Any:
        """The value under `name`, None when there is none. Raises ContractError when there are several."""
        values = self.all(name)
        if len(values) > 1:
            raise ContractError(name, f"told {len(values)} times")
        return values[0] if values else None


def gather(chunks: Iterable[bytes], max_bytes: int = MAX_BYTES) -> bytes:
    """The whole of an answer; raises ContractError as soon as it is larger than `max_bytes`."""
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > max_bytes:
            raise ContractError("", f"larger than {max_bytes} bytes")
    return bytes(body)


def parse(body: bytes) -> Fields:
    """The object that an answer is: the children of XML's root, or JSON's one object.

    Which of the two it is shows in its first character, for a server may answer in the other format than asked for.
    """
    start = body.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if not start:
        raise ContractError("", "empty")
    value = _of_xml(body) if start == b"<" else _of_json(body)
    if not isinstance(value, Fields):
        raise ContractError("", "expected an object")
    return value


def plain(value: Any) -> Any:
    """A value of the tree as JSON builtins, to be kept: numbers as text, a repeated name as a list, and text that any
    database can hold."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, Fields):
        kept: dict[str, Any] = {}
        for name, inner in ((storable_text(name), inner) for name, inner in value):
            known = kept.get(name)
            if name not in kept:
                kept[name] = plain(inner)
            elif isinstance(known, list):
                known.append(plain(inner))
            else:
                kept[name] = [known, plain(inner)]
        return kept
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Decimal) else value


# XML


class _Target:
    """Builds the tree while the parser runs, so that what is too deep or too much ends at once.

    An element without children is its text, None when that is blank; the text between children means nothing.
    """

    def __init__(self) -> None:
        self.root: Any = None
        self.root_name = ""
        self._open: list[tuple[str, list[tuple[str, Any]]]] = []
        self._text: list[str] = []
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) >= MAX_DEPTH:
            raise ContractError("", f"more than {MAX_DEPTH} elements inside one another")
        if self._elements > MAX_ELEMENTS:
            raise ContractError("", f"more than {MAX_ELEMENTS} elements")
        self._open.append((name, []))
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        _, children = self._open.pop()
        value = Fields(children) if children else "".join(self._text).strip() or None
        self._text.clear()
        if self._open:
            self._open[-1][1].append((name, value))
        else:
            self.root, self.root_name = value, name

    def close(self) -> Any:
        return self.root


def _of_xml(body: bytes) -> Any:
    text = _decoded(body)
    target = _Target()
    parser = XMLParser(target=target, forbid_dtd=True)
    try:
        parser.feed(text)  # at once: the parser reads what is unfinished anew with each piece
        parser.close()
    except DefusedXmlException:
        raise ContractError("", "a document type or an entity, which is not accepted") from None
    except ParseError as error:
        raise ContractError("", f"not XML: {error}") from None
    if target.root_name.lower() == "html":
        raise ContractError("", "a page for people, not an answer")
    return target.root


def _decoded(body: bytes) -> str:
    """The text of an XML document in the encoding that it declares; UTF-8 without a declaration.

    Text that is UTF-8 beneath another label would be read as gibberish without any error, so it is refused.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    found = _DECLARATION.search(body[:200])
    label = found[1].decode() if found else "UTF-8"
    try:
        codec = _ENCODINGS.get(codecs.lookup(label).name)
    except LookupError:
        codec = None
    if codec is None:
        raise ContractError("", f"the encoding {label} is not accepted")
    try:
        text = body.decode(codec)
    except UnicodeDecodeError as error:
        raise ContractError("", f"not in the encoding {label}: {error.reason} at byte {error.start}") from None
    if codec != "utf-8" and not body.isascii() and _is_utf8(body):
        raise ContractError("", f"declared as {label}, but written in UTF-8")
    return text


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


# JSON


def _of_json(body: bytes) -> Any:
    # Before it is decoded, which takes far more memory than the bytes do; some commas stand in texts
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > 4 * MAX_ELEMENTS:
        raise ContractError("", f"more than {MAX_ELEMENTS} values")
    try:
        text = body.removeprefix(codecs.BOM_UTF8).decode()
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=Fields)
    except UnicodeDecodeError as error:
        raise ContractError("", f"not in UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise ContractError("", f"more than {MAX_DEPTH} values inside one another") from None
    except (ValueError, ArithmeticError) as error:
        raise ContractError("", f"not JSON: {error}") from None
    _check(value)
    # What XML has for an element of its own, JSON may wrap the answer in too
    if isinstance(value, Fields) and value.names() == {"root"}:
        value = value.one("root")
    return value


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _check(value: Any) -> None:
    """Raise where a JSON value is too deep or holds too much."""
    pending, elements = [(value, 0)], 0
    while pending:
        current, depth = pending.pop()
        inner = [value for _, value in current] if isinstance(current, Fields) else current
        if not isinstance(inner, list):
            continue
        elements += len(inner)
        if depth >= MAX_DEPTH:
            raise ContractError("", f"more than {MAX_DEPTH} values inside one another")
        if elements > MAX_ELEMENTS:
            raise ContractError("", f"more than {MAX_ELEMENTS} values")
        pending.extend((each, depth + 1) for each in inner if isinstance(each, Fields | list))
