"""What a courier does to an order in his application: take, deliver, close, cancel, refund, edit a line.

Each action leaves what the document shows: journal entries of "Application: iRECA Courier", delivery statuses with
coordinates, payments, receipts, and callbacks. Tests call these methods; `couriers` calls them as time goes by.
"""

from __future__ import annotations

from decimal import Decimal

from .fiscal import Registrar
from .orders import Orders
from .schema import Record, plain
from .state import State

PREPARED, TAKEN, DELIVERED, CLOSED, CANCELLED = 6, 7, 9, 10, 11  # seed lines 2761-2776
DEFAULT_REASON = "5276"


class Actions:
    """Every method takes an order's id as text or number and returns its new record; LookupError without the order."""

    def __init__(self, state: State, orders: Orders, registrar: Registrar) -> None:
        self._state = state
        self._orders = orders
        self._registrar = registrar

    def _order(self, order_id: str | int) -> Record:
        order = self._state.store.get("orders", str(order_id))
        if order is None:
            raise LookupError(f"order {order_id} does not exist")
        return order

    def _courier(self, order: Record) -> str:
        if order["courierId"] is None:
            raise LookupError(f"order {order['orderId']} has no courier")
        return order["courierId"]

    def place(self, courier: str) -> Record:
        """The last known coordinates of a courier, as journalStatuses has them."""
        points = self._state.store.get("locations", courier)
        if not points:
            return {"longitude": 0, "latitude": 0, "accuracy": 0}
        return {name: points[-1][name] for name in ("longitude", "latitude", "accuracy")}

    def _commit(self, order: Record, changes: Record) -> Record:
        courier = self._courier(order | changes)
        record = self._orders.change(order["orderId"], changes, courier=courier, place=self.place(courier))
        self._state.store.flush()
        return record

    def take(self, order_id: str | int, courier_id: str | int | None = None) -> Record:
        """The courier takes the order, and the goods from their warehouses: status 7."""
        with self._state.lock:
            order = self._order(order_id)
            lines = [
                {**line, "warehouses": [{**source, "tookCount": source["count"]} for source in line["warehouses"]]}
                for line in order["goods"]
            ]
            courier = {} if courier_id is None else {"courierId": str(courier_id)}
            return self._commit(order, {"deliveryStatusId": TAKEN, "goods": lines, **courier})

    def deliver(self, order_id: str | int, payment_type_id: str | int | None = None) -> Record:
        """Hands the order over: payment, receipt, then status 9, as two changes (seed lines 1403-1427)."""
        with self._state.lock:
            order = self._order(order_id)
            courier = self._courier(order)
            if not order["frReceiptStatusId"]:
                used = str(payment_type_id or order["paymentId"])
                changes: Record = {"statusId": 1, "frReceiptStatusId": 1, "frUsedPaymentId": used, "paymentId": used}
                if not order["payments"]:
                    changes["payments"] = self._registrar.payments(order, used)
                kind = "orderReturnReceipts" if order["isRefund"] else "orderReceipts"
                # A prepayment is set off by a receipt of its own (seed line 94).
                for _ in range(2 if Decimal(order["prePaymentSum"]) > 0 and not order["isRefund"] else 1):
                    self._registrar.print(kind, order["orderId"], courier)
                order = self._commit(order, changes)
            return self._commit(order, {"deliveryStatusId": DELIVERED})

    def close(self, order_id: str | int) -> Record:
        """Closes a delivered order: status 10."""
        with self._state.lock:
            return self._commit(self._order(order_id), {"deliveryStatusId": CLOSED})

    def cancel(self, order_id: str | int, reason_id: str | int = DEFAULT_REASON) -> Record:
        """Cancels the order with a reason: status 11."""
        with self._state.lock:
            changes = {"deliveryStatusId": CANCELLED, "returnReasonId": str(reason_id)}
            return self._commit(self._order(order_id), changes)

    def refund(self, order_id: str | int, reason_id: str | int = DEFAULT_REASON) -> Record:
        """Gives the money back: returnedOrder with its payments and goods, and a return receipt."""
        with self._state.lock:
            order = self._order(order_id)
            courier = self._courier(order)
            now = self._state.clock.stamp()
            reason = str(reason_id)
            returned = {
                "returnedOrderId": order["orderId"],
                "returnReasonId": reason,
                "createdAt": now,
                "returnedPayments": [
                    {
                        "paymentId": payment["paymentId"],
                        "paymentTypeId": payment["paymentTypeId"],
                        "sum": payment["price"],
                        "createdAt": now,
                    }
                    for payment in order["payments"]
                ],
                "returnedGoods": [
                    {
                        "goodId": line["goodId"],
                        "returnReasonId": reason,
                        "count": line["count"],
                        "sum": plain(Decimal(line["total"]) + Decimal(line["discountTotal"])),
                        "createdAt": now,
                    }
                    for line in order["goods"]
                ],
            }
            self._registrar.print("orderReturnReceipts", order["orderId"], courier)
            return self._commit(order, {"returnedOrder": returned, "isReturned": 1})

    def edit_line(
        self, order_id: str | int, good_id: str | int, count: str | int = 0, reason_id: str | int = DEFAULT_REASON
    ) -> Record:
        """Leaves `count` of a good in the order; the rest is cancelled and the totals fall with it."""
        with self._state.lock:
            order = self._order(order_id)
            index = next((i for i, line in enumerate(order["goods"]) if line["goodId"] == str(good_id)), None)
            if index is None:
                raise LookupError(f"order {order_id} has no good {good_id}")
            line = order["goods"][index]
            left, had = Decimal(count), Decimal(line["count"])
            if not 0 <= left < had:
                raise ValueError(f"of {had} pieces {left} cannot be left")
            total = (Decimal(line["total"]) * left / had).quantize(Decimal("0.01"))
            item = {
                "returnReasonId": str(reason_id),
                "count": plain(had - left),
                "createdAt": self._state.clock.stamp(),
            }
            edited = {
                **line,
                "count": plain(left),
                "total": plain(total),
                "discountTotal": plain((Decimal(line["discountTotal"]) * left / had).quantize(Decimal("0.01"))),
                "canceledItems": [*line["canceledItems"], item],
                "returnReasonId": line["returnReasonId"] if left else str(reason_id),
            }
            goods = [*order["goods"][:index], edited, *order["goods"][index + 1 :]]
            amount = plain(Decimal(order["amountToPay"]) - Decimal(line["total"]) + total)
            return self._commit(order, {"goods": goods, "amountToPay": amount, "isEdited": 1})
