"""VAT rates as the law numbers them, and the tax within a sum.

iRECA's tax rates are free text (CONTRACT T68), so a title is read here as people write it: "20%", "20%/120%", "НДС 10",
"БезНДС". A title that says none of the law's rates stays unknown: nothing is computed for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

KOPECK = Decimal("0.01")
FROM_22 = date(2026, 1, 1)  # from this day on a sale is taxed at 22 %; what corrects an earlier one stays at 20 %


@dataclass(frozen=True)
class Rate:
    """A rate under its code (tag 1199 of fiscal documents). Of a gross sum, `part` / `whole` is the tax."""

    code: int
    title: Any
    part: int
    whole: int

    def within(self, gross: Decimal) -> Decimal:
        """The tax contained in a sum in roubles, to the kopeck."""
        return (gross * self.part / self.whole).quantize(KOPECK, ROUND_HALF_UP)

    def is_doubtful(self, day: date) -> bool:
        """Whether a sale of that day is hardly taxed so."""
        return self.code in ((1, 3) if day >= FROM_22 else (11, 12))


RATES = {
    rate.code: rate
    for rate in (
        Rate(1, "20 %", 20, 120),
        Rate(2, "10 %", 10, 110),
        Rate(3, "20/120", 20, 120),
        Rate(4, "10/110", 10, 110),
        Rate(5, "0 %", 0, 100),
        Rate(6, _("no VAT"), 0, 100),
        Rate(7, "5 %", 5, 105),
        Rate(8, "7 %", 7, 107),
        Rate(9, "5/105", 5, 105),
        Rate(10, "7/107", 7, 107),
        Rate(11, "22 %", 22, 122),
        Rate(12, "22/122", 22, 122),
    )
}
_PLAIN = {"20": 1, "10": 2, "0": 5, "5": 7, "7": 8, "22": 11}
_OF_A_SUM = {("20", "120"): 3, ("10", "110"): 4, ("5", "105"): 9, ("7", "107"): 10, ("22", "122"): 12}
_NONE = ("без", "не облаг", "no vat", "none")
_NUMBERS = re.compile(r"\d+")


def rate_of(title: str) -> Rate | None:
    """The law's rate that a title means, None where it means none of them."""
    text = title.casefold()
    if any(word in text for word in _NONE):
        return RATES[6]
    numbers = _NUMBERS.findall(text)
    if len(numbers) == 1:
        code = _PLAIN.get(numbers[0])
    elif len(numbers) == 2:
        code = _OF_A_SUM.get((numbers[0], numbers[1]))
    else:
        code = None
    return RATES[code] if code else None
