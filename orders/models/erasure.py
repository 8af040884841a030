"""Erasure: that a client's personal data are being erased, or were."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.secrets import EncryptedTextField
from backoffice.sync.models import Leased


class Erasure(Leased):
    """How far it is. What is looked for in logs has to be known until it was found: encrypted, and emptied at the end.

    `swept`: tables that are done, of this round.
    """

    class Step(models.TextChoices):
        ROWS = "rows", _("own rows")
        LOGS = "logs", _("logs and bodies")
        REMOTES = "remotes", _("waits until the remotes were told")
        REST = "rest", _("what the remotes said last")
        DONE = "done", _("done")

    client_id = models.BigIntegerField(_("client"), unique=True)
    clients = models.JSONField(default=list)  # keys: with those that were merged into the client
    orders = models.JSONField(default=list)  # keys
    known = EncryptedTextField(blank=True, default="", editable=False)
    step = models.CharField(_("step"), max_length=10, choices=Step, default=Step.ROWS)
    swept = models.JSONField(default=list)
    counts = models.JSONField(_("rows by table"), default=dict)
    asked_by = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    done_at = models.DateTimeField(_("done at"), null=True)

    class Meta:
        verbose_name = _("erasure of a client")
        verbose_name_plural = _("erasures of clients")
        default_permissions = ("view",)
        permissions = [("give_client_data", "Can export all data of a client"), ("erase_client", "Can erase a client")]
        indexes = [models.Index(fields=["due_at"], name="erasure_open", condition=models.Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.client_id}: {self.get_step_display()}"
