"""Cash as entries of couriers' ledgers, gathered from payments (`orders/cash.py`)."""

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns


class CashEntry(models.Model):
    """Cash that a courier took or gave back: a row for each cash payment, with its order's courier beside the money.

    It repeats what payments and orders say, and exists so that the balance of all years is read from one narrow index.
    Nobody edits it: it is written anew whenever its order changes.
    """

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="cash_entries", verbose_name=_("order"))
    courier = columns.reference("couriers.Courier", _("courier"), db_index=False)
    at = models.DateTimeField(_("at"))
    collected = columns.money(_("collected"), default=Decimal(0))
    returned = columns.money(_("returned"), default=Decimal(0))

    class Meta:
        verbose_name = _("cash entry")
        verbose_name_plural = _("cash entries")
        default_permissions = ()
        indexes = [
            # With the sums, so that they are added up without the table.
            models.Index(fields=["courier", "at", "collected", "returned"], name="cash_entry_ledger"),
        ]

    def __str__(self) -> str:
        return f"{self.collected - self.returned}"
