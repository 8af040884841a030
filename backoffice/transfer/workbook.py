"""What a workbook may hold, found out before a tree of any part of it is built.

A file of some kilobytes can unpack to hundreds of megabytes, and a tree takes twenty times as much. So each part is run
through the parser once without keeping anything: what it holds too much of is known after the first bytes too many.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from openpyxl.xml.constants import SHEET_MAIN_NS

MAX_PARTS = 2_000
MAX_UNPACKED = 400 * 1024 * 1024  # bytes of all parts; the sheets are read as a stream
MAX_HELD = 64 * 1024 * 1024  # bytes of a part that is no sheet, and so is held in memory
MAX_SHEET_ROWS = 1_048_576  # Excel's own limit; a sheet that was formatted to its end has as many, all of them blank
MAX_STRINGS = 1_000_000  # texts that cells share
MAX_ELEMENTS = 30_000_000  # of all parts, whatever they are
MAX_TOGETHER = 100_000  # elements of a row, of a shared text, or of what stands around them
MAX_GAP = 1 << 20  # bytes between two elements: a text, an attribute, a comment

_ROW, _STRING = f"{SHEET_MAIN_NS} row", f"{SHEET_MAIN_NS} si"
_CHUNK = 1 << 16
_ENCRYPTED = 1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Excessive(Exception):
    """The workbook holds more than is read."""


class Protected(Exception):
    """The workbook is encrypted."""


def is_sheet(name: str) -> bool:
    return name.startswith("xl/worksheets/") and name.endswith(".xml")


def check(data: bytes) -> None:
    """Raises Excessive or Protected, and what a broken archive makes `zipfile` raise.

    Python unpacks no more of a part than its entry says, so the entries' sizes can be relied upon.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if any(part.flag_bits & _ENCRYPTED for part in parts):
            raise Protected
        if any(part.compress_type not in _METHODS for part in parts):
            raise zipfile.BadZipFile("a compression that no spreadsheet program uses")
        largest = max((part.file_size for part in parts if not is_sheet(part.filename)), default=0)
        if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED or largest > MAX_HELD:
            raise Excessive
        left = MAX_ELEMENTS
        for part in parts:
            with archive.open(part) as source:
                left -= _elements(source.read, left)


def _elements(read: Callable[[int], bytes], most: int) -> int:
    """How many elements a part has, up to where it is no XML: no reader gets any further. Raises Excessive."""
    total = together = rows = strings = 0

    def element(name: str, attributes: dict[str, str]) -> None:
        nonlocal total, together, rows, strings
        total += 1
        together += 1
        if name == _ROW:
            together, rows = 0, rows + 1
            number = attributes.get("r", "")
            # Rows that are left out are made up by the reader, so the number of one costs as much as they would.
            if rows > MAX_SHEET_ROWS or len(number) > 7 or (number.isdecimal() and int(number) > MAX_SHEET_ROWS):
                raise Excessive
        elif name == _STRING:
            together, strings = 0, strings + 1
            if strings > MAX_STRINGS:
                raise Excessive
        elif together > MAX_TOGETHER or total > most:
            raise Excessive

    def refuse(*_declaration: Any) -> None:
        raise Excessive  # a document type: its entities make gigabytes of nothing, and no spreadsheet program has one

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = element, refuse
    seen = quiet = 0
    while chunk := read(_CHUNK):
        try:
            parser.Parse(chunk, False)
        except (expat.ExpatError, ValueError):  # ValueError: an encoding that is unknown
            break
        quiet = quiet + len(chunk) if seen == total else 0
        seen = total
        if quiet > MAX_GAP:
            raise Excessive
    return total
