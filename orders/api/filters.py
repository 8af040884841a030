"""By what partners choose orders and clients, beyond the seed."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from backoffice.partners.api.filters import ChangedSince, CodesFilter, FlagFilter, IdsFilter, MomentFilter, TextFilter
from fiscal.models import Receipt
from orders.phones import e164


class PhoneFilter(TextFilter):
    """A phone in any spelling; what is none finds nothing."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        phone = e164(value)
        return qs.filter(phone_e164=phone) if phone else qs.none()


class OrderFilters(ChangedSince):
    statusId = CodesFilter("status", lookup_expr="in")  # these names are the wire's
    deliveryStatusId = CodesFilter("delivery_status", lookup_expr="in")
    courierId = IdsFilter("courier__ireca_id", lookup_expr="in")
    codeAlias = TextFilter("number")
    phone = PhoneFilter()
    windowFrom = MomentFilter("delivery_time_to", lookup_expr="gte")
    windowTo = MomentFilter("delivery_time_from", lookup_expr="lte")
    createdSince = MomentFilter("created_at", lookup_expr="gte")
    hasReceipt = FlagFilter(method="with_receipt")
    isRefund = FlagFilter("is_refund")

    def with_receipt(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        receipts = Receipt.objects.filter(order=OuterRef("pk"))
        return queryset.filter(Exists(receipts) if value else ~Exists(receipts))


class ClientFilters(ChangedSince):
    phone = PhoneFilter()
