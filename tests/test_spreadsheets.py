"""Files for Excel, opened by a reader that is not ours."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import translation
from openpyxl import load_workbook

from backoffice import spreadsheets
from backoffice.spreadsheets import escaped, response, stream_csv, stream_xlsx, unescaped

HEADER = ["Название", "Цена", "Число", "День", "Миг", "Есть", "Штрихкод"]
ROW = [
    "Чай & <мёд>",
    Decimal("10.50"),
    7,
    date(2026, 11, 22),
    datetime(2026, 11, 22, 7, 30, tzinfo=UTC),
    True,
    "04600000000000",
]
FORMULAS = ["=1+1", "+79161234567", "-5", "@SUM(A1)", "\t=1", "'=1", "''=1", "＝1"]


def opened(chunks: Iterator[bytes]) -> list[list[list]]:
    book = load_workbook(io.BytesIO(b"".join(chunks)))
    return [[list(row) for row in sheet.iter_rows()] for sheet in book.worksheets]


def read_csv(chunks: Iterator[bytes], delimiter: str = ";") -> list[list[str]]:
    text = b"".join(chunks).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_a_workbook_holds_each_value_as_what_it_is() -> None:
    [sheet] = opened(stream_xlsx(HEADER, [ROW, [None, "", 1, None, None, False, ""]], "Товары"))

    assert [cell.value for cell in sheet[0]] == HEADER
    assert all(cell.font.bold for cell in sheet[0])
    values = [cell.value for cell in sheet[1]]
    assert values[:2] == ["Чай & <мёд>", 10.5]
    assert [str(value) for value in values[2:]] == [
        "7", "2026-11-22 00:00:00", "2026-11-22 10:30:00", "True", "04600000000000",
    ]  # fmt: skip
    assert [cell.is_date for cell in sheet[1]] == [False, False, False, True, True, False, False]
    assert sheet[1][1].number_format == "#,##0.00"
    assert [cell.value for cell in sheet[2]] == [None, None, 1, None, None, False, None]


def test_the_header_stays_in_sight() -> None:
    book = load_workbook(io.BytesIO(b"".join(stream_xlsx(HEADER, [], "Товары: все/сразу"))))

    assert book.sheetnames == ["Товары  все сразу"]
    assert book.active.freeze_panes == "A2"


def test_no_text_becomes_a_formula_and_none_is_lost() -> None:
    [sheet] = opened(stream_xlsx(["a"], [[text] for text in FORMULAS], "t"))
    from_csv = read_csv(stream_csv(["a"], [[text] for text in FORMULAS]))

    cells = [row[0] for row in sheet[1:]]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert all(cell.quotePrefix for cell in cells)
    assert [unescaped(cell.value) for cell in cells] == FORMULAS
    assert all(value.startswith("'") for [value] in from_csv[1:])
    assert [unescaped(value) for [value] in from_csv[1:]] == FORMULAS


@pytest.mark.parametrize("text", ["", "'", "tea", "'tea", "it's = 1", "'=", "=", "'''+7"])
def test_escaping_can_be_taken_back(text: str) -> None:
    assert unescaped(escaped(text)) == text


def test_what_no_file_may_hold_is_left_out_and_what_does_not_fit_is_text() -> None:
    odd = ["a\x00b\x0b\ud800c", 12345678901234567890, Decimal("1234567890123456.78"), date(1800, 1, 1), Decimal("NaN")]

    [sheet] = opened(stream_xlsx(["a"] * 5, [odd, ["x" * 40_000, *[None] * 4]], "t"))

    assert [cell.value for cell in sheet[1]] == [
        "abc", "12345678901234567890", "1234567890123456.78", "1800-01-01", "NaN",
    ]  # fmt: skip
    assert len(sheet[2][0].value) == spreadsheets.MAX_TEXT
    assert read_csv(stream_csv(["a"], [["a\x00b"]]))[1] == ["ab"]


def test_rows_beyond_a_sheet_go_on_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheets, "MAX_ROWS", 4)

    book = opened(stream_xlsx(["n"], ([number] for number in range(7)), "t"))

    assert [[row[0].value for row in sheet] for sheet in book] == [["n", 0, 1, 2], ["n", 3, 4, 5], ["n", 6]]


def test_a_csv_is_what_excel_expects_in_the_language_of_its_reader() -> None:
    with translation.override("ru"):
        russian = stream_csv(HEADER, [ROW])
    with translation.override("en"):
        english = stream_csv(HEADER, [ROW])

    assert read_csv(russian)[1] == [
        "Чай & <мёд>", "10,50", "7", "2026-11-22", "2026-11-22 10:30:00", "да", "04600000000000",
    ]  # fmt: skip
    assert read_csv(english, ",")[1][1:6] == ["10.50", "7", "2026-11-22", "2026-11-22 10:30:00", "yes"]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_first_bytes_leave_before_the_second_row_is_asked_for(kind: str) -> None:
    asked: list[int] = []

    def rows() -> Iterator[list[int]]:
        for number in range(3):
            asked.append(number)
            yield [number]

    chunks = iter(response("Товары", ["n"], rows(), kind))

    assert next(chunks)
    assert len(asked) <= 1


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_memory_stays_flat_however_many_rows_there_are(kind: str) -> None:
    rows = ([f"good {number}", Decimal(number), date(2026, 1, 1), None] for number in range(40_000))
    tracemalloc.start()
    size = sum(len(chunk) for chunk in response("t", list("abcd"), rows, kind))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 200_000
    assert peak < 3_000_000


def test_a_download_has_a_name_and_the_language_of_its_request() -> None:
    def rows() -> Iterator[list[str]]:
        yield [translation.gettext("yes")]

    with translation.override("ru"):
        answer = response("Товары", ["a"], rows(), "csv")
    with translation.override("en"):
        body = b"".join(answer)

    assert body.decode("utf-8-sig").split() == ["a", "да"]
    assert "filename*=utf-8''%D0%A2" in answer["Content-Disposition"]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    with pytest.raises(LookupError):
        response("t", [], [], "exe")
