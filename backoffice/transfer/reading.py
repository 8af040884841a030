"""Files that people bring, read safely and row by row: XLSX, and CSV as Excel and others write it.

Nothing of a file is trusted: its size, what it unpacks to (`workbook.py`), its rows and columns are limited, and
checked before they cost memory. What begins like a formula is data. Blank rows are passed over, and so is whatever
stands above the header.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import time
from itertools import islice
from math import isfinite
from typing import Any
from xml.etree.ElementTree import ParseError

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import load_workbook

from backoffice.spreadsheets import clean, unescaped
from backoffice.transfer import workbook

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_PASSED = 2 * workbook.MAX_SHEET_ROWS  # rows that are looked at, blank ones too
MAX_CELL = 50_000  # characters
ABOVE = 20  # rows among which the header is looked for
SAMPLES = 5

_PROTECTED = gettext_lazy("This is an old or a protected Excel file. Save it as XLSX without a password.")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
# Of the beginning of a file that is text only so many are control characters.
_UNTEXTUAL = bytes([*range(9), 11, *range(14, 32)])
_FEW_UNTEXTUAL, _UNTEXTUAL_SHARE = 16, 0.05
# What a broken or hostile workbook makes its readers raise.
_BROKEN = (
    zipfile.BadZipFile,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)

Cells = list[Any]
NumberedRow = tuple[int, Cells]


class Unreadable(Exception):
    """Why a file cannot be read, in words for the person who brought it."""


@dataclass(frozen=True)
class Head:
    """The header of a file, the number of its row, and some rows below it."""

    titles: list[str]
    row: int
    samples: list[Cells]


def head(data: bytes, score: Callable[[Sequence[str]], int]) -> Head:
    """The row among the first ones that `score` likes best; the first row where it likes none. Raises Unreadable."""
    with closing(_rows(data)) as rows:
        first = list(islice(rows, ABOVE + SAMPLES))
    if not first:
        raise Unreadable(_("The file is empty."))
    candidates = [(number, _titles(cells)) for number, cells in first[:ABOVE]]
    row, titles = max(candidates, key=lambda candidate: (score(candidate[1]), -candidate[0]))
    samples = [cells for number, cells in first if number > row][:SAMPLES]
    return Head(titles, row, samples)


def body(data: bytes, header_row: int) -> Iterator[NumberedRow]:
    """The rows below the header that are not blank, by their number in the file. Raises Unreadable."""
    count = 0
    for number, cells in _rows(data):
        if number <= header_row:
            continue
        count += 1
        if count > MAX_ROWS:
            raise Unreadable(_("The file has more than %(limit)d rows. Divide it.") % {"limit": MAX_ROWS})
        yield number, cells


def _titles(cells: Cells) -> list[str]:
    return [" ".join(str(cell).split()) if cell is not None else "" for cell in cells]


def _rows(data: bytes) -> Generator[NumberedRow]:
    if len(data) > MAX_BYTES:
        raise Unreadable(_("The file is larger than %(limit)d MB.") % {"limit": MAX_BYTES // 1024**2})
    if data.startswith(_OLD_EXCEL):
        raise Unreadable(_PROTECTED)
    if not data.startswith(b"PK") and _is_no_text(data[: 64 * 1024]):
        raise Unreadable(_("This is neither an Excel workbook nor a table as text. Save it as XLSX or CSV."))
    found = _xlsx_rows(data) if data.startswith(b"PK") else _csv_rows(data)
    for number, row in found:
        cells = [_cell(value) for value in row]
        while cells and cells[-1] is None:
            cells.pop()
        if len(cells) > MAX_COLUMNS:
            raise Unreadable(_("Row %(row)d has more than %(limit)d columns.") % {"row": number, "limit": MAX_COLUMNS})
        if cells:
            yield number, cells


def _is_no_text(start: bytes) -> bool:
    """Whether this is the beginning of a picture, a program or the like, whatever the file is called."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    odd = len(start) - len(start.translate(None, _UNTEXTUAL))
    return odd > _FEW_UNTEXTUAL and odd > len(start) * _UNTEXTUAL_SHARE


def _cell(value: Any) -> Any:
    """None where there is nothing to see."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)  # no column takes it for a number
    if isinstance(value, time):
        return f"{value:%H:%M}"
    if not isinstance(value, str):
        return value
    text = unescaped(clean(value.replace("\u00a0", " ")).strip())
    if len(text) > MAX_CELL:
        raise Unreadable(_("A cell holds more than %(limit)d characters.") % {"limit": MAX_CELL})
    return text or None


# XLSX


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    try:
        workbook.check(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        with closing(book):
            yield from _sheets(book)
    except workbook.Protected as error:
        raise Unreadable(_PROTECTED) from error
    except workbook.Excessive as error:
        raise Unreadable(
            _("The workbook unpacks to more than is allowed. Leave the table alone in it, without images.")
        ) from error
    except _BROKEN as error:
        raise Unreadable(_("The file is damaged or is no Excel workbook.")) from error


def _sheets(book: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """The first sheet, and those after it that go on under the same header. Their rows are numbered on."""
    before, header = 0, None
    for sheet in book.worksheets:
        if sheet.sheet_state != "visible":
            continue
        sheet.reset_dimensions()  # a file may say anything of its size
        number = 0
        for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if number == 1 and header is not None:
                if _titles(list(row)) != header:
                    return
                continue
            if header is None and any(cell is not None for cell in row):
                header = _titles(list(row))
            if before + number > MAX_PASSED:
                raise workbook.Excessive
            yield before + number, row
        before += number


# CSV


def _csv_rows(data: bytes) -> Iterator[tuple[int, Sequence[Any]]]:
    text = io.TextIOWrapper(io.BytesIO(data), encoding=_encoding(data), errors="replace", newline="")
    start = text.read(64 * 1024)
    text.seek(0)
    delimiter, skipped = _delimiter(start)
    for _line in range(skipped):
        text.readline()
    reader = csv.reader(text, delimiter=delimiter)
    try:
        yield from enumerate(reader, 1 + skipped)
    except csv.Error as error:
        message = _("Line %(line)d of the file cannot be read: is a quotation mark not closed?")
        raise Unreadable(message % {"line": reader.line_num + skipped}) from error


def _encoding(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), 1 << 20):
            decoder.decode(data[start : start + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1251"
    return "utf-8"


def _delimiter(start: str) -> tuple[str, int]:
    """What parts the columns, and how many lines stand before the table: one where Excel's `sep=` names it."""
    if named := re.match(r"sep=(.)\r?\n", start, re.IGNORECASE):
        return named[1], 1
    return max((";", "\t", ","), key=lambda mark: _width(start, mark)), 0


def _width(start: str, delimiter: str) -> int:
    """In how many columns the first rows fall, all together."""
    lines: Iterable[str] = io.StringIO(start, newline="")
    count = 0
    try:
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter)):
            if number >= ABOVE:
                break
            count += len(row) - 1
    except csv.Error:
        return 0
    return count
