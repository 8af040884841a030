"""A method for each endpoint of iRECA Courier.

`IrecaClient` speaks the contract's entities and raises what the Session raises (Retry, Refused, Config, Unknown), or
ContractError when an object cannot be written. Rows that cannot be read are reported, not raised.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime

from backoffice.remotes.http import Session
from backoffice.remotes.ireca.contract import (
    DICTIONARIES,
    AtolSettings,
    BadRow,
    CorrectionReceipt,
    DictionaryEntry,
    JournalEntry,
    Location,
    Pechka54Settings,
    Receipt,
    RegistrarError,
    TerminalError,
    decode,
    encode,
)
from backoffice.remotes.wirejson import unwrap

from .resource import PAGE_SIZE, Api, Endpoint, Resource, endpoint, moment
from .resources import (
    Clients,
    Couriers,
    Goods,
    Licenses,
    OrderReturnReasons,
    Orders,
    PaymentTypes,
    Permissions,
    Specificities,
    Suppliers,
    Taxes,
    UserRoles,
    Warehouses,
)

__all__ = ["PAGE_SIZE", "Endpoint", "IrecaClient", "Resource"]

_KEPT_BAD_ROWS = 1000


class Receipts:
    """Fiscal documents (seed 1207-1258). T38: each has a URL of its own, whatever the section's title says."""

    def __init__(self, api: Api):
        self.api = api

    @endpoint("GET", "orderReceipts?orderId=", 1210)
    def order_receipts(self, order_id: str) -> list[Receipt]:
        """Read the receipts of an order's payment."""
        return self._of_order("orderReceipts", order_id)

    @endpoint("GET", "orderReturnReceipts?orderId=", 1227)
    def order_return_receipts(self, order_id: str) -> list[Receipt]:
        """Read the receipts of an order's return."""
        return self._of_order("orderReturnReceipts", order_id)

    @endpoint("GET", "correctionReceipts?courierId=&page=&count=", 1244)
    def correction_receipts(self, courier_id: str | None = None) -> Iterator[CorrectionReceipt]:
        """Read the correction receipts, of one courier or of all."""
        return self.api.paged(CorrectionReceipt, "correctionReceipts", {"courierId": courier_id})

    def _of_order(self, path: str, order_id: str) -> list[Receipt]:
        # T39: the answer has no example; one object, an array, [], {} and null are all read.
        rows = self.api.session.rows(path, params={"orderId": order_id}, subjects=[f"orders:{order_id}"])
        return list(
            self.api.decoded(Receipt, ({"orderId": order_id, **row} if isinstance(row, dict) else row for row in rows))
        )


class AtolOnlineSettings:
    """ATOL Online's settings (seed 1259-1305). T40: there is no way to read them."""

    def __init__(self, api: Api):
        self.api = api

    @endpoint("POST", "atolOnlineSettings/replace", 1261)
    def replace(self, settings: AtolSettings) -> None:
        """Save the settings. The body is one object, not an array (1291)."""
        self.api.session.request(
            "POST",
            "atolOnlineSettings/replace",
            json=encode(settings, "replace"),
            subjects=[f"atolOnlineSettings:{settings.setting_id}"],
        )


class Pechka54:
    """Pechka54's settings (seed 1306-1315)."""

    def __init__(self, api: Api):
        self.api = api

    @endpoint("GET", "pechka54Settings", 1309)
    def get(self) -> Pechka54Settings | None:
        """Read the settings, None when there are none (T39)."""
        rows = unwrap(self.api.session.request("GET", "pechka54Settings"))
        return decode(Pechka54Settings, rows[0]) if rows else None


class IrecaClient:
    """iRECA Courier over one Session.

    `on_bad_row` is told of each row that cannot be decoded; without it, the last 1000 are kept in `bad_rows`.
    `page_size` (at most 500) and `first_page` are for paged lists (T04).
    """

    def __init__(
        self,
        session: Session,
        on_bad_row: Callable[[BadRow], None] | None = None,
        page_size: int = PAGE_SIZE,
        first_page: int = 0,
    ):
        self.session = session
        self.bad_rows: deque[BadRow] = deque(maxlen=_KEPT_BAD_ROWS)
        self.api = api = Api(session, on_bad_row or self.bad_rows.append, page_size, first_page)
        self.orders = Orders(api)
        self.goods = Goods(api)
        self.specificities = Specificities(api)
        self.warehouses = Warehouses(api)
        self.couriers = Couriers(api)
        self.user_roles = UserRoles(api)
        self.permissions = Permissions(api)
        self.clients = Clients(api)
        self.suppliers = Suppliers(api)
        self.licenses = Licenses(api)
        self.order_return_reasons = OrderReturnReasons(api)
        self.payment_types = PaymentTypes(api)
        self.taxes = Taxes(api)
        self.receipts = Receipts(api)
        self.atol_online_settings = AtolOnlineSettings(api)
        self.pechka54_settings = Pechka54(api)

    @property
    def on_bad_row(self) -> Callable[[BadRow], None]:
        """Who is told of a row that cannot be decoded."""
        return self.api.on_bad_row

    @on_bad_row.setter
    def on_bad_row(self, told: Callable[[BadRow], None]) -> None:
        self.api.on_bad_row = told

    @endpoint("GET", "locations?courierId=&createdAt=&page=&count=", 34)
    def locations(self, courier_id: str, created_at: datetime | None = None) -> Iterator[Location]:
        """Read where a courier was, since `created_at` (aware). T70: iRECA allows this once a minute; the caller
        keeps to it. T03, T21: the courier of each place is the one asked for."""
        params = {"courierId": courier_id, "createdAt": moment(created_at)}
        # One request a minute is all that is allowed: what a short page might hide comes with the next one.
        for location in self.api.paged(Location, "locations", params, trust_short=True):
            location.courier_id = courier_id
            yield location

    @endpoint("GET", "journal?entityId=&startedAt=&page=&count=", 1319)
    def journal(self, order_id: str, started_at: datetime | None = None) -> Iterator[JournalEntry]:
        """Read the changes of an order since `started_at` (aware). T43: the parameter is called entityId."""
        return self.api.paged(JournalEntry, "journal", {"entityId": order_id, "startedAt": moment(started_at)})

    @endpoint("GET", "bankTerminalLogs?orderId=&courierId=&count=&page=", 2450)
    def bank_terminal_logs(self, order_id: str | None = None, courier_id: str | None = None) -> Iterator[TerminalError]:
        """Read the errors of bank terminals, of one order, of one courier, or all."""
        return self.api.paged(TerminalError, "bankTerminalLogs", {"orderId": order_id, "courierId": courier_id})

    @endpoint("GET", "fiscalRegistratorLogs?orderId=&courierId=&count=&page=", 2473)
    def fiscal_registrator_logs(
        self, order_id: str | None = None, courier_id: str | None = None
    ) -> Iterator[RegistrarError]:
        """Read the errors of fiscal registrars, of one order, of one courier, or all."""
        return self.api.paged(RegistrarError, "fiscalRegistratorLogs", {"orderId": order_id, "courierId": courier_id})

    def dictionary(self, kind: str) -> list[DictionaryEntry]:
        """Read one of the six dictionaries; `kind` is its wire name, one of DICTIONARIES.

        GET /dictionary/orderStatuses (2739), orderDeliveryStatuses (2754), closeTypes (2778), taxTypes (2793),
        goodCalcTypes (2806), permissions (2817).
        """
        if kind not in DICTIONARIES:
            raise ValueError(f"no such dictionary: {kind!r}")
        return list(self.api.decoded(DictionaryEntry, self.session.rows(f"dictionary/{kind}")))
