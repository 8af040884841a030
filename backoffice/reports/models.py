"""Who may read which reports. Reports store nothing else: they are computed from the tables of the apps."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Reading(models.Model):
    """No table: the rights of reports."""

    class Meta:
        managed = False
        verbose_name = _("reading of reports")
        verbose_name_plural = _("reading of reports")
        default_permissions = ()
        permissions = [
            ("view_orders", "Can read reports of orders, couriers, quality, goods, clients"),
            ("view_fiscal", "Can read reports of receipts and cash"),
            ("view_sync", "Can read reports of exchange and devices"),
            ("all_periods", "Can read reports of all years, not only of the own shift"),
            ("view_personal", "Can see names, phones and addresses in reports"),
            ("export", "Can export reports"),
        ]

    def __str__(self) -> str:
        return ""


class ReaderSource(models.Model):
    """A source whose orders a person may see in reports. Who has one or more sees no others."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("who"))
    source = models.ForeignKey("partners.Source", models.CASCADE, related_name="+", verbose_name=_("source"))

    class Meta:
        verbose_name = _("source of a reader")
        verbose_name_plural = _("sources of readers")
        constraints = [models.UniqueConstraint(fields=["user", "source"], name="reader_source_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.source}"
