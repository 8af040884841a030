"""Order: what is to be delivered to whom, by whom and when, and how far it got."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored
from backoffice.sync.personal import PersonalCharField, PersonalTextField, mask_all, mask_name, mask_phone
from orders.phones import e164


class DeliveryStatus(models.IntegerChoices):
    """The codes we know (seed 002:2757-2776; 1 from CONTRACT T29). Others may come and are kept: never put these on a
    column.
    """

    NEW = 1, _("New")
    PREPARED = 6, _("Prepared")
    TAKEN = 7, _("Taken by the courier")
    DELIVERED = 9, _("Delivered")
    CLOSED = 10, _("Closed")
    CANCELLED = 11, _("Cancelled")


class PaymentStatus(models.IntegerChoices):
    """seed 002:2745-2754."""

    UNPAID = 0, _("Not paid")
    PAID = 1, _("Paid")


# Open is written as two ranges, so that an index on the status serves it; "not in" would visit every order there ever
# was.
IS_OPEN = models.Q(delivery_status__lt=DeliveryStatus.CLOSED) | models.Q(delivery_status__gt=DeliveryStatus.CANCELLED)
_CLOSED = models.Q(delivery_status=DeliveryStatus.CLOSED)
# Paid and closed, and not all receipts are here that it should have: one, with a prepayment two (seed 002:94).
LACKS_RECEIPT = models.Q(
    models.Q(is_refund=True, return_receipts=0)
    | models.Q(is_refund=False, sale_receipts=0)
    | models.Q(is_refund=False, sale_receipts=1, prepayment_sum__gt=0),
    status=PaymentStatus.PAID,
    delivery_status=DeliveryStatus.CLOSED,
)
# A return for which money is given back. One that was cancelled gives none.
GIVES_BACK = models.Q(is_refund=True) & ~models.Q(delivery_status=DeliveryStatus.CANCELLED)
HAS_SEVERAL_RECEIPTS = models.Q(sale_receipts__gt=1) | models.Q(return_receipts__gt=1)


class ReturnReason(Mirrored):
    """Why an order, or a line of it, was cancelled or returned (seed 002:2493-2568)."""

    title = columns.text(_("title"))
    type = columns.text(_("type"), help_text=_("“standard” is built in at iRECA."))

    history = history.records()

    class Meta:
        verbose_name = _("reason of cancellation")
        verbose_name_plural = _("reasons of cancellation")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Hold(models.TextChoices):
    """Why an order stays here and does not go to iRECA."""

    NO = "", _("goes to the couriers")
    WAITS = "waits", _("waits for a dispatcher")
    PICKUP = "pickup", _("picked up by the client")


class Order(Mirrored):
    """An order (seed 002:74-1206). Times are UTC, sums are roubles.

    `amount_to_pay` is before the discounts of the lines; negative `discount_total` of a line is a discount (T71).
    """

    OUR_FIELDS = frozenset(
        {
            *("source", "source_id", "external_id", "phone_e164", "details_due_at", "details_attempts", "created_at"),
            *("refund_of", "refund_of_id", "refund_key"),
            *("taken_at", "delivered_at", "delivered_latitude", "delivered_longitude"),
            *("discounts", "paid_cash", "paid_cashless"),
        }
    )

    # Which are indexed for search (backoffice/sync/words.py).
    WORDS = ("to_city", "to_street", "to_home", "to_apartment", "to_line", "client_lastname", "client_firstname")

    # Where to deliver, exactly; beside them `to_line` is iRECA's wording, without them it is all that is known.
    TO_PARTS = ("to_postindex", "to_city", "to_street", "to_home", "to_apartment", "to_latitude", "to_longitude")

    number = columns.text(_("number"), db_index=True, help_text=_("What people read instead of the id."))
    hold = models.CharField(
        _("on its way"),
        max_length=20,
        choices=Hold,
        blank=True,
        default=Hold.NO,
        help_text=_("An order that is held stays here; no courier sees it."),
    )
    source = columns.reference("partners.Source", _("source"), db_index=False)  # order_of_source begins with it
    external_id = columns.text(_("id at the source"))

    status = models.IntegerField(_("payment"), default=PaymentStatus.UNPAID)
    delivery_status = models.IntegerField(_("delivery"), default=DeliveryStatus.PREPARED)
    receipt_status = models.IntegerField(_("receipt state"), null=True, blank=True, editable=False)
    fr_receipt_status = models.IntegerField(_("receipt printed"), null=True, blank=True, editable=False)
    is_agreed = models.BooleanField(_("agreed with the client"), default=False)
    return_reason = columns.reference("orders.ReturnReason", _("reason of cancellation"), db_index=False)

    courier = columns.reference("couriers.Courier", _("courier"), related_name="orders", db_index=False)
    client = columns.reference("orders.Client", _("client"), related_name="orders")
    client_firstname = columns.personal(_("first name"), mask_name)
    client_lastname = columns.personal(_("last name"), mask_name)
    client_inn = columns.personal(_("INN"), mask_all)
    client_email = columns.personal(_("e-mail"), mask_all)
    phone = columns.personal(_("phone"), mask_phone, help_text=_("When empty, the client's phone is used."))
    phone_e164 = PersonalCharField(
        _("phone, E.164"), max_length=20, blank=True, default="", db_index=True, editable=False, mask=mask_phone
    )
    supplier = columns.reference("catalog.Supplier", _("supplier"), db_index=False)

    payment_type = columns.reference("fiscal.PaymentType", _("payment type"), db_index=False)
    original_payment_type = columns.reference(
        "fiscal.PaymentType", _("payment type at first"), editable=False, db_index=False
    )
    fr_used_payment_type = columns.reference(
        "fiscal.PaymentType", _("payment type at the register"), editable=False, db_index=False
    )
    amount_to_pay = columns.money(_("sum before discount"), default=Decimal(0))
    prepayment_sum = columns.money(
        _("prepayment"), default=Decimal(0), help_text=_("When set, a second receipt is printed.")
    )
    cash = columns.money(_("the client's banknote"), null=True, blank=True, help_text=_("To have the change ready."))

    from_line = columns.text(_("from, in one line"))
    from_postindex = columns.text(_("postal code"))
    from_city = columns.text(_("city"))
    from_street = columns.text(_("street"))
    from_home = columns.text(_("house"))
    from_apartment = columns.text(_("flat or office"))
    from_latitude = columns.coordinate(_("latitude"))
    from_longitude = columns.coordinate(_("longitude"))
    from_is_use_google_geo = models.BooleanField(_("find coordinates"), null=True, blank=True)

    to_line = columns.personal(_("to, in one line"), mask_all)
    to_postindex = columns.personal(_("postal code"), mask_all)
    to_city = columns.text(_("city"))
    to_street = columns.personal(_("street"), mask_all)
    to_home = columns.personal(_("house"), mask_all)
    to_apartment = columns.personal(_("flat or office"), mask_all)
    to_latitude = columns.place(_("latitude"))
    to_longitude = columns.place(_("longitude"))
    to_is_use_google_geo = models.BooleanField(_("find coordinates"), null=True, blank=True)

    delivery_time_from = models.DateTimeField(_("deliver from"), null=True, blank=True)
    delivery_time_to = models.DateTimeField(_("deliver until"), null=True, blank=True)
    description = PersonalTextField(_("description"), blank=True, default="", mask=mask_all)

    is_refund = models.BooleanField(_("is a refund"), default=False, editable=False)
    is_returned = models.BooleanField(_("was returned"), default=False, editable=False)
    is_edited = models.BooleanField(_("lines were edited by the courier"), default=False, editable=False)

    # Of a refund made here (orders/refunds.py): which order it returns, and the form that asked for it.
    refund_of = columns.reference("self", _("returns"), related_name="refund_orders", editable=False)
    refund_key = models.UUIDField(null=True, unique=True, editable=False)

    details_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    details_attempts = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    # How many receipts it has, kept by fiscal.models.count_receipts.
    sale_receipts = models.PositiveSmallIntegerField(_("receipts"), default=0, editable=False)
    return_receipts = models.PositiveSmallIntegerField(_("return receipts"), default=0, editable=False)

    # What its status changes say, kept by orders/delivered.py.
    taken_at = models.DateTimeField(_("taken by the courier"), null=True, editable=False)
    delivered_at = models.DateTimeField(_("delivered at"), null=True, editable=False)
    delivered_latitude = columns.place(_("latitude"), editable=False)
    delivered_longitude = columns.place(_("longitude"), editable=False)

    # The sums of its lines and payments, kept by orders/order_sums.py.
    discounts = columns.sum_of_parts(_("discounts"))
    paid_cash = columns.sum_of_parts(_("paid in cash"))
    paid_cashless = columns.sum_of_parts(_("paid without cash"))

    history = history.records(
        *("details_due_at", "details_attempts", "phone_e164", "refund_key", "discounts", "paid_cash", "paid_cashless"),
        *("taken_at", "delivered_at", "delivered_latitude", "delivered_longitude", "sale_receipts", "return_receipts"),
    )

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-delivery_time_from", "-id"]
        indexes = [
            models.Index(fields=["-delivery_time_from", "-id"], name="order_window"),
            models.Index(fields=["delivery_status", "-delivery_time_from", "-id"], name="order_delivery"),
            models.Index(fields=["courier", "-delivery_time_from", "-id"], name="order_courier"),
            models.Index(fields=["status", "-delivery_time_from", "-id"], name="order_payment"),
            models.Index(fields=["source", "id"], name="order_of_source"),
            # Whether a client has ordered before, or since.
            models.Index(
                fields=["client", "delivery_time_from"], name="order_of_client", condition=models.Q(is_refund=False)
            ),
            models.Index(fields=["source", "updated_at", "id"], name="order_changed"),
            models.Index(fields=["hold", "-id"], name="order_held", condition=~models.Q(hold="")),
            # What an accountant looks at, by when it was due (orders/fiscal_control.py).
            # SQLite takes an equality for better than a range, so they begin with one.
            models.Index(fields=["status", "delivery_time_to"], name="order_closed", condition=_CLOSED),
            models.Index(fields=["status", "delivery_time_to"], name="order_open", condition=IS_OPEN),
            models.Index(fields=["status", "delivery_time_to"], name="order_no_receipt", condition=LACKS_RECEIPT),
            models.Index(fields=["id"], name="order_receipts", condition=HAS_SEVERAL_RECEIPTS),
            # What two orders of one visit have in common (orders/duplicates.py).
            models.Index(fields=["delivery_time_from", "delivery_time_to", "amount_to_pay"], name="order_twins"),
            models.Index(
                fields=["details_due_at"], name="order_details", condition=models.Q(details_due_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="order_external", condition=~models.Q(external_id="")
            )
        ]

    def __str__(self) -> str:
        return self.number or str(self.ireca_id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.phone_e164 = e164(self.phone)
        if (names := kwargs.get("update_fields")) is not None and "phone" in names:
            kwargs["update_fields"] = {*names, "phone_e164"}
        super().save(*args, **kwargs)

    @classmethod
    def held(cls, ids: Collection[int]) -> set[int]:
        # What iRECA knows can be cancelled, but not held back.
        rows = cls._base_manager.filter(pk__in=ids, hold__gt="", remote_data__isnull=True)
        return set(rows.values_list("pk", flat=True))

    @property
    def is_closed(self) -> bool:
        return self.delivery_status in (DeliveryStatus.CLOSED, DeliveryStatus.CANCELLED)

    @property
    def is_settled(self) -> bool:
        """Whether goods and money have changed hands, as payments or a receipt tell: returns and corrections mend what
        is wrong then, and no edit.
        """
        is_over = self.delivery_status == DeliveryStatus.CLOSED and self.status == PaymentStatus.PAID
        return is_over and (self.payments.exists() or self.receipts.exists())

    @property
    def payable(self) -> Decimal:
        """What is to be paid for it, after the discounts and surcharges of its lines (T71)."""
        return self.amount_to_pay + self.discounts

    @property
    def due(self) -> Decimal:
        """What of it is to be paid on delivery: the prepayment is with us already (seed 002:94)."""
        return self.payable - self.prepayment_sum

    @property
    def cash_taken(self) -> Decimal:
        """What a courier took in cash for it; negative where it is a return, for which he gives back."""
        if not self.is_refund:
            return self.paid_cash
        return Decimal(0) if self.delivery_status == DeliveryStatus.CANCELLED else -self.paid_cash

    @property
    def client_name(self) -> str:
        """Who gets it: what is written on it, else its client; masked as these are (backoffice/sync/personal.py)."""
        written = " ".join(filter(None, [self.client_lastname, self.client_firstname]))
        return written or (str(self.client) if self.client is not None else "")

    @property
    def has_only_line(self) -> bool:
        """Whether where to deliver is known in one line only: typed so, and iRECA has told no parts of it yet."""
        return bool(self.to_line) and not any(getattr(self, name) for name in self.TO_PARTS)

    @property
    def address(self) -> str:
        """Where to, as people write it."""
        parts = [self.to_city, self.to_street, self.to_home, self.to_apartment]
        return ", ".join(filter(None, parts)) or self.to_line
