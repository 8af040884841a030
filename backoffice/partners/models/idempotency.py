"""IdempotentRequest: a POST with an `Idempotency-Key`, and how it was answered."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models.source import Source
from backoffice.secrets import EncryptedTextField


class IdempotentRequest(models.Model):
    """One key of one source, with its answer, written in the transaction of the change itself.

    `lease` and `lease_until` say nothing any more and go with the next release; rows without `status_code` are of
    the one before, which kept what it had begun.
    """

    source = models.ForeignKey(Source, models.CASCADE, related_name="+")
    key = models.CharField(_("key"), max_length=255)
    fingerprint = models.CharField(max_length=64)  # of method, address and body
    lease = models.UUIDField()
    lease_until = models.DateTimeField()
    status_code = models.PositiveSmallIntegerField(null=True)
    body = EncryptedTextField(blank=True, default="")  # some answers hold a fresh secret
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = _("request with a key")
        verbose_name_plural = _("requests with a key")
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
