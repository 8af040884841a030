"""Files and requests made to cost memory or time: each is refused in words, soon, at little memory."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from hypothesis import example, given
from hypothesis import strategies as st

from backoffice.transfer import reading, workbook
from backoffice.transfer.models import Import
from backoffice.transfer.reading import Unreadable
from tests.transfer.pages import GOODS, as_csv, as_xlsx, upload

MB = 2**20
SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
GOOD = as_xlsx([["a", "b"], ["1", "2"]])


def rebuilt(data: bytes = GOOD, **parts: str | bytes) -> bytes:
    """A workbook with some of its parts replaced or added; a name is written with underscores for slashes and dots."""
    names = {"sheet": SHEET, "strings": STRINGS, "book": "xl/workbook.xml", "styles": "xl/styles.xml"}
    replaced = {names[name]: text for name, text in parts.items()}
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, replaced.pop(part.filename, old.read(part)))
        for name, text in replaced.items():
            new.writestr(name, text)
    return target.getvalue()


def sheet(rows: str) -> bytes:
    return rebuilt(sheet=f"<worksheet {NS}><sheetData>{rows}</sheetData></worksheet>")


def flagged(data: bytes, central: int, local: int, value: int) -> bytes:
    """Every entry of the archive says something else of itself."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\x01\x02", central), (b"PK\x03\x04", local)):
        at = -1
        while (at := changed.find(mark, at + 1)) >= 0:
            changed[at + offset] = value
    return bytes(changed)


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
BOMBS: dict[str, Callable[[], bytes]] = {
    "elements": lambda: sheet("<x/>" * 2_000_000),
    "elements in a row": lambda: sheet(f"<row>{'<c/>' * 2_000_000}</row>"),
    "deep": lambda: sheet("<x>" * 2_000_000),
    "blank rows": lambda: sheet("<row/>" * (workbook.MAX_SHEET_ROWS + 1)),
    "a row far below": lambda: sheet('<row r="2000000000"><c r="A2000000000"><v>1</v></c></row>'),
    "a row just too far": lambda: sheet(f'<row r="{workbook.MAX_SHEET_ROWS + 1}"><c><v>1</v></c></row>'),
    "a column far right": lambda: sheet('<row r="1"><c r="ZZZZZZZ1"><v>1</v></c></row>'),
    "a long text": lambda: sheet(f'<row><c t="inlineStr"><is><t>{"x" * 8 * MB}</t></is></c></row>'),
    "a long attribute": lambda: sheet(f'<row><c r="{"A" * 8 * MB}"><v>1</v></c></row>'),
    "a long number": lambda: sheet(f"<row><c><v>{'9' * 100_000}</v></c></row>"),
    "a day without end": lambda: sheet('<row><c t="d"><v>99999-99-99</v></c></row>'),
    "no such text": lambda: sheet('<row><c t="s"><v>5</v></c></row>'),
    "strings": lambda: rebuilt(strings=f"<sst {NS}>{'<si/>' * (workbook.MAX_STRINGS + 1)}</sst>"),
    "a string of runs": lambda: rebuilt(strings=f"<sst {NS}><si>{'<r><t>a</t></r>' * 100_000}</si></sst>"),
    "styles": lambda: rebuilt(styles=f"<styleSheet {NS}>{'<x/>' * 200_000}</styleSheet>"),
    "laughs in the sheet": lambda: rebuilt(
        sheet=f'<!DOCTYPE x [<!ENTITY e0 "ha">{LAUGHS}]><worksheet {NS}><sheetData><row><c><v>&e9;</v></c></row>'
    ),
    "laughs in the book": lambda: rebuilt(book=f'<!DOCTYPE x [<!ENTITY e0 "ha">{LAUGHS}]><workbook>&e9;</workbook>'),
    "a file of ours": lambda: rebuilt(
        sheet=f'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><worksheet {NS}><sheetData><row><c><v>&f;</v></c>'
    ),
    "parts": lambda: with_parts(workbook.MAX_PARTS, 0),
    "parts of zeros": lambda: with_parts(10, 6 * MB),
    "encrypted": lambda: flagged(GOOD, 8, 6, 1),
    "compressed in another way": lambda: flagged(GOOD, 10, 8, 99),
    "compressed better": lambda: flagged(GOOD, 10, 8, zipfile.ZIP_LZMA),
    "damaged": lambda: GOOD.replace(b"\x78", b"\xff")[:60] + b"\xff" * 40 + GOOD[100:],
    "cut": lambda: GOOD[:-100],
    "columns": lambda: b"a;" * 300_000,
    "a field": lambda: b"a;b\n1;" + b"x" * (18 * MB),
    "a quoted field": lambda: b'a;b\n1;"' + b"x\n" * (9 * MB),
    "bytes": lambda: b"a" * (reading.MAX_BYTES + 1),
    "nothing but zeros": lambda: b"\0" * MB,
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000,
    "a program": lambda: b"MZ" + b"\0" * 60_000,
}


def with_parts(count: int, size: int) -> bytes:
    target = io.BytesIO(GOOD)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"xl/theme/{number}.xml", b" " * size)
    return target.getvalue()


def read(data: bytes) -> list[Any]:
    found = reading.head(data, len)
    return [found.titles, *(cells for _number, cells in reading.body(data, found.row))]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """At most 100 MB and some seconds, whatever the file holds. The largest limits are lower, so that a test can
    pass them soon.
    """
    for name in ("MAX_SHEET_ROWS", "MAX_STRINGS"):
        monkeypatch.setattr(workbook, name, getattr(workbook, name) // 20)
    monkeypatch.setattr(workbook, "MAX_UNPACKED", workbook.MAX_UNPACKED // 10)
    started = time.monotonic()
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * MB
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_in_words(name: str, measured: None) -> None:
    data = BOMBS[name]()
    tracemalloc.reset_peak()
    with pytest.raises(Unreadable) as refused:
        read(data)
    assert 10 < len(str(refused.value)) < 200


def test_what_a_file_says_of_its_size_is_not_believed() -> None:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="3"><c r="B3"><v>2</v></c></row>'
    data = rebuilt(sheet=f'<worksheet {NS}><dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>')
    assert list(reading.body(data, 0)) == [(1, [1]), (3, [None, 2])]


def test_a_number_without_end_is_a_text() -> None:
    assert list(reading.body(sheet("<row><c><v>1e400</v></c><c><v>-1e400</v></c></row>"), 0)) == [(1, ["inf", "-inf"])]


def test_the_end_of_a_sheet_that_is_blank_is_read() -> None:
    """As Excel leaves it where somebody has formatted a column to its end."""
    rows = '<row r="1"><c r="A1"><v>1</v></c></row>' + '<row r="1000" ht="15" s="1"/>' * 1000
    assert read(sheet(rows)) == [["1"]]


@pytest.mark.parametrize(
    ("name", "is_csv"), [("a.exe", True), ("a.xlsx", True), ("a.csv", False), ("../../a.csv", True)]
)
@pytest.mark.django_db
def test_what_a_file_is_called_decides_nothing(admin_client: Browser, name: str, is_csv: bool) -> None:
    rows = [["Артикул", "Наименование"], ["A-1", "Чай"]]
    answer = upload(admin_client, as_csv(rows) if is_csv else as_xlsx(rows), name)
    assert answer.status_code == 302
    assert Import.objects.get().header == rows[0]
    assert "/" not in Import.objects.get().file_name


# any bytes at all

BYTES = st.one_of(
    st.binary(max_size=300),
    st.text(alphabet=st.sampled_from("a1;,\t\"'\n\r\0=+-@ я\ufeff"), max_size=200).map(lambda text: text.encode()),
    st.text(max_size=60).map(lambda text: text.encode("utf-16", "surrogatepass")),
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=8)).map(
        lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + len(cut[1]) :]
    ),
    st.lists(
        st.sampled_from(
            [
                *(
                    "<row>",
                    "</row>",
                    '<row r="2">',
                    '<row r="x">',
                    "<c>",
                    "</c>",
                    '<c t="s">',
                    '<c t="b">',
                    '<c t="d">',
                ),
                *('<c t="e">', '<c t="inlineStr">', '<c s="1">', '<c s="x">', '<c r="B1">', '<c r="1">', "<v>1</v>"),
                *("<v>x</v>", "<v/>", "<v>-1</v>", "<v>1e308</v>", "<v>1e400</v>", "<is><t>a</t></is>", "<f>1</f>"),
            ]
        ),
        max_size=12,
    ).map(lambda words: sheet("".join(words))),
)


@given(data=BYTES)
@example(b"\xff\xfe\x00")
@example(b"sep=\n")
@example(b"sep=\x00\na\x00b")
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        rows = read(data)
    except Unreadable:
        return
    assert all(len(row) <= reading.MAX_COLUMNS for row in rows)


# requests


@pytest.mark.parametrize("path", ["/admin/login/", "/api/v1/orders", "/callbacks/ireca/secret/orders", "/healthz"])
@pytest.mark.django_db
def test_a_request_that_says_it_is_large_is_refused_unread(client: Browser, settings: Any, path: str) -> None:
    settings.CALLBACK_SECRET = "secret"

    class Unread(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("it was read")

    length = str(settings.MAX_REQUEST_BYTES + 1)
    extra = {"wsgi.input": Unread(), "CONTENT_LENGTH": length, "CONTENT_TYPE": "multipart/form-data; boundary=a"}
    for said in (length, "9" * 5000):
        assert client.post(path, **{**extra, "CONTENT_LENGTH": said}).status_code == 413


@pytest.mark.django_db
def test_a_file_of_the_largest_size_gets_through(settings: Any) -> None:
    assert settings.MAX_REQUEST_BYTES > reading.MAX_BYTES + 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 100_000,
        b"[1e999999999]",
        b'{"orderId":1e99999999999999999999}',
        b'"\\ud800"',
        b"\xff\xfe\x00",
        b"",
        b"NaN",
    ],
    ids=["lists", "objects", "digits", "exponent", "exponents", "surrogate", "bytes", "nothing", "nan"],
)
@pytest.mark.django_db
def test_a_callback_is_kept_whatever_it_is(client: Browser, settings: Any, body: bytes) -> None:
    settings.CALLBACK_SECRET = "secret"
    for path in (
        "/callbacks/ireca/secret/orders",
        "/callbacks/ireca/secret/licenses",
        "/callbacks/bifit/secret/orders",
    ):
        answer = client.post(path, body, content_type="application/json")
        assert (answer.status_code, answer.content) == (201, b"")


@pytest.mark.django_db
def test_a_callback_that_is_too_large_is_not_kept(client: Browser, settings: Any) -> None:
    settings.CALLBACK_SECRET, settings.DATA_UPLOAD_MAX_MEMORY_SIZE = "secret", 1000
    answer = client.post("/callbacks/ireca/secret/orders", b" " * 1001, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.django_db
def test_more_files_than_a_form_has_are_refused(admin_client: Browser) -> None:
    files = {f"file{number}": SimpleUploadedFile("a.csv", b"a") for number in range(10)}
    assert admin_client.post(f"{GOODS}import/", files).status_code == 400
