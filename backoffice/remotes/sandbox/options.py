"""Switches of the sandbox: every place where the document leaves a choice, with the choice taken by default.

One dataclass, so that a test can say `Sandbox(receipts_form="object")` and the control API can show what is in force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Options:
    """What the document leaves open. T-numbers are those of the project's reading of the contract."""

    strict: bool = True
    """Refuse unknown fields, unknown query parameters, one object where an array is documented, absent page/count."""
    references: bool = True
    """Refuse an object that refers to one that does not exist."""
    cabinet: bool = False
    """Dispatcher's cabinet mode: couriers, taxes, payment types, reasons, roles, suppliers cannot be created (T69)."""
    error_status: int = 400
    """HTTP status of a refusal; the document names none (T01), 200 is possible."""
    partial_put: bool = False
    """PUT with some of the required fields missing changes only what it holds."""
    replace_merges: bool = False
    """`replace` keeps the optional attributes that it does not mention instead of resetting them."""
    empty_objects: bool = True
    """{} for null where the examples have it (T18)."""
    trailing_commas: bool = True
    """journalStatuses as printed: invalid JSON (T31)."""
    receipts_form: str = "list"
    """`list` or `object` (the latest receipt); without a receipt the answer is [] either way (T39)."""
    locations_form: str = "array"
    """`array` as in the example or `object` as in the attributes (T21)."""
    returned_inside: bool = True
    """returnedPayments and returnedGoods inside returnedOrder or beside it: lines 468-485 have lost their indents."""
    first_page: int = 0
    """Number of the first page (T04)."""
    echo: bool = True
    """Changes made through the API cause callbacks too."""
    source: str = "http://site.com"
    """`source` of journal entries that the API client causes (seed line 1397)."""
    speed: float = 0.0
    """Seconds of a courier's work in one real second; 0 = couriers move only by `tick`."""
