"""The resources of iRECA with the six usual endpoints, and the few endpoints that only they have."""

from collections.abc import Iterator, Sequence
from typing import Any

from backoffice.remotes.ireca.contract import (
    Client,
    ContractError,
    Courier,
    Good,
    License,
    LicensePool,
    Order,
    PaymentType,
    Permission,
    ReturnReason,
    Role,
    Specificity,
    StatusChange,
    Supplier,
    Tax,
    Warehouse,
    decode,
    encode,
)

from .resource import Api, Resource, endpoint

_MULTIPLE = frozenset(Order.writes["multiple_update"].split())


class Orders(Resource[Order]):
    """Orders (seed 71-1206)."""

    path = "orders"
    entity = Order
    lines = {"create": 75, "get": 351, "list": 612, "update": 868, "replace": 967, "delete": 1035}

    @endpoint("POST", "orders?isRefund=1", 204)
    def create_refund(self, rows: Sequence[Order]) -> None:
        """Create orders for a refund at the register. T26: the query and the body both say so."""
        body = [encode(row, "refund") for row in rows]
        self.session.request(
            "POST",
            self.path,
            params={"isRefund": 1},
            json=body,
            idempotent=False,
            subjects=self.subjects(rows),
        )

    @endpoint("PUT", "orders/multipleUpdate", 937)
    def multiple_update(self, ids: Sequence[str], **attributes: Any) -> None:
        """Set the same attributes on many orders; iRECA reports no result per order (T73).

        Only status_id, delivery_status_id, return_reason_id, courier_id, delivery_time_from, delivery_time_to and
        address_to can be set (T35); the address is one line (T23).
        """
        unknown = attributes.keys() - _MULTIPLE
        if unknown:
            raise ContractError("attributes", f"cannot be set on many orders: {', '.join(sorted(unknown))}")
        written = encode(Order(**attributes), "multiple_update")
        if not ids or not written or len(written) < len(attributes):
            raise ContractError("", "multipleUpdate needs orders, and attributes with values")
        self.session.request(
            "PUT",
            "orders/multipleUpdate",
            json={"orderIds": [str(id_) for id_ in ids], "attributes": written},
            subjects=[f"orders:{id_}" for id_ in ids],
        )

    @endpoint("POST", "orders/callback", 1041)
    def set_callback(self, url: str, is_active: bool = True) -> None:
        """Tell iRECA where to report changes of orders. T36: the token is sent, though the seed shows none."""
        _set_callback(self.api, "orders/callback", url, is_active)

    @endpoint("GET", "orders/journalStatuses?orderId=", 1182)
    def journal_statuses(self, id_: str) -> Iterator[StatusChange]:
        """Read the changes of an order's delivery status."""
        rows = self.session.rows("orders/journalStatuses", params={"orderId": id_}, subjects=[f"orders:{id_}"])
        return self.api.decoded(StatusChange, rows)


class Goods(Resource[Good]):
    """The catalogue of goods (seed 1442-1607)."""

    path = "goods"
    entity = Good
    paged = True
    lines = {"create": 1447, "get": 1488, "list": 1513, "update": 1558, "replace": 1581, "delete": 1603}


class Specificities(Resource[Specificity]):
    """Specificities of goods (seed 1608-1743)."""

    path = "specificities"
    entity = Specificity
    paged = True
    lines = {"create": 1613, "get": 1640, "list": 1660, "update": 1706, "replace": 1723, "delete": 1739}


class Warehouses(Resource[Warehouse]):
    """Warehouses (seed 1744-1897)."""

    path = "warehouses"
    entity = Warehouse
    paged = True
    lines = {"create": 1749, "get": 1782, "list": 1807, "update": 1852, "replace": 1873, "delete": 1893}


class Couriers(Resource[Courier]):
    """Couriers (seed 1898-2006). T69: with a dispatcher's cabinet they are created there only."""

    path = "couriers"
    entity = Courier
    lines = {"create": 1903, "get": 1926, "list": 1942, "update": 1969, "replace": 1986, "delete": 2002}


class UserRoles(Resource[Role]):
    """Roles of the app's users (seed 2007-2083)."""

    path = "userRoles"
    entity = Role
    lines = {"create": 2012, "get": 2025, "list": 2036, "update": 2058, "replace": 2069, "delete": 2079}


class Clients(Resource[Client]):
    """Clients (seed 2121-2285)."""

    path = "clients"
    entity = Client
    lines = {"create": 2126, "get": 2164, "list": 2191, "update": 2234, "replace": 2258, "delete": 2281}


class Suppliers(Resource[Supplier]):
    """Suppliers (seed 2286-2397)."""

    path = "suppliers"
    entity = Supplier
    paged = True
    lines = {"create": 2292, "get": 2317, "list": 2333, "update": 2362, "replace": 2378, "delete": 2393}


class OrderReturnReasons(Resource[ReturnReason]):
    """Reasons of returns (seed 2492-2571). T63: reasonId is the reason's id, whatever line 2495 says."""

    path = "orderReturnReasons"
    entity = ReturnReason
    lines = {"create": 2497, "get": 2507, "list": 2518, "update": 2545, "replace": 2555, "delete": 2567}


class PaymentTypes(Resource[PaymentType]):
    """Payment types (seed 2572-2660)."""

    path = "paymentTypes"
    entity = PaymentType
    lines = {"create": 2577, "get": 2590, "list": 2601, "update": 2632, "replace": 2643, "delete": 2656}


class Taxes(Resource[Tax]):
    """Tax rates (seed 2661-2736)."""

    path = "taxes"
    entity = Tax
    lines = {"create": 2665, "get": 2678, "list": 2687, "update": 2710, "replace": 2720, "delete": 2732}


class Permissions:
    """What the roles may do (seed 2084-2120). T57: not obeyed on Evotor devices."""

    def __init__(self, api: Api):
        self.api = api
        self.session = api.session

    @endpoint("GET", "permissions?roleId=&permissionId=", 2091)
    def get(self, role: str, action: str) -> Permission | None:
        """Read one permission of a role, None when iRECA has none. T55: both names of the action are sent. T56: the
        "list" needs both ids, so whoever wants all asks for each of dictionary/permissions."""
        rows = self.session.rows(
            "permissions",
            params={"roleId": role, "permissionId": action, "actionId": action},
            subjects=[f"permissions:{role}/{action}"],
        )
        for found in self.api.decoded(Permission, rows):
            if found.action_id == action and found.role_id == str(role):
                return found
        return None

    @endpoint("POST", "permissions/replace", 2110)
    def replace(self, rows: Sequence[Permission]) -> None:
        """Allow or forbid actions to roles."""
        body = [encode(row, "replace") for row in rows]
        subjects = [f"permissions:{row.role_id}/{row.action_id}" for row in rows]
        self.session.request("POST", "permissions/replace", json=body, subjects=subjects)


class Licenses:
    """Device sessions (seed 2398-2447)."""

    def __init__(self, api: Api):
        self.api = api
        self.session = api.session

    @endpoint("GET", "licenses", 2400)
    def list(self) -> LicensePool:
        """Read how many licences there are and who uses them; a bad session is reported and skipped."""
        answer = self.session.request("GET", "licenses")
        if isinstance(answer, list):
            answer = {"licenses": answer}
        if not isinstance(answer, dict):
            return LicensePool(licenses=[])
        sessions = answer.get("licenses")
        pool = decode(LicensePool, {**answer, "licenses": []})
        pool.licenses = [*self.api.decoded(License, sessions if isinstance(sessions, list) else [])]
        return pool

    @endpoint("POST", "licenses/close?deviceId=", 2418)
    def close(self, device_id: str) -> None:
        """Close the session of a device. Not repeated blindly: the courier may have logged in again meanwhile."""
        self.session.request(
            "POST",
            "licenses/close",
            params={"deviceId": device_id},
            idempotent=False,
            subjects=[f"licenses:{device_id}"],
        )

    @endpoint("POST", "licenses/callback", 2426)
    def set_callback(self, url: str, is_active: bool = True) -> None:
        """Tell iRECA where to report closed sessions."""
        _set_callback(self.api, "licenses/callback", url, is_active)


def _set_callback(api: Api, path: str, url: str, is_active: bool) -> None:
    api.session.request("POST", path, json={"url": url, "isActive": int(is_active)}, subjects=[path])
