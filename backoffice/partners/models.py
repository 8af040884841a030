"""Source: where orders and clients come from. A partner's tokens, scopes and webhooks belong here too."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns


class Source(models.Model):
    """A shop, an ERP or a cash-register service whose orders are delivered.

    Its own numbering is in `external_id` of its orders and clients.
    """

    title = models.CharField(_("title"), max_length=200, unique=True)
    description = columns.text(_("description"))
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title
