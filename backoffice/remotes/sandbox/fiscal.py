"""Cash registers of the couriers: payments taken at the door and the receipts printed for them (seed line 1208)."""

from __future__ import annotations

import zlib
from datetime import date
from decimal import Decimal

from .clock import FORMAT
from .schema import Record, plain
from .state import State

CARD, PREPAYMENT = 2, 3  # closeTypeId, seed lines 2610 and 2787


class Registrar:
    """Prints receipts. A courier has one register with one fiscal drive (fn), in which fdNumber runs without gaps."""

    def __init__(self, state: State) -> None:
        self._state = state

    def print(self, kind: str, order_id: str, courier: str) -> Record:
        """Prints a receipt for an order; `kind` is orderReceipts or orderReturnReceipts."""
        row = {"orderId": int(order_id), **self._document(courier)}
        self._state.store.append(kind, order_id, row)
        return row

    def print_correction(self, courier: str, amount: str) -> Record:
        """Prints a correction receipt."""
        document = self._document(courier)
        number = self._state.store.next_number("correctionReceiptId")
        row = {
            "correctionReceiptId": number,
            "courierId": courier,
            "serialNumber": document["serialNumber"],
            "amount": f"{Decimal(amount):.2f}",
            "commandExecutedAt": document["dateTimeReceipt"],
        }
        self._state.store.put("correctionReceipts", str(number), row)
        return row

    def _document(self, courier: str) -> Record:
        store = self._state.store
        now = self._state.clock.now()
        stamp = now.strftime(FORMAT)
        fn = f"9960{courier:0>12.12}"
        number = store.next_number(f"fd:{fn}")
        # A shift is a day of the sandbox.
        shift = (now.date() - date(2021, 1, 1)).days + 1
        sign = zlib.crc32(f"{fn}{number}{stamp}".encode())
        return {
            "serialNumber": f"0049{courier:0>10.10}",
            "shiftNumber": str(shift),
            "fn": fn,
            "fdNumber": str(number),
            "receiptNumber": str(store.next_number(f"shift:{fn}:{shift}")),
            "fiscalSign": f"{sign:010d}",
            "dateTimeReceipt": stamp,
        }

    def payments(self, order: Record, payment_type: str) -> list[Record]:
        """The payments of an order that is handed over now: the prepayment set off, if any, and the rest."""
        discounts = sum((Decimal(line["discountTotal"]) for line in order["goods"]), Decimal())
        prepaid = Decimal(order["prePaymentSum"])
        rest = Decimal(order["amountToPay"]) + discounts - prepaid
        payments = []
        prepayment = self._prepayment_type()
        if prepaid > 0 and prepayment is not None:
            payments.append(self._payment(prepayment, prepaid))
        if rest > 0 or not payments:
            payments.append(self._payment(payment_type, rest))
        return payments

    def _prepayment_type(self) -> str | None:
        types = self._state.store.all("paymentTypes")
        return next((row["paymentTypeId"] for row in types if row["closeTypeId"] == PREPAYMENT), None)

    def _payment(self, payment_type: str, amount: Decimal) -> Record:
        number = self._state.store.next_number("paymentId", first=1001)
        payment = {
            "paymentId": str(number),
            "paymentTypeId": payment_type,
            "price": plain(amount),
            "paidIn": self._state.clock.stamp(),
        }
        known = self._state.store.get("paymentTypes", payment_type) or {}
        if known.get("closeTypeId") == CARD:
            payment |= {
                "cardMask": f"************{number % 10000:04d}",
                "rrn": f"{number:012d}",
                "cardAuth": f"{number % 10**6:06d}",
            }
        return payment

    def log_error(self, kind: str, order: Record, courier: str, code: str, text: str) -> Record:
        """Writes a row of fiscalRegistratorLogs or bankTerminalLogs."""
        number = self._state.store.next_number(kind)
        common = {
            "courierId": courier,
            "errorCode": code,
            "errorText": text,
            "serialNumber": f"0049{courier:0>10.10}",
            "amount": f"{Decimal(order['amountToPay']):.2f}",
            "orderId": order["orderId"],
        }
        if kind == "bankTerminalLogs":
            own = {"cardNumber": f"************{number:04d}", "paymentSystem": "MIR"}
            row = {"terminalLogId": number, **common, **own, "transactionCreatedAt": self._state.clock.stamp()}
        else:
            row = {"frId": number, **common, "commandExecutedAt": self._state.clock.stamp()}
        self._state.store.put(kind, str(number), row)
        return row
