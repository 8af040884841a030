"""Payments of an order, and what was returned. They come from iRECA, where the register took or gave the money."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns


class Payment(models.Model):
    """A payment (seed 002:460-468). `payment_ref` is its own id; the wire's `paymentId` of an order is a payment type
    (T15).
    """

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="payments", verbose_name=_("order"))
    payment_ref = columns.text(_("payment id"))
    payment_type = columns.reference("fiscal.PaymentType", _("payment type"))
    price = columns.money(_("sum"), null=True, blank=True)
    paid_in = models.DateTimeField(_("paid at"), null=True, blank=True)
    card_mask = columns.text(_("card"))
    rrn = columns.text(_("bank transaction (RRN)"))
    card_auth = columns.text(_("authorisation code"))

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        ordering = ["paid_in", "id"]

    def __str__(self) -> str:
        return f"{self.price} {self.payment_type or ''}".strip()


class Refund(models.Model):
    """What came of a return of the order (seed 002:469-487)."""

    order = models.OneToOneField("orders.Order", models.CASCADE, related_name="refund", verbose_name=_("order"))
    returned_order_ireca_id = columns.text(_("returned order"))
    return_reason = columns.reference("orders.ReturnReason", _("reason"))
    created_at = models.DateTimeField(_("at"), null=True, blank=True)

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")

    def __str__(self) -> str:
        return self.returned_order_ireca_id


class RefundPayment(models.Model):
    """Money given back (seed 002:473-478)."""

    refund = models.ForeignKey(Refund, models.CASCADE, related_name="payments", verbose_name=_("refund"))
    payment_ref = columns.text(_("payment id"))
    payment_type = columns.reference("fiscal.PaymentType", _("payment type"))
    sum = columns.money(_("sum"), null=True, blank=True)
    created_at = models.DateTimeField(_("at"), null=True, blank=True)

    class Meta:
        verbose_name = _("returned payment")
        verbose_name_plural = _("returned payments")

    def __str__(self) -> str:
        return str(self.sum)


class RefundGood(models.Model):
    """Goods taken back (seed 002:479-485)."""

    refund = models.ForeignKey(Refund, models.CASCADE, related_name="goods", verbose_name=_("refund"))
    good = columns.reference("catalog.Good", _("good"))
    return_reason = columns.reference("orders.ReturnReason", _("reason"))
    count = columns.quantity(_("count"), null=True, blank=True)
    sum = columns.money(_("sum"), null=True, blank=True)
    created_at = models.DateTimeField(_("at"), null=True, blank=True)

    class Meta:
        verbose_name = _("returned good")
        verbose_name_plural = _("returned goods")

    def __str__(self) -> str:
        return f"{self.good}: {self.count}"
