"""Links from fiscal rows to what they belong to."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from backoffice.sync.admin.labels import link


def order_link(row: Any) -> str:
    """The order that a document belongs to."""
    return link(reverse("admin:orders_order_change", args=[row.order_id]), row.order) if row.order_id else "–"
