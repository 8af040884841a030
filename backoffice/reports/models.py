"""Who may read which reports, and what is counted ahead: a courier's day. All else is computed from the tables of the
apps when somebody asks.
"""

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


class CourierDay(models.Model):
    """What a courier's devices say of one day. `days.py` counts it, again and again until the day is settled.

    A month of a hundred couriers is millions of positions, and a distance is no sum that a database could make of them.
    """

    courier = models.ForeignKey("couriers.Courier", models.CASCADE, related_name="+", verbose_name=_("courier"))
    day = models.DateField(_("day"))
    positions = models.PositiveIntegerField(_("positions"))
    kilometres = models.DecimalField(_("kilometres"), max_digits=14, decimal_places=1)
    gap_kilometres = models.DecimalField(_("kilometres across gaps"), max_digits=14, decimal_places=1)
    minutes_on_shift = models.PositiveIntegerField(_("minutes on shift"))
    registrar_errors = models.PositiveIntegerField(_("errors of registrars"))
    terminal_errors = models.PositiveIntegerField(_("errors of terminals"))
    counted_at = models.DateTimeField(_("counted at"))

    class Meta:
        default_permissions = ()
        verbose_name = _("day of a courier")
        verbose_name_plural = _("days of couriers")
        constraints = [models.UniqueConstraint(fields=["courier", "day"], name="courier_day_once")]
        indexes = [models.Index(fields=["-day", "-id"], name="courier_day_latest")]

    def __str__(self) -> str:
        return f"{self.courier}, {self.day}"
