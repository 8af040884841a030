"""Orders and what belongs to them: clients, lines, payments, refunds, and what happened when."""

from orders.models.client import Client
from orders.models.journal import JournalEntry, StatusChange
from orders.models.line import CanceledItem, Line, LineSpecificity, LineWarehouse
from orders.models.order import DeliveryStatus, Order, PaymentStatus, ReturnReason
from orders.models.payment import Payment, Refund, RefundGood, RefundPayment

__all__ = [
    "CanceledItem",
    "Client",
    "DeliveryStatus",
    "JournalEntry",
    "Line",
    "LineSpecificity",
    "LineWarehouse",
    "Order",
    "Payment",
    "PaymentStatus",
    "Refund",
    "RefundGood",
    "RefundPayment",
    "ReturnReason",
    "StatusChange",
]
