"""The six dictionaries of the document (seed lines 2737-2862), and which codes a client may send because of them."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_DATA = Path(__file__).with_name("seed_data")

ORDER_STATUS, DELIVERY_STATUS = "dictionary/orderStatuses", "dictionary/orderDeliveryStatuses"
CLOSE_TYPE, CALC_TYPE = "dictionary/closeTypes", "dictionary/goodCalcTypes"
PERMISSION = "dictionary/permissions"

_CODE_NAMES = {
    ORDER_STATUS: "statusId",
    DELIVERY_STATUS: "statusId",
    CLOSE_TYPE: "closeTypeId",
    CALC_TYPE: "calcId",
    PERMISSION: "permissionId",
}
# Used by the examples although no dictionary or directory lists them: delivery status 1 (line 877, T29), prepayment
# (line 2610, T67), two taxes (lines 197 and 2309). Accepted, never listed.
_UNLISTED = frozenset({(DELIVERY_STATUS, "1"), (CLOSE_TYPE, "3"), ("taxes", "1"), ("taxes", "5")})


@cache
def sample(name: str) -> Any:
    """The parsed file `seed_data/<name>.json`; not to be changed."""
    return json.loads((_DATA / f"{name}.json").read_text("utf-8"), parse_float=Decimal)


def dictionary(name: str) -> list[dict[str, Any]]:
    """The answer of dictionary/<name>."""
    return sample("dictionaries")[name]


@cache
def constants() -> frozenset[tuple[str, str]]:
    """(reference, id) of everything that exists without being an object of the store."""
    listed = {
        (reference, str(row[key]))
        for reference, key in _CODE_NAMES.items()
        for row in dictionary(reference.removeprefix("dictionary/"))
    }
    return _UNLISTED | listed
