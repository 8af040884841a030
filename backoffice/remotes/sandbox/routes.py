"""The 90 endpoints of the document as a table: method, path, query parameters, operation, statuses.

One path may have several endpoints; the one whose `select` parameter is in the query is taken: GET /goods?goodId=
answers one good, GET /goods?page= a list (T07). The two outbound requests of the document are in `callbacks.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import operations as do
from .entities import CATALOGUE, ORDERS
from .schema import CREATE, PUT, REFUND, REPLACE, Entity, Field

_CALLER = Callable[[do.Call], do.Answer]

PAGE = (Field("page", "code", required=True), Field("count", "code", required=True))
# Lists that the document does not page accept paging all the same (T05).
OPTIONAL_PAGE = (Field("page", "code"), Field("count", "code"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    """Below /api/v1, without a slash in front."""
    operation: _CALLER
    query: tuple[Field, ...] = ()
    select: str = ""
    """Query parameter whose presence chooses this endpoint among those of the same method and path."""
    body: str = ""
    """"array", "object" or "" for a request without a body."""


def _collection(entity: Entity) -> Iterator[Endpoint]:
    """The six endpoints that every collection has."""
    name, key = entity.name, entity.key
    by_id = (Field(key, "key" if name == "taxes" else "id", required=True),)
    paging = PAGE if entity.paged else OPTIONAL_PAGE
    yield Endpoint("POST", name, partial(do.write, entity=entity, kind=CREATE), body="array")
    yield Endpoint("GET", name, partial(do.get, entity=entity), query=by_id, select=key)
    yield Endpoint("GET", name, partial(do.list_all, entity=entity), query=paging)
    yield Endpoint("PUT", name, partial(do.write, entity=entity, kind=PUT), query=by_id, body="object")
    yield Endpoint("POST", f"{name}/replace", partial(do.write, entity=entity, kind=REPLACE), body="array")
    yield Endpoint("DELETE", name, partial(do.delete, entity=entity), query=by_id)


_ORDER_ID = Field("orderId", "id", required=True)
_LOG_QUERY = (Field("orderId", "id"), Field("courierId", "id"), *PAGE)
DICTIONARIES = ("orderStatuses", "orderDeliveryStatuses", "closeTypes", "taxTypes", "goodCalcTypes", "permissions")

ENDPOINTS: tuple[Endpoint, ...] = (
    *_collection(ORDERS),
    Endpoint(
        "POST",
        "orders",
        partial(do.write, entity=ORDERS, kind=REFUND),
        query=(Field("isRefund", "flag", required=True),),
        select="isRefund",
        body="array",
    ),
    Endpoint("PUT", "orders/multipleUpdate", do.multiple_update, body="object"),
    Endpoint("POST", "orders/callback", partial(do.register_callback, kind="orders"), body="object"),
    Endpoint("GET", "orders/journalStatuses", do.journal_statuses, query=(_ORDER_ID,)),
    Endpoint("GET", "orderReceipts", partial(do.receipts, kind="orderReceipts"), query=(_ORDER_ID,)),
    Endpoint("GET", "orderReturnReceipts", partial(do.receipts, kind="orderReturnReceipts"), query=(_ORDER_ID,)),
    Endpoint(
        "GET",
        "correctionReceipts",
        partial(do.filtered, kind="correctionReceipts"),
        query=(Field("courierId", "id"), *PAGE),
    ),
    Endpoint("POST", "atolOnlineSettings/replace", do.atol_settings, body="object"),
    Endpoint("GET", "pechka54Settings", do.pechka54),
    Endpoint(
        "GET",
        "journal",
        do.journal,
        query=(Field("entityId", "id", required=True), Field("startedAt", "moment"), *PAGE),
    ),
    *(endpoint for entity in CATALOGUE for endpoint in _collection(entity)),
    Endpoint(
        "GET",
        "permissions",
        do.permissions,
        # Both are "required" and one of them has two names (lines 2088-2097); a list without them is tolerated (T56).
        query=(Field("roleId", "id"), Field("permissionId", "key"), Field("actionId", "key")),
    ),
    Endpoint("POST", "permissions/replace", do.replace_permissions, body="array"),
    Endpoint("GET", "licenses", do.licenses),
    Endpoint("POST", "licenses/close", do.close_license, query=(Field("deviceId", "key", required=True),)),
    Endpoint("POST", "licenses/callback", partial(do.register_callback, kind="licenses"), body="object"),
    Endpoint("GET", "bankTerminalLogs", partial(do.filtered, kind="bankTerminalLogs"), query=_LOG_QUERY),
    Endpoint("GET", "fiscalRegistratorLogs", partial(do.filtered, kind="fiscalRegistratorLogs"), query=_LOG_QUERY),
    *(Endpoint("GET", f"dictionary/{name}", partial(do.dictionary, name=name)) for name in DICTIONARIES),
    Endpoint(
        "GET",
        "locations",
        do.locations,
        query=(Field("courierId", "id", required=True), Field("createdAt", "moment"), *PAGE),
    ),
)

_BY_PATH: dict[str, list[Endpoint]] = defaultdict(list)
for _endpoint in ENDPOINTS:
    _BY_PATH[_endpoint.path].append(_endpoint)


def find(method: str, path: str, query: dict[str, Any]) -> tuple[Endpoint | None, bool]:
    """The endpoint of a request, or None; and whether the path is known with any method."""
    known = _BY_PATH.get(path, [])
    candidates = [endpoint for endpoint in known if endpoint.method == method]
    chosen = [endpoint for endpoint in candidates if endpoint.select and endpoint.select in query]
    plain = [endpoint for endpoint in candidates if not endpoint.select]
    return next(iter(chosen or plain or candidates), None), bool(known)
