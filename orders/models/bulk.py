"""A change of many orders at once, kept so that whoever made it can take it back."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class BulkChange(models.Model):
    """What a bulk action changed. `before`: our key -> column -> value; `after`: column -> value; text as
    `Field.value_to_string` has it, None where there was none. `after_each`: our key -> column -> value, where not all
    orders got the same; it wins over `after`.
    """

    text = models.CharField(_("what was done"), max_length=300)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="bulk_changes", verbose_name=_("by")
    )
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    after_each = models.JSONField(default=dict)
    made_at = models.DateTimeField(_("made"), default=timezone.now, db_index=True)
    undone_at = models.DateTimeField(_("taken back"), null=True, blank=True)

    class Meta:
        verbose_name = _("bulk change")
        verbose_name_plural = _("bulk changes")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.text
