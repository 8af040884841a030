"""Tables as files for Excel: CSV and XLSX, written as their rows come, at flat memory however many there are.

A cell is text, a whole number, a Decimal, a date, a moment (aware; written in local time), yes or no, or None for
nothing. Whatever else it is becomes its `str`. What is read back in is `backoffice/transfer/reading.py`.

No text of ours is ever a formula. A spreadsheet evaluates what begins with `=`, `+`, `-`, `@` in a CSV, so there an
apostrophe stands before it; in XLSX a text is a text, and a style keeps it one when a person edits the cell.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from xml.sax.saxutils import escape as escape_xml
from xml.sax.saxutils import quoteattr

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.formats import get_format
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from backoffice import replica

Row = Sequence[Any]

CSV, XLSX = "csv", "xlsx"
TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones: evaluated in some locales
CHUNK = 256  # rows that leave together
MAX_ROWS = 1_048_576  # of a sheet, by Excel's limits
MAX_BYTES = 1 << 30  # of a sheet: beyond 2 GiB a ZIP needs an extension that not every reader of XLSX knows
MAX_TEXT = 32_767  # characters of a cell in Excel
MAX_DIGITS = 15  # that a spreadsheet's number holds; longer ones, as barcodes and tax numbers, go as text

# What XML 1.0 cannot hold at all.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # day 0 of a spreadsheet, which knows no zones
_FIRST = date(1900, 3, 1)  # before it Excel counts a day that never was


def clean(text: str) -> str:
    """Without what no file may hold: NUL and other control characters, halves of characters."""
    return _UNPRINTABLE.sub("", text)


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet might evaluate this text, or it is one that was escaped already."""
    return text.lstrip("'").startswith(DANGEROUS)


def escaped(text: str) -> str:
    """The text as data for any spreadsheet; `unescaped` gives it back."""
    return f"'{text}" if is_dangerous(text) else text


def unescaped(text: str) -> str:
    return text[1:] if text.startswith("'") and is_dangerous(text) else text


def response(
    name: str, header: Sequence[Any], rows: Iterable[Row], kind: str, *, sheet_title: str = ""
) -> StreamingHttpResponse:
    """The table as a download `name.kind`, whose first bytes leave before the rows are read.

    Texts that `rows` makes while it runs are in the language of this request. Raises LookupError for another kind.
    """
    if kind not in TYPES:
        raise LookupError(kind)
    body = stream_csv(header, rows) if kind == CSV else stream_xlsx(header, rows, sheet_title or name)
    answer = StreamingHttpResponse(
        replica.streamed(_in_language(body, translation.get_language())), content_type=TYPES[kind]
    )
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}.{kind}")
    answer["Cache-Control"] = "no-store"
    answer["X-Accel-Buffering"] = "no"
    return answer


def _in_language(body: Iterator[bytes], language: str | None) -> Iterator[bytes]:
    """Each step in this language: by the time the server asks for it, its thread may have another."""
    while True:
        with translation.override(language):
            chunk = next(body, None)
        if chunk is None:
            return
        yield chunk


# CSV


def stream_csv(header: Sequence[Any], rows: Iterable[Row]) -> Iterator[bytes]:
    """UTF-8 with a mark by which Excel knows it, and what it expects in the reader's language: where numbers have a
    decimal comma, columns are parted by semicolons.
    """
    comma = str(get_format("DECIMAL_SEPARATOR"))
    words = {True: _("yes"), False: _("no")}
    return _csv(header, rows, ";" if comma == "," else ",", comma, words)


def _csv(
    header: Sequence[Any], rows: Iterable[Row], delimiter: str, comma: str, words: dict[bool, str]
) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    yield b"\xef\xbb\xbf"
    for number, row in enumerate(chain([header], rows)):
        writer.writerow([_csv_cell(value, comma, words) for value in row])
        if number % CHUNK == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _csv_cell(value: Any, comma: str, words: dict[bool, str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return words[value]
        case int():
            return str(value)
        case Decimal() if value.is_finite():
            return f"{value:f}".replace(".", comma)
        case datetime():
            return f"{_local(value):%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
    return escaped(clean(str(value)))


def _local(moment: datetime) -> datetime:
    return timezone.make_naive(moment) if timezone.is_aware(moment) else moment


# XLSX


class _Sink(io.RawIOBase):
    """What a ZIP is written to that can be taken away bit by bit. It cannot seek, so that nothing is rewritten."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def stream_xlsx(header: Sequence[Any], rows: Iterable[Row], sheet_title: str) -> Iterator[bytes]:
    """A workbook with a bold, frozen header. What does not fit on one sheet goes on on the next, under its header."""
    sink = _Sink()
    titles: list[str] = []
    source = iter(rows)
    # Compressing little is three times as fast and hardly larger: the text of a sheet repeats itself.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        pending: Row | None = next(source, None)
        while not titles or pending is not None:
            titles.append(_sheet_name(sheet_title, len(titles) + 1))
            with archive.open(f"xl/worksheets/sheet{len(titles)}.xml", "w") as part:
                head = _sheet_head(header)
                part.write(head)
                yield sink.take()
                number, size = 1, len(head)
                while pending is not None and number < MAX_ROWS and size < MAX_BYTES:
                    number += 1
                    size += part.write(_row(number, pending))
                    if number % CHUNK == 0:
                        yield sink.take()
                    pending = next(source, None)
                part.write(b"</sheetData></worksheet>")
        for path, text in _frame(titles).items():
            archive.writestr(path, text)
    yield sink.take()


def _sheet_name(title: str, number: int) -> str:
    """At most 31 characters, none of those that Excel refuses."""
    suffix = f" {number}" if number > 1 else ""
    plain = re.sub(r"[\[\]:*?/\\]", " ", clean(title)).strip(" '") or "1"
    return plain[: 31 - len(suffix)] + suffix


def _sheet_head(header: Sequence[Any]) -> bytes:
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{min(max(len(str(title)) + 3, 12), 40)}" customWidth="1"/>'
        for number, title in enumerate(header, 1)
    )
    cells = "".join(_text_cell(str(title), style=_BOLD) for title in header)
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'{f"<cols>{widths}</cols>" if widths else ""}<sheetData><row r="1">{cells}</row>'
    ).encode()


def _row(number: int, row: Row) -> bytes:
    return f'<row r="{number}">{"".join(map(_cell, row))}</row>'.encode()


def _cell(value: Any) -> str:
    match value:
        case None | "":
            return "<c/>"
        case str():
            return _text_cell(value)
        case bool():
            return f'<c t="b"><v>{value:d}</v></c>'
        case int() if abs(value) < 10**MAX_DIGITS:
            return f"<c><v>{value}</v></c>"
        case Decimal() if value.is_finite() and len(value.as_tuple().digits) <= MAX_DIGITS:
            style = f' s="{_MONEY}"' if value.as_tuple().exponent == -2 else ""
            return f"<c{style}><v>{value:f}</v></c>"
        case datetime() if value.date() > _FIRST:
            since = _local(value) - _EPOCH
            return f'<c s="{_MOMENT}"><v>{since / timedelta(days=1):.9f}</v></c>'
        case date() if value >= _FIRST and not isinstance(value, datetime):
            return f'<c s="{_DATE}"><v>{value.toordinal() - _EPOCH.toordinal()}</v></c>'
    return _text_cell(str(value))


def _text_cell(text: str, style: int = 0) -> str:
    text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    style = style or (_QUOTED if is_dangerous(text) else 0)
    if text.startswith("'"):  # or reading would take this apostrophe for one of ours
        text = escaped(text)
    if len(text) > MAX_TEXT:
        text = text[: MAX_TEXT - 1] + "…"
    number = f' s="{style}"' if style else ""
    return f'<c t="inlineStr"{number}><is><t xml:space="preserve">{escape_xml(text)}</t></is></c>'


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MEDIA = "application/vnd.openxmlformats-officedocument.spreadsheetml"

# By their place in `cellXfs`.
_BOLD, _DATE, _MOMENT, _MONEY, _QUOTED = range(1, 6)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="dd.mm.yyyy"/>'
    '<numFmt numFmtId="165" formatCode="dd.mm.yyyy hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="6">'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="4" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>'
    '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def _frame(titles: Sequence[str]) -> dict[str, str]:
    """The parts around the sheets. They come last, when it is known how many sheets there are."""
    numbers = range(1, len(titles) + 1)

    def each(make: Callable[[int], str]) -> str:
        return "".join(map(make, numbers))

    sheets = each(lambda n: f'<sheet name={quoteattr(titles[n - 1])} sheetId="{n}" r:id="rId{n}"/>')
    types = each(
        lambda n: f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_MEDIA}.worksheet+xml"/>',
    )
    links = each(lambda n: _link(n, "worksheet", f"worksheets/sheet{n}.xml"))
    return {
        "xl/styles.xml": _STYLES,
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": _links(links + _link(len(titles) + 1, "styles", "styles.xml")),
        "_rels/.rels": _links(_link(1, "officeDocument", "xl/workbook.xml")),
        "[Content_Types].xml": (
            f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_MEDIA}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_MEDIA}.styles+xml"/>{types}</Types>'
        ),
    }


def _link(number: int, kind: str, target: str) -> str:
    return f'<Relationship Id="rId{number}" Type="{_OFFICE}/{kind}" Target="{target}"/>'


def _links(links: str) -> str:
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{links}</Relationships>'
