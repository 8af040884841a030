"""What happened to an order, as iRECA tells it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns
from backoffice.sync.personal import PersonalJSONField


class StatusChange(models.Model):
    """The delivery status changed, there and then (seed 002:1172-1206). The wire calls the status `statusId` here
    (T30).
    """

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="status_changes", verbose_name=_("order"))
    delivery_status = models.IntegerField(_("delivery"), null=True)
    return_reason = columns.reference("orders.ReturnReason", _("reason"))
    longitude = columns.place(_("longitude"))
    latitude = columns.place(_("latitude"))
    accuracy = models.DecimalField(_("accuracy, m"), max_digits=10, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField(_("at"), null=True)

    class Meta:
        verbose_name = _("status change")
        verbose_name_plural = _("status changes")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "created_at", "delivery_status"], name="status_change_once")
        ]

    def __str__(self) -> str:
        return str(self.delivery_status)


class JournalEntry(models.Model):
    """A change of an order with what was before and after; only changed attributes are there (seed 002:1331-1440,
    T44).
    """

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="journal", verbose_name=_("order"))
    event = columns.text(_("event"))
    source = columns.text(_("who"))
    courier = columns.reference("couriers.Courier", _("courier"))
    created_at = models.DateTimeField(_("at"), null=True)
    before = PersonalJSONField(_("before"), null=True, blank=True)
    after = PersonalJSONField(_("after"), null=True, blank=True)
    digest = models.CharField(max_length=64, editable=False)

    class Meta:
        verbose_name = _("journal entry")
        verbose_name_plural = _("journal entries")
        ordering = ["created_at", "id"]
        constraints = [models.UniqueConstraint(fields=["order", "digest"], name="journal_once")]
        indexes = [models.Index(fields=["created_at"], name="journal_at")]  # for keeping.py

    def __str__(self) -> str:
        return self.event
