"""Fiscal control: pages of an accountant. They belong to no model: `backoffice/urls.py` mounts them beside the admin.

`control` has the queues and the numbers not seen, `shifts` the shifts, `receipts` the card of a receipt, `corrections`
the helper for faults. `base` says who may see them.
"""

from __future__ import annotations

from django.urls import path

from orders.admin.fiscal import control, corrections, receipts, shifts

urlpatterns = [
    path("control/", control.control, name="fiscal-control"),
    path("control/numbers/", control.numbers, name="fiscal-numbers"),
    path("shifts/", shifts.shift_list, name="fiscal-shifts"),
    path("shifts/one/", shifts.shift, name="fiscal-shift"),
    path("receipts/<int:pk>/", receipts.card, name="fiscal-receipt"),
    path("receipts/<int:pk>/print/", receipts.printed, name="fiscal-receipt-print"),
    path("corrections/<int:pk>/", corrections.correction, name="fiscal-correction"),
    path("corrections/<int:pk>/print/", corrections.printed, name="fiscal-correction-print"),
]
