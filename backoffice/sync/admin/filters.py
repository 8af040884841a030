"""Filters of large lists: by a whole text, by a reference or its absence, by a period."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timezone import make_aware
from unfold.contrib.filters.admin import AutocompleteSelectFilter, FieldTextFilter, RangeDateTimeFilter

from backoffice.values import check_day


class ExactFilter(FieldTextFilter):
    """By the whole text of a column, so that its index serves; `…__isempty` leaves the rows that have none."""

    def __init__(
        self, field: Any, request: HttpRequest, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        self.lookup_kwarg, self.empty_kwarg = field_path, f"{field_path}__isempty"
        self.lookup_val = params.get(self.lookup_kwarg)
        # FieldTextFilter would look for a part of the text.
        admin.FieldListFilter.__init__(self, field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg, self.empty_kwarg]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.empty_kwarg in self.used_parameters:
            return queryset.filter(**{self.lookup_kwarg: ""})
        text = (self.value() or "").strip()
        return queryset.filter(**{self.lookup_kwarg: text}) if text else queryset


class ReferenceFilter(AutocompleteSelectFilter):
    """By a reference; `…__isnull` leaves the rows that have none, which the theme's own filter takes for no filter."""

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet | None:
        if self.lookup_kwarg_isnull in self.used_parameters:
            return queryset.filter(**{f"{self.field_path}__isnull": True})
        return super().queryset(request, queryset)


class PeriodFilter(RangeDateTimeFilter):
    """From a moment to a moment, both inclusive; a day without a time is the whole day.

    The theme's own filter knows English dates only, and leaves out what it cannot read without a word.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        for side, lookup, edge in (("from", "gte", time.min), ("to", "lte", time.max)):
            day, clock = (self.used_parameters.get(f"{self.parameter_name}_{side}_{part}") for part in (0, 1))
            if (found := parse_day(day)) is not None:
                moment = make_aware(datetime.combine(found, _parse(forms.TimeField(required=False), clock) or edge))
                queryset = queryset.filter(**{f"{self.parameter_name}__{lookup}": moment})
        return queryset


def parse_day(text: str | None) -> date | None:
    """A date as the reader's language writes it, None where there is none; for filters."""
    return _parse(forms.DateField(required=False, validators=[check_day]), text)


def _parse(field: forms.Field, text: str | None) -> Any:
    try:
        return field.clean(text)
    except ValidationError as error:
        raise IncorrectLookupParameters from error
