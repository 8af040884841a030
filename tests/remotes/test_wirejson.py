"""Reading JSON as remotes send it, and masking what must not be kept."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from backoffice.remotes.redact import redact
from backoffice.remotes.wirejson import BrokenRow, MalformedJson, iter_array, loads, unwrap


def test_t31_trailing_commas_are_forgiven_outside_strings_only() -> None:
    assert loads(b'[{"a": "x,}", "b": [1,2, ],\n },]') == [{"a": "x,}", "b": [1, 2]}]


def test_fractions_are_exact_and_a_bom_is_skipped() -> None:
    assert loads(b'\xef\xbb\xbf{"price": 539.78}') == {"price": Decimal("539.78")}


@pytest.mark.parametrize("text", [b"", b"{", b"[1 2]", b'{"a" => 1}', b"nul", b"[" * 100_000])
def test_what_is_no_json_says_so(text: bytes) -> None:
    with pytest.raises(MalformedJson):
        loads(text)


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([1], [1]),
        (None, []),
        ({}, []),
        ([], []),
        ({"orderId": 1}, [{"orderId": 1}]),
        ({"items": [{"orderId": 1}]}, [{"orderId": 1}]),
        ({"goods": [1], "orderId": 1}, [{"goods": [1], "orderId": 1}]),
    ],
)
def test_unwrap(value: object, rows: list[object]) -> None:
    assert unwrap(value) == rows


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


ARRAY = ' [ {"a": "},{[\\"", "b": {"c": [1, []]}} ,\n{"a": "\\\\"}, {}, {"п": 1.50,}, {"bad": tru}, 7, null] '.encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_rows_are_cut_at_any_chunk_size(size: int) -> None:
    rows = list(iter_array(pieces(ARRAY, size)))
    assert rows[:4] == [{"a": '},{["', "b": {"c": [1, []]}}, {"a": "\\"}, {}, {"п": Decimal("1.50")}]
    assert isinstance(rows[4], BrokenRow)
    assert "tru" in rows[4].excerpt
    assert rows[5:] == [7, None]


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"", []),
        (b"  \n", []),
        (b"null", []),
        (b"{}", []),
        (b"[]", []),
        (b"[ ]", []),
        (b"\xef\xbb\xbf[[1],[2]]", [[1], [2]]),
        (b'{"orderId": 1, "goods": [1]}', [{"orderId": 1, "goods": [1]}]),
        (b'{"items": [{"orderId": 1}]}', [{"orderId": 1}]),
    ],
)
def test_what_stands_in_for_a_list(text: bytes, rows: list[object], size: int) -> None:
    assert list(iter_array(pieces(text, size))) == rows


def test_an_array_without_its_end_yields_its_rows_and_then_fails() -> None:
    rows = iter_array([b'[{"a": 1}, {"a": 2}, {"a'])
    assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(MalformedJson):
        next(rows)


def test_memory_stays_flat_while_a_large_array_streams() -> None:
    held = 0
    produced = 0

    def chunks() -> Iterator[bytes]:
        nonlocal produced
        yield b"["
        for number in range(20_000):
            produced += 1
            yield b'{"goodId": "%d", "title": "x"},' % number
        yield b"{}]"

    for consumed, _ in enumerate(iter_array(chunks())):
        held = max(held, produced - consumed)
    assert produced == 20_000
    assert held <= 2


def test_a_row_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backoffice.remotes.wirejson.MAX_ROW_BYTES", 1000)
    with pytest.raises(MalformedJson, match="longer"):
        list(iter_array([b'[{"a": "', *[b"x" * 100] * 50]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"sourcePassword": "a\\"b", "title": "t"}', '{"sourcePassword": "***", "title": "t"}'),
        ('{"password":123,"a":1}', '{"password":"***","a":1}'),
        ('{"password" => "x"}', '{"password" => "***"}'),
        ('{"a": 1, "password": "cut in the mid', '{"a": 1, "password": "***"'),
        ("GET /api?apikey=abc&id=1", "GET /api?apikey=***&id=1"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ('{"markValue": "010460", "login": "ivan"}', '{"markValue": "010460", "login": "ivan"}'),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_redact_masks_a_known_secret_anywhere_but_not_a_trivial_one() -> None:
    assert redact("echo s3cr3t-token and 1", "s3cr3t-token", "1", None) == "echo *** and 1"
