"""Who may read which reports, who gets which by mail, and what is counted ahead: a courier's day. All else is computed
from the tables of the apps when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import formats, timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from backoffice.sync.models import Leased


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
            ("all_sources", "Can read reports of all sources, not only of the own ones"),
            ("all_periods", "Can read reports of all years, not only of the own shift"),
            ("view_personal", "Can see names, phones and addresses of clients"),
            ("export", "Can export reports"),
        ]

    def __str__(self) -> str:
        return ""


class ReaderSource(models.Model):
    """A source whose orders a person may see in reports. Who has one or more sees no others, and who has none needs
    the right to all of them.
    """

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


class ReportSubscription(Leased):
    """A saved view that is mailed as a file, every day or every week. `mails.py` does it.

    `due_at` is the next mail, or the next attempt after a failure. The owner's rights at that moment say what is in it;
    `stopped` is why there are no more, until he asks again. A view that is deleted leaves its name here.
    """

    class Format(models.TextChoices):
        XLSX = "xlsx", "XLSX"
        CSV = "csv", "CSV"

    class Stop(models.TextChoices):
        NONE = "", _("none")
        PERSON = "person", _("The person does not work here any more.")
        RIGHT = "right", _("The right to see the report, or to export it, was taken away.")
        VIEW = "view", _("The saved view was deleted, or is not shared any more.")
        FILTERS = "filters", _("A filter of the view does not fit any more.")
        ADDRESS = "address", _("The person has no mail address.")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("whose"))
    view = models.ForeignKey(
        "orders.SavedView", models.SET_NULL, null=True, related_name="+", verbose_name=_("saved view")
    )
    title = models.CharField(_("name"), max_length=60)
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), null=True, blank=True, choices=list(WEEKDAYS.items()), validators=[MaxValueValidator(6)]
    )
    hour = models.PositiveSmallIntegerField(_("hour"), default=8, validators=[MaxValueValidator(23)])
    format = models.CharField(_("format"), max_length=10, choices=Format, default=Format.XLSX)
    language = models.CharField(_("language"), max_length=10)
    recipients = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        related_name="+",
        blank=True,
        verbose_name=_("also to"),
        help_text=_("People who work here and may see in this report all that its owner sees."),
    )
    sent_at = models.DateTimeField(_("last mail"), null=True, blank=True, editable=False)
    row_count = models.PositiveIntegerField(_("rows"), null=True, blank=True, editable=False)
    is_cut = models.BooleanField(_("cut off"), default=False, editable=False)
    left_out = models.CharField(_("left out"), max_length=500, blank=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    error = models.TextField(_("why the last mail failed"), blank=True, editable=False)
    stopped = models.CharField(_("stopped"), max_length=20, choices=Stop, blank=True, default="", editable=False)

    class Meta:
        verbose_name = _("report by mail")
        verbose_name_plural = _("reports by mail")
        default_permissions = ("view", "change", "delete")
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["owner", "view"], name="subscription_once")]
        indexes = [models.Index(fields=["due_at"], name="subscription_due", condition=models.Q(stopped=""))]

    def __str__(self) -> str:
        return self.title

    @property
    def when(self) -> str:
        """ "Monday, 08:00", in the active language."""
        clock = formats.time_format(time(self.hour))
        if self.weekday is None:
            return _("every day, %(time)s") % {"time": clock}
        return f"{WEEKDAYS[self.weekday]}, {clock}"

    def next_after(self, now: datetime) -> datetime:
        """The first moment of a mail after `now`, by the clock of people here."""
        return next(moment for moment in self._moments(now, 1) if moment > now)

    def last_until(self, now: datetime) -> datetime:
        """The latest moment of a mail that is not after `now`."""
        return next(moment for moment in self._moments(now, -1) if moment <= now)

    def _moments(self, now: datetime, step: int) -> Iterator[datetime]:
        today = timezone.localdate(now)
        for days in range(9):
            day = today + timedelta(days=step * days)
            if self.weekday in (None, day.weekday()):
                yield timezone.make_aware(datetime.combine(day, time(self.hour)))
