"""ClientMerge: that a person found several clients to be one, and all that is needed to take it back."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class ClientMerge(models.Model):
    """One merge, as `orders/merging.py` made it. Keys in JSON are texts."""

    survivor = models.ForeignKey(
        "orders.Client", verbose_name=_("stays"), on_delete=models.CASCADE, related_name="merges"
    )
    # by client, whom it was merged into before, if anybody
    absorbed = models.JSONField(_("merged clients"))
    # by column of the survivor: what was there, what came
    values = models.JSONField(_("changed fields"), encoder=DjangoJSONEncoder)
    # by table and column, by merged client: the keys of the rows
    moved = models.JSONField(_("moved"))
    made_at = models.DateTimeField(_("merged at"), default=timezone.now, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("merged by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    undone_at = models.DateTimeField(_("undone at"), null=True, editable=False)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("undone by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        verbose_name = _("merge of clients")
        verbose_name_plural = _("merges of clients")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.survivor} ← {len(self.absorbed)}"
