"""JSON as remotes really send it: exact numbers, forgiven commas, arrays of any size with flat memory.

Money must survive, so fractions become Decimal. A list is cut into rows by a scanner of brackets and each row is
decoded by itself, so that memory stays flat and one bad row cannot sink the others.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_TRAILING_COMMA = re.compile(rb'("(?:[^"\\]++|\\.)*+")|,(?=\s*+[}\]])', re.DOTALL)
# Runs to the next bracket outside strings. It cannot match when the buffer ends inside a string, which is the
# sign that more bytes are needed.
_TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[{}\[\]]', re.DOTALL)
_BLANK = b" \t\r\n,"
_BOM = b"\xef\xbb\xbf"
_EXCERPT = 500

MAX_ROW_BYTES = 16 * 2**20


class MalformedJson(ValueError):
    """The bytes are not JSON, not even with trailing commas forgiven."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """An element of a list that is no JSON: its first characters and what is wrong with it."""

    excerpt: str
    message: str


def loads(body: bytes) -> Any:
    """Decode one JSON text; fractions become Decimal.

    Strict first; T31: then once more without the commas that stand before a closing bracket outside strings.
    """
    body = body.removeprefix(_BOM)
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, ArithmeticError, RecursionError, UnicodeDecodeError) as error:
        reason = str(error)
    try:
        return _decoder.decode(_TRAILING_COMMA.sub(lambda match: match[1] or b"", body))
    except (msgspec.DecodeError, ArithmeticError, RecursionError, UnicodeDecodeError):
        raise MalformedJson(reason) from None


def dumps(value: Any) -> bytes:
    """Encode JSON builtins and Decimals, the latter as numbers with all their digits: `loads` of it gives the same."""
    return _encoder.encode(value)


def unwrap(value: Any) -> list[Any]:
    """The rows of what should have been a list: a list, one object, {"someKey": [...]}, {} or null.

    T37: callbacks wrap orders as {"items": [...]}, whatever else may stand beside it.
    """
    if isinstance(value, list):
        return value
    if value is None or value == {} or value == "":
        return []
    if isinstance(value, dict):
        wrapped = next(iter(value.values())) if len(value) == 1 else value.get("items")
        if isinstance(wrapped, list):
            return wrapped
    return [value]


def iter_array(chunks: Iterable[bytes], whole: Callable[[Any], None] | None = None) -> Iterator[Any]:
    """Decode the elements of a top-level JSON array one by one from `chunks`, holding one row in memory.

    Tolerates what `unwrap` tolerates; an answer that is no array is held whole, its size is the caller's to bound;
    `whole` is called with it first and may raise.
    Yields decoded values, and a BrokenRow for an element that is no JSON. Raises MalformedJson when the array does
    not end or a row is longer than MAX_ROW_BYTES; the rows before it have been yielded.
    """
    source = iter(chunks)
    head = b""
    for chunk in source:
        head = (head + chunk).removeprefix(_BOM).lstrip()
        if head and head != _BOM[: len(head)]:
            break
    if not head:
        return
    if head[:1] == b"[":
        yield from _elements(head[1:], source)
    else:
        value = loads(head + b"".join(source))
        if whole is not None:
            whole(value)
        yield from unwrap(value)


def _elements(buffer: bytes, source: Iterator[bytes]) -> Iterator[Any]:
    """Yield the elements that follow the opening bracket of an array."""
    position = row_start = depth = 0
    while True:
        while match := _TO_BRACKET.match(buffer, position):
            end = match.end()
            if buffer[end - 1] in b"{[":
                if depth == 0:
                    yield from _strays(buffer[position : end - 1])
                    row_start = end - 1
                depth += 1
            elif depth == 0:
                yield from _strays(buffer[position : end - 1])
                return
            else:
                depth -= 1
                if depth == 0:
                    yield _row(buffer[row_start:end])
            position = end
        keep = row_start if depth else position
        more = _more(source, len(buffer) - position)
        if not more:
            raise MalformedJson("the list ends in the middle")
        buffer = buffer[keep:] + more
        position, row_start = position - keep, 0
        if len(buffer) - len(more) > MAX_ROW_BYTES:
            raise MalformedJson(f"a row is longer than {MAX_ROW_BYTES} bytes")


def _more(source: Iterator[bytes], least: int) -> bytes:
    """The next bytes, as many as are to be looked at again: else a long row would be searched anew for each chunk."""
    chunks, size = [], 0
    for chunk in source:
        chunks.append(chunk)
        size += len(chunk)
        if size >= least:
            break
    return b"".join(chunks)


def _row(text: bytes) -> Any:
    try:
        return loads(text)
    except MalformedJson as error:
        return BrokenRow(text[: _EXCERPT * 4].decode("utf-8", errors="replace")[:_EXCERPT], str(error))


def _strays(text: bytes) -> Iterator[Any]:
    """What stands between rows beside commas: scalars, which are rows too and bad ones."""
    for part in text.strip(_BLANK).split(b","):
        if part.strip(_BLANK):
            yield _row(part.strip(_BLANK))
