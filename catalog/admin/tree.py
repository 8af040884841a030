"""Goods as a tree: above a good, below a folder, and the two filters of the list.

A folder is a good that others name as their parent (seed 002:1451); nothing else tells it. What iRECA sends may hold a
circle, so every walk ends by itself. Each walk is one recursive statement, however deep the tree.
"""

from __future__ import annotations

from typing import Any

from django.contrib.admin import SimpleListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.values import whole_number
from catalog.models import Good

TOP = "top"
DEEPEST = 100  # levels; only a circle has more

_UP = """
WITH RECURSIVE up(id, parent_id, level) AS (
    SELECT id, parent_id, 0 FROM catalog_good WHERE id = %s
    UNION ALL
    SELECT g.id, g.parent_id, up.level + 1 FROM catalog_good g JOIN up ON g.id = up.parent_id WHERE up.level < %s
) SELECT id FROM up ORDER BY level
"""
_DOWN = """
WITH RECURSIVE down(id) AS (
    SELECT id FROM catalog_good WHERE parent_id = %s
    UNION
    SELECT g.id FROM catalog_good g JOIN down ON g.parent_id = down.id
) SELECT id FROM down
"""


def chain(pk: int) -> list[int]:
    """The keys of a good and of all folders that it is in, the good itself first."""
    with connection.cursor() as cursor:
        cursor.execute(_UP, [pk, DEEPEST])
        return list(dict.fromkeys(key for (key,) in cursor.fetchall()))


def path_to(pk: int) -> list[Good]:
    """The folders from the top down to this one, itself last."""
    keys = chain(pk)
    rows = Good._base_manager.only("title").in_bulk(keys)
    return [rows[key] for key in reversed(keys)]


def inside(queryset: QuerySet[Good], pk: int) -> QuerySet[Good]:
    """What a folder holds, in folders below it too."""
    return queryset.filter(pk__in=RawSQL(_DOWN, [pk]))  # noqa: S611  # our own text; the key is a parameter


class LevelFilter(SimpleListFilter):
    """One level of the tree: what is at the top, or directly in a folder."""

    title = gettext_lazy("tree")
    parameter_name = "folder"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        chosen = self.value()
        return [(TOP, _("Top level")), *([(chosen, _("This folder"))] if chosen not in (None, TOP) else [])]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen == TOP:
            return queryset.filter(parent=None)
        if (folder := whole_number(chosen)) is None:
            raise IncorrectLookupParameters
        return queryset.filter(parent=folder)


class InsideFilter(AutocompleteSelectFilter):
    """All that a folder holds, at any depth."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("inside folder")

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = (self.used_parameters.get(self.lookup_kwarg) or [""])[-1]
        if not chosen:
            return super().queryset(request, queryset)
        if (folder := whole_number(chosen)) is None:
            raise IncorrectLookupParameters
        return inside(queryset, folder)
