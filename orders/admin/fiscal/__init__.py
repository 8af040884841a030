"""Fiscal control: pages of an accountant. They belong to no model: `backoffice/urls.py` mounts them beside the admin.

`control` has the queues and the numbers not seen, `shifts` the shifts, `receipts` the card of a receipt, `corrections`
the helper for faults, `cash` the acts of cash that couriers hand in. `base` says who may see them.
"""

from __future__ import annotations

from django.urls import path

from orders.admin.fiscal import cash, control, corrections, receipts, shifts

urlpatterns = [
    path("control/", control.control, name="fiscal-control"),
    path("control/numbers/", control.numbers, name="fiscal-numbers"),
    path("shifts/", shifts.shift_list, name="fiscal-shifts"),
    path("shifts/one/", shifts.shift, name="fiscal-shift"),
    path("shifts/one/print/", shifts.printed, name="fiscal-shift-print"),
    path("receipts/<int:pk>/", receipts.card, name="fiscal-receipt"),
    path("receipts/<int:pk>/print/", receipts.printed, name="fiscal-receipt-print"),
    path("cash/hand-in/", cash.hand_in, name="fiscal-cash"),
    path("cash/<int:pk>/", cash.act, name="fiscal-cash-act"),
    path("cash/<int:pk>/reverse/", cash.reverse_act, name="fiscal-cash-reverse"),
    path("corrections/<int:pk>/", corrections.correction, name="fiscal-correction"),
    path("corrections/<int:pk>/print/", corrections.printed, name="fiscal-correction-print"),
]
