"""Customer: a client of ours as VirtPos has him (seed 001:72-98)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import SaidTextField


class Customer(models.Model):
    """What VirtPos says of a client, and what of it both sides agreed on.

    `key` is his id there; empty while he is being added, or was and VirtPos told no id. `data` is what was read last,
    also what has no column here: his gender, his middle name, when he registered.
    """

    client = models.OneToOneField("orders.Client", models.CASCADE, related_name="customer", verbose_name=_("client"))
    key = models.CharField(_("id at VirtPos"), max_length=191, blank=True, default="")
    data = models.JSONField(_("as it was read last"), default=dict)
    # What was agreed, by our column: values as JSON has them.
    agreed = models.JSONField(default=dict, editable=False)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    sync_state = models.CharField(_("sync"), max_length=20, choices=SyncState, default=SyncState.CLEAN, db_index=True)
    sync_error = SaidTextField(_("what VirtPos answered"), blank=True, default="")
    # column -> {"base": …, "theirs": …}, as JSON has them
    sync_conflict = models.JSONField(_("conflict"), default=dict, blank=True)

    class Meta:
        verbose_name = _("customer of VirtPos")
        verbose_name_plural = _("customers of VirtPos")
        constraints = [models.UniqueConstraint(fields=["key"], name="customer_key", condition=~Q(key=""))]

    def __str__(self) -> str:
        return str(self.client)

    def impersonal_name(self) -> str:
        return self.client.impersonal_name()
