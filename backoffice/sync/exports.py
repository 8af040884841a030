"""Who took what out of here as a file: lists of the admin, and whatever else is given out by the same log."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.sync.personal import PersonalTextField


class ExportLog(models.Model):
    """Who took what out of here as a file. Written before the first row leaves; the count when the last has left."""

    class Kind(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("who")
    )
    what = models.CharField(_("what"), max_length=200)
    query = PersonalTextField(_("filter"), blank=True, default="")  # it may have looked for somebody
    columns = models.JSONField(_("columns"), default=list)
    kind = models.CharField(_("format"), max_length=10, choices=Kind)
    is_personal = models.BooleanField(_("with personal data"), default=False)
    row_count = models.PositiveIntegerField(_("rows"), null=True, help_text=_("Empty: it was broken off."))
    created_at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        default_permissions = ("view",)
        permissions = [
            ("export_lists", "Can export lists"),
            ("export_personal_data", "Can export personal data"),
        ]

    def __str__(self) -> str:
        return self.what
