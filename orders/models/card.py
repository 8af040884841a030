"""Discount cards of VirtPos (seed 001:75-132)."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Source
from backoffice.sync import columns, history
from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import SaidTextField


class DiscountCard(models.Model):
    """A discount card. VirtPos finds it by `card_id`, then `uid`, then `external_id`, then `barcode` (seed 001:93)."""

    class Medium(models.TextChoices):
        PLASTIC = "PLASTIC", _("plastic")
        MAGNET = "MAGNET", _("with a magnetic strip")
        APP = "APP", _("in a mobile app")

    class Status(models.TextChoices):
        NEW = "NEW", _("new, not activated")
        ACTIVE = "ACTIVE", _("active")
        BLOCKED = "BLOCKED", _("blocked")

    source = models.ForeignKey(Source, models.PROTECT, related_name="cards", verbose_name=_("source"))
    card_id = columns.text(_("id at VirtPos"), editable=False)
    uid = models.CharField(_("number of the card"), max_length=191)
    external_id = columns.text(_("our id of it"), editable=False)
    uid_ean13 = columns.text(_("number as EAN-13"), help_text=_("VirtPos makes it by itself; better left empty."))
    barcode = columns.text(_("barcode"), help_text=_("VirtPos makes it by itself; better left empty."))
    # Unknown words of the service are kept, so neither column is held to its choices in the database.
    medium = models.CharField(_("medium"), max_length=40, choices=Medium, default=Medium.PLASTIC)
    status = models.CharField(_("state"), max_length=40, choices=Status, default=Status.NEW)
    activate_date = models.DateField(_("issued on"), null=True, blank=True)
    block_date = models.DateField(_("blocked on"), null=True, blank=True)
    type_id = columns.text(_("id of its type"))
    type_name = columns.text(
        _("type"), help_text=_("Used where the id of the type is not known; made there if need be.")
    )
    client = columns.reference("orders.Client", _("owner"), related_name="cards")
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="replaced_by", verbose_name=_("issued in place of")
    )
    is_known = models.BooleanField(_("known to VirtPos"), default=False, editable=False)
    is_deleted = models.BooleanField(_("deleted"), default=False, editable=False)
    sync_state = models.CharField(
        _("sync"), max_length=20, choices=SyncState, default=SyncState.CLEAN, editable=False, db_index=True
    )
    sync_error = SaidTextField(_("what VirtPos answered"), blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    history = history.Records(excluded_fields=["sync_state", "sync_error", "is_known"])

    class Meta:
        verbose_name = _("discount card")
        verbose_name_plural = _("discount cards")
        ordering = ["uid"]
        constraints = [
            models.UniqueConstraint(fields=["source", "uid"], name="card_uid", condition=models.Q(is_deleted=False)),
            models.UniqueConstraint(
                fields=["source", "card_id"],
                name="card_id",
                condition=~models.Q(card_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.uid

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.external_id:
            # Before anything is sent: by it a card is found whose creation was never answered.
            self.external_id = uuid.uuid4().hex
        super().save(*args, **kwargs)

    def impersonal_name(self) -> str:
        return self.uid
