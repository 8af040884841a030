"""Files as people, Excel and bad people make them."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.test import Client as Browser
from openpyxl import Workbook

from backoffice.spreadsheets import stream_csv, stream_xlsx
from backoffice.transfer import reading, workbook
from backoffice.transfer.reading import Unreadable, body, head
from catalog.models import Good
from tests.transfer.pages import as_csv, as_xlsx, counts, imported, upload

ROWS = [["Артикул", "Цена"], ["A-1", "1,5"], ["A-2", "=2+2"]]


def read(data: bytes) -> list[list[Any]]:
    found = head(data, len)
    return [found.titles, *(cells for _number, cells in body(data, found.row))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_csv_of_any_kind(encoding: str, delimiter: str) -> None:
    assert read(as_csv(ROWS, delimiter, encoding)) == ROWS


def test_a_line_of_excel_names_the_delimiter() -> None:
    assert read(b"sep=|\r\na|b\r\n1,5|2;3\r\n") == [["a", "b"], ["1,5", "2;3"]]


def test_blank_rows_titles_above_and_signs_that_no_column_holds() -> None:
    data = as_csv([["Прайс-лист"], [], ["Артикул", "Цена"], ["", ""], ["A\x00-1", "5", ""], ["", "6"]])
    found = head(data, lambda titles: sum(title in ROWS[0] for title in titles))

    assert (found.titles, found.row) == (ROWS[0], 3)
    assert list(body(data, 3)) == [(5, ["A-1", "5"]), (6, [None, "6"])]


def test_a_workbook_with_merged_cells_formulas_and_a_second_sheet() -> None:
    book = Workbook()
    sheet = book.active
    for row in (["Артикул", "Цена", "Когда"], ["A-1", 1.5, datetime(2026, 11, 22)], [None] * 3, ["A-2", "=1+1", None]):  # noqa: DTZ001
        sheet.append(row)
    sheet.merge_cells("A2:A3")
    book.create_sheet("Other").append(["Quite", "different"])
    data = io.BytesIO()
    book.save(data)

    rows = read(data.getvalue())
    assert rows[1][:2] == ["A-1", 1.5]
    assert rows[2:] == [["A-2"]]  # a formula that nobody has computed says nothing


@pytest.mark.parametrize("write", [stream_csv, partial(stream_xlsx, sheet_title="t")])
def test_what_we_write_is_read_as_it_was(write: Any) -> None:
    rows = [["=1", "+7"], ["'=1", "'"], ["it's", "-"]]

    assert read(b"".join(write(["a", "b"], rows)))[1:] == rows


def test_sheets_that_go_on_are_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backoffice.spreadsheets.MAX_ROWS", 3)
    data = b"".join(stream_xlsx(["n"], ([f"n{number}"] for number in range(5)), "t"))

    assert [cells for _number, cells in body(data, 1)] == [[f"n{number}"] for number in range(5)]


def bomb(part: str, size: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(part, "w") as target:
            for _ in range(size // 2**20):
                target.write(b" " * 2**20)
    return data.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n;;;\r\n",
        b"\xd0\xcf\x11\xe0 old excel",
        b"PK\x03\x04 broken",
        as_xlsx([["a"]])[:-200],
        b'a;b\n1;"' + b"x" * 200_000,
        as_csv([["a"] * 300]),
        as_csv([["x" * 60_000]]),
        bomb("xl/sharedStrings.xml", workbook.MAX_HELD + 2**20),
        bomb("xl/worksheets/sheet1.xml", workbook.MAX_UNPACKED + 2**20),
    ],
    ids=["nothing", "blank", "old", "broken", "cut", "quote", "wide", "long", "held", "unpacked"],
)
def test_what_cannot_be_read_is_told_in_words(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read(data)


def test_entities_are_not_expanded() -> None:
    data = io.BytesIO()
    good = zipfile.ZipFile(io.BytesIO(as_xlsx([["a"], ["b"]])))
    with zipfile.ZipFile(data, "w") as archive:
        for part in good.infolist():
            text = good.read(part).decode()
            if part.filename == "xl/workbook.xml":
                text = '<!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;">]>' + text
            archive.writestr(part.filename, text)

    with pytest.raises(Unreadable):
        read(data.getvalue())


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2)

    with pytest.raises(Unreadable, match="2"):
        read(as_csv([["a"], ["1"], ["2"], ["3"]]))


@pytest.mark.django_db
def test_a_file_that_cannot_be_read_is_refused_on_its_page(
    admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(admin_client, b"PK\x03\x04 broken", "a.xlsx").context["form"].errors["file"]
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    assert upload(admin_client, b"a" * 11).context["form"].errors["file"]


@pytest.mark.django_db
def test_numbers_of_excel_that_are_text(admin_client: Browser) -> None:
    rows: list[list[Any]] = [["Артикул", "Наименование", "Цена", "Активен"]]
    rows += [[4600000000017.0, "a", 0.1 + 0.2, True], ["4,6E+12", "b", 1, False], ["0012", 7.0, "1.234,50", "нет"]]

    run = imported(admin_client, as_xlsx(rows))
    assert counts(run) == (2, 0, 0, 0, 1)
    found = Good.objects.order_by("pk").values_list("article", "title", "price", "is_active")
    assert [(article, title, str(price), active) for article, title, price, active in found] == [
        ("4600000000017", "a", "0.30", True),
        ("0012", "7", "1234.50", False),
    ]
