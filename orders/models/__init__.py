"""Orders and what belongs to them: clients, lines, payments, refunds, and what happened when."""

from orders.models.bulk import BulkChange
from orders.models.card import DiscountCard
from orders.models.cash import CashEntry
from orders.models.client import Client
from orders.models.customer import Customer
from orders.models.erasure import Erasure
from orders.models.journal import JournalEntry, StatusChange
from orders.models.line import CanceledItem, Line, LineSpecificity, LineWarehouse
from orders.models.merge import ClientMerge
from orders.models.order import DeliveryStatus, Hold, Order, PaymentStatus, ReturnReason
from orders.models.origin import Deed, Feed, Mapping, Origin, StatusRule
from orders.models.payment import Payment, Refund, RefundGood, RefundPayment
from orders.models.route import RoutePlan, RouteStop
from orders.models.view import ListColumns, SavedView

__all__ = [
    "BulkChange",
    "CanceledItem",
    "CashEntry",
    "Client",
    "ClientMerge",
    "Customer",
    "Deed",
    "DeliveryStatus",
    "DiscountCard",
    "Erasure",
    "Feed",
    "Hold",
    "JournalEntry",
    "Line",
    "LineSpecificity",
    "LineWarehouse",
    "ListColumns",
    "Mapping",
    "Order",
    "Origin",
    "Payment",
    "PaymentStatus",
    "Refund",
    "RefundGood",
    "RefundPayment",
    "ReturnReason",
    "RoutePlan",
    "RouteStop",
    "SavedView",
    "StatusChange",
    "StatusRule",
]
