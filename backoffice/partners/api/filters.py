"""Filters of lists, under wire names and with wire values: codes and ids by comma, moments in UTC."""

from __future__ import annotations

from typing import Any

from django import forms
from django_filters import rest_framework as filters

from backoffice.partners.api.errors import reworded
from backoffice.remotes.values import read_flag, read_moment

LARGEST = 2**31 - 1


class MomentField(forms.CharField):
    """A moment as the wire has it, or in ISO 8601."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return read_moment(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(reworded(error)) from None


class MomentFilter(filters.Filter):
    field_class = MomentField
    wire_kind = "moment"


class FlagField(forms.CharField):
    """A yes or no as the wire has it: 1, 0, true or false."""

    def clean(self, value: Any) -> bool | None:
        try:
            return read_flag(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(reworded(error)) from None


class FlagFilter(filters.Filter):
    field_class = FlagField
    wire_kind = "flag"


class TextFilter(filters.CharFilter):
    wire_kind = "text"


class CodesFilter(filters.BaseInFilter, filters.NumberFilter):
    """Codes: `6` or `6,7`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=-LARGEST, max_value=LARGEST, **kwargs)

    wire_kind = "codes"


class IdsFilter(filters.BaseInFilter, filters.CharFilter):
    """Ids: `55752` or `55752,55753`."""

    wire_kind = "ids"


class ChangedSince(filters.FilterSet):
    """What every list of mirrored rows has."""

    updatedSince = MomentFilter("updated_at", lookup_expr="gte")  # the wire's spelling
