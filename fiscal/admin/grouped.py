"""A list that can also be read by groups (`?group=device`): how many rows each has, the time of the last one, a link to
the rows. Filters and search hold for the groups as for the rows.

A group costs no query of its own: one aggregate makes them all, and one more query names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.admin.lists import BigChangeList

PARAMETER = "group"
LIMIT = 100  # groups on the page, the largest first

# What a group is called: from its rows and the aggregate's answers to titles by the grouped value.
Names = Callable[[QuerySet, list[dict[str, Any]]], dict[Any, str]]


@dataclass(frozen=True)
class Grouping:
    """A way to group: `column` of the rows; `one` and `none` are the parameters that filter by a value or by its
    absence.
    """

    name: str
    title: Any
    column: str
    one: str
    none: str
    names: Names


@dataclass(frozen=True)
class Group:
    """A line of the grouped list."""

    title: str
    count: int
    last: Any
    amount: Any
    query: str


def own_names(rows: QuerySet, groups: list[dict[str, Any]]) -> dict[Any, str]:
    """The value itself says it."""
    return {}


def courier_names(rows: QuerySet, groups: list[dict[str, Any]]) -> dict[Any, str]:
    courier = rows.model._meta.get_field("courier").related_model
    return {key: str(row) for key, row in courier._base_manager.in_bulk([group["value"] for group in groups]).items()}


def error_texts(rows: QuerySet, groups: list[dict[str, Any]]) -> dict[Any, str]:
    """A code with the text of its last error: a remote's texts differ from device to device."""
    time = rows.model.TIME
    wanted = Q(pk__in=())
    for group in groups:
        wanted |= Q(error_code=group["value"], **{time: group["last"]})
    texts = dict(rows.model._base_manager.filter(wanted).values_list("error_code", "error_text"))
    return {code: " ".join(filter(None, [code, text])) for code, text in texts.items()}


BY_DEVICE = Grouping(
    "device", gettext_lazy("by device"), "serial_number", "serial_number", "serial_number__isempty", own_names
)
BY_COURIER = Grouping(
    "courier", gettext_lazy("by courier"), "courier_id", "courier__id__exact", "courier__isnull", courier_names
)
BY_CODE = Grouping("code", gettext_lazy("by code"), "error_code", "error_code", "error_code__isempty", error_texts)


class GroupedChangeList(BigChangeList):
    """Either the rows or, with `?group=`, their groups: what is not shown is not queried."""

    queryset: QuerySet
    grouping: Grouping | None = None
    groups: list[Group] = []
    are_all_groups = True

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        found = super().get_filters_params(params)
        found.pop(PARAMETER, None)
        return found

    def get_results(self, request: HttpRequest) -> None:
        chosen = request.GET.get(PARAMETER)
        self.grouping = next((grouping for grouping in self.model_admin.groupings if grouping.name == chosen), None)
        if self.grouping is not None:
            found = self._aggregate(self.grouping)
            self.groups, self.are_all_groups = found[:LIMIT], len(found) <= LIMIT
            self.queryset = self.queryset.none()
        super().get_results(request)

    def views(self) -> Iterator[dict[str, Any]]:
        """What the list can be read as: its rows, and each grouping."""
        yield {
            "title": _("one by one"),
            "query": self.get_query_string(remove=[PARAMETER]),
            "is_current": self.grouping is None,
        }
        for grouping in self.model_admin.groupings:
            yield {
                "title": grouping.title,
                "query": self.get_query_string({PARAMETER: grouping.name}),
                "is_current": grouping is self.grouping,
            }

    def _aggregate(self, grouping: Grouping) -> list[Group]:
        time = self.model.TIME
        sums = {"amount": Sum("amount")} if self.model_admin.groups_have_sums else {}
        groups = list(
            self.queryset.order_by()
            .values(value=models.F(grouping.column))
            .annotate(count=Count("pk"), last=Max(time), **sums)
            .order_by("-count", "value")[: LIMIT + 1]
        )
        titles = grouping.names(self.queryset, groups)
        return [
            Group(
                title=titles.get(group["value"]) or str(group["value"] or _("not known")),
                count=group["count"],
                last=group["last"],
                amount=group.get("amount"),
                query=self._query_of(grouping, group["value"]),
            )
            for group in groups
        ]

    def _query_of(self, grouping: Grouping, value: Any) -> str:
        mine = {grouping.one: value, grouping.none: None} if value else {grouping.one: None, grouping.none: "1"}
        return self.get_query_string({PARAMETER: None, **mine})


class GroupedAdmin(ViewOnlyAdmin):
    """A list with `groupings`. Its model names the column of time as `TIME`."""

    groupings: tuple[Grouping, ...] = ()
    groups_have_sums = False
    change_list_template = "admin/fiscal/grouped_list.html"
    list_before_template = "admin/fiscal/groupings.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BigChangeList]:
        return GroupedChangeList
