"""VAT rates: titles as people write them, the tax within a sum, and the law's change of 2026."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fiscal.vat import RATES, rate_of


@pytest.mark.parametrize(
    ("title", "code"),
    [
        ("20%", 1),
        ("НДС 20 %", 1),
        ("10%", 2),
        ("20%/120%", 3),
        ("10/110", 4),
        ("0%", 5),
        ("БезНДС", 6),
        ("Без НДС", 6),
        ("5%", 7),
        ("7", 8),
        ("5/105", 9),
        ("7%/107%", 10),
        ("НДС 22%", 11),
        ("22/122", 12),
    ],
)
def test_a_title_means_a_rate(title: str, code: int) -> None:
    rate = rate_of(title)
    assert rate is not None
    assert rate.code == code


@pytest.mark.parametrize("title", ["", "НДС", "18%", "20%/110%", "20% 10% 0%", "120"])
def test_other_titles_mean_none(title: str) -> None:
    assert rate_of(title) is None


@pytest.mark.parametrize(
    ("code", "gross", "tax"),
    [
        (1, "120", "20"),
        (11, "122", "22"),
        (11, "1030", "185.74"),
        (2, "0.05", "0"),
        (3, "7", "1.17"),
        (5, "9", "0"),
        (6, "9", "0"),
    ],
)
def test_the_tax_within_a_sum(code: int, gross: str, tax: str) -> None:
    assert RATES[code].within(Decimal(gross)) == Decimal(tax)


def test_codes_are_their_own_keys() -> None:
    assert [rate.code for rate in RATES.values()] == list(range(1, 13)) == list(RATES)


def test_the_rate_of_sales_changed_in_2026() -> None:
    last, first = date(2025, 12, 31), date(2026, 1, 1)
    assert [code for code in RATES if RATES[code].is_doubtful(last)] == [11, 12]
    assert [code for code in RATES if RATES[code].is_doubtful(first)] == [1, 3]
