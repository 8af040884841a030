"""The 90 endpoints as a partner's program calls them: address, body and answer, from the seed's own examples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from backoffice.remotes.ireca.examples import EXAMPLES, Example
from backoffice.sync.mirror import registry
from couriers.models import Courier, License, LicenseUsage, Location
from fiscal.models import CorrectionReceipt, Pechka54, Receipt, RegistrarError, TerminalError
from orders.models import JournalEntry, Order, StatusChange
from tests.test_endpoints import RECEIVED, table

ORDER = "209900"  # that of the replace example
PARAMETERS = {
    "orderId": ORDER,
    "entityId": ORDER,
    "permissionId": "registratorShiftOpen",
    "roleId": "910",
    "deviceId": "3ebf391b3c596bc8",
    "courierId": "55753",
    "createdAt": "2016-08-17 20:00:00",
    "startedAt": "2021-04-20 10:48:46",
    "page": "0",
    "count": "5",
    "isRefund": "1",
}

SCOPES = {
    **dict.fromkeys(("goods", "specificities", "warehouses", "suppliers"), ("catalogue:read", "catalogue:write")),
    **dict.fromkeys(("taxes", "paymentTypes", "orderReturnReasons"), ("catalogue:read", "catalogue:write")),
    **dict.fromkeys(("couriers", "userRoles", "permissions", "locations"), ("couriers", "couriers")),
    **dict.fromkeys(("orders", "journal"), ("orders:read", "orders:write")),
    "clients": ("clients", "clients"),
    "licenses": ("licences", "licences"),
    **dict.fromkeys(
        ("orderReceipts", "orderReturnReceipts", "correctionReceipts", "bankTerminalLogs", "fiscalRegistratorLogs"),
        ("fiscal", "fiscal"),
    ),
    **dict.fromkeys(("atolOnlineSettings", "pechka54Settings"), ("fiscal", "fiscal")),
    "dictionary": ("", ""),
}


@dataclass(frozen=True)
class Call:
    """One endpoint, called."""

    method: str
    endpoint: str  # as docs/ireca.md has it
    path: str
    body: bytes | None
    status: int
    answer: Example | None

    @property
    def section(self) -> str:
        return self.endpoint.strip("/").partition("?")[0].split("/")[0]

    @property
    def scope(self) -> str:
        read, write = SCOPES[self.section]
        return read if self.method == "GET" else write

    @property
    def concerns_own(self) -> bool:
        """Whether it names an order or a client by the partner's own number."""
        return bool(re.search(r"orderId=|entityId=|clientId=", self.path))

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def calls() -> list[Call]:
    """All 90, in the order of the document but for deletions, which come last."""
    found = [_call(row) for row in table() if row.called_by != RECEIVED]
    return sorted(found, key=lambda call: call.method == "DELETE")


def _call(row: Any) -> Call:
    bare, _, query = row.path.strip("/").partition("?")
    wanted = [word.partition("=")[0] for word in query.split("&") if word]
    section, _, verb = bare.partition("/")
    own = {"roleId": "908"} if section == "permissions" else {}  # the role of its examples
    parameters = {name: own.get(name) or PARAMETERS.get(name) or _id_of(section) for name in wanted}
    path = f"{bare}?{urlencode(parameters)}" if parameters else bare
    operation = _operation(row.method, verb, "isRefund" in parameters)
    request = _example(bare if verb in ("callback",) else section, operation)
    return Call(
        row.method,
        row.path,
        path,
        request.text if request is not None else None,
        _status(row.method, section, verb),
        _answer(bare, row.path) if row.method == "GET" else None,
    )


def _operation(method: str, verb: str, is_refund: bool) -> str:
    if method == "PUT":
        return "multiple_update" if verb == "multipleUpdate" else "update"
    if method == "POST":
        return {"replace": "replace", "callback": "set_callback"}.get(verb, "refund" if is_refund else "create")
    return "none"


def _example(path: str, operation: str) -> Example | None:
    section = path.partition("/")[0]
    return next((one for one in EXAMPLES if one.path == section and one.operation == operation), None)


def _answer(bare: str, path: str) -> Example | None:
    found = [one for one in EXAMPLES if one.path == bare and not one.operation]
    return next((one for one in found if isinstance(one.json, list) != _is_one(path)), None)


def _is_one(path: str) -> bool:
    """Whether an address is of one object: its only parameter is an id."""
    return bool(re.fullmatch(r"/\w+\?\w+Id=", path)) or path == "/licenses"


def _id_of(section: str) -> str:
    """The id of the first object of the section's replace example."""
    example = _example(section, "replace")
    assert example is not None, section
    return str(example.rows[0][_key_of(section)])


def _key_of(section: str) -> str:
    mirror = registry.for_entity(section)
    assert mirror is not None, section
    return mirror.wire(mirror.key)


def _status(method: str, section: str, verb: str) -> int:
    if method == "GET":
        return 200
    if method == "PUT":
        return 201 if section == "orders" and not verb else 204
    if method == "POST" and verb in ("replace", "close"):
        return 201 if section in ("orders", "atolOnlineSettings") else 204
    return 201 if method == "POST" else 204


def tell(order: Order) -> None:
    """What iRECA would have told of an order and of those who deliver it."""
    courier = Courier.objects.get(ireca_id="55753")
    now = datetime(2021, 4, 20, 12, 11, 7, tzinfo=UTC)
    for kind in Receipt.Kind.values:
        Receipt.objects.create(
            order=order, kind=kind, fn="9999", fd_number="1", fiscal_sign="77", date_time_receipt=now
        )
    StatusChange.objects.create(order=order, delivery_status=7, created_at=now, accuracy=10)
    JournalEntry.objects.create(order=order, event="create", source="site", created_at=now, digest="1")
    JournalEntry.objects.create(
        order=order,
        event="update",
        courier=courier,
        created_at=now,
        before={"deliveryStatusId": 7, "clientId": order.client.ireca_id},
        after={"deliveryStatusId": 9, "clientId": "77777"},
        digest="2",
    )
    Location.objects.create(
        courier=courier,
        order_ireca_id=order.ireca_id,
        delivery_status=7,
        longitude=Decimal("30.3334289"),
        latitude=Decimal("60.031945"),
        accuracy=24,
        created_at=now,
    )
    License.objects.create(courier=courier, device_id="3ebf391b3c596bc8", device_title="asus", session_start_at=now)
    LicenseUsage.objects.create(at=now, used=1, total=50)
    CorrectionReceipt.objects.create(ireca_id="5", courier=courier, amount=10, command_executed_at=now)
    Pechka54.objects.create(url="https://example.com/pechka54")
    common = {"courier": courier, "order": order, "error_code": "7", "error_text": "no paper", "amount": 10}
    TerminalError.objects.create(ireca_id="8", transaction_created_at=now, card_number="1234", **common)
    RegistrarError.objects.create(ireca_id="9", command_executed_at=now, **common)
