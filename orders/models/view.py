"""How a person looks at lists: views that were saved under a name, and the columns that were chosen."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backoffice.sync.personal import is_hidden

# What is looked for in a list, and the filters of reports that find people (`ReportFilters.PERSONAL`).
FINDS_PEOPLE = r"(^|&)(q|client|postindex|area|error)=[^&]"


class SavedViewQuerySet(models.QuerySet):
    def seen_by(self, user_id: int | None, *pages: str) -> SavedViewQuerySet:
        """One's own views of some pages, and those that are shared. A view that looks for somebody tells his name, so
        that of another is not for who sees masks.
        """
        shared = Q(is_shared=True)
        if is_hidden():
            shared &= ~Q(query__regex=FINDS_PEOPLE)
        return self.filter(Q(owner=user_id) | shared, page__in=pages).select_related("owner")


class SavedView(models.Model):
    """Filters, search and order of a list, kept as the query of its address."""

    page = models.CharField(_("page"), max_length=60)
    title = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("filters"), max_length=2000, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views", verbose_name=_("whose")
    )
    is_shared = models.BooleanField(_("for everybody"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["-is_shared", "title", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "page", "title"], name="view_once")]

    def __str__(self) -> str:
        return self.title


class ListColumns(models.Model):
    """The columns that a person wants to see in a list; without a row, those that we think best."""

    page = models.CharField(_("page"), max_length=60)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("whose"))
    columns = models.JSONField(_("columns"), default=list)

    class Meta:
        verbose_name = _("columns of a list")
        verbose_name_plural = _("columns of lists")
        constraints = [models.UniqueConstraint(fields=["owner", "page"], name="columns_once")]

    def __str__(self) -> str:
        return self.page
