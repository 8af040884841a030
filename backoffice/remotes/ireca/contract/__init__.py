"""The wire contract of iRECA Courier: every entity once, tolerant to read and exact to write.

`decode` an answer, `encode` an object for one operation, `dump` it to store what both sides agreed on. Traps of the
seed are named T01-T73 where they are handled, line numbers are the seed's.
"""

from .catalogue import Good, GoodStock, Specificity, Supplier, Warehouse
from .codec import BadRow, ContractError, Entity, bad_row, decode, decode_rows, dump, encode, equal, unknown_keys
from .common import Address, ClientAddress
from .directories import DICTIONARIES, DictionaryEntry, PaymentType, ReturnReason, Tax
from .fiscal import (
    AtolAgent,
    AtolCompany,
    AtolSettings,
    CorrectionReceipt,
    Pechka54Settings,
    Receipt,
    RegistrarError,
    TerminalError,
)
from .orders import (
    CanceledItem,
    JournalEntry,
    Line,
    LineSpecificity,
    LineWarehouse,
    Location,
    Order,
    OrderClient,
    Payment,
    ReturnedGood,
    ReturnedOrder,
    ReturnedPayment,
    StatusChange,
)
from .people import Client, Courier, License, LicensePool, Permission, Role, SessionClosed

__all__ = [
    "DICTIONARIES",
    "Address",
    "AtolAgent",
    "AtolCompany",
    "AtolSettings",
    "BadRow",
    "CanceledItem",
    "Client",
    "ClientAddress",
    "ContractError",
    "CorrectionReceipt",
    "Courier",
    "DictionaryEntry",
    "Entity",
    "Good",
    "GoodStock",
    "JournalEntry",
    "License",
    "LicensePool",
    "Line",
    "LineSpecificity",
    "LineWarehouse",
    "Location",
    "Order",
    "OrderClient",
    "Payment",
    "PaymentType",
    "Pechka54Settings",
    "Permission",
    "Receipt",
    "RegistrarError",
    "ReturnReason",
    "ReturnedGood",
    "ReturnedOrder",
    "ReturnedPayment",
    "Role",
    "SessionClosed",
    "Specificity",
    "StatusChange",
    "Supplier",
    "Tax",
    "TerminalError",
    "Warehouse",
    "bad_row",
    "decode",
    "decode_rows",
    "dump",
    "encode",
    "equal",
    "unknown_keys",
]
