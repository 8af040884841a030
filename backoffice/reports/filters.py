"""Filters of reports: a period first, then whatever narrows a report. Every filter narrows by a column or a subquery,
never by a join to many, which would count a row several times.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters.fields import ModelMultipleChoiceField
from unfold.widgets import BASE_INPUT_CLASSES, CHECKBOX_CLASSES, SELECT_CLASSES

from backoffice.partners.models import Source
from backoffice.reports.access import Reader
from backoffice.values import check_day, whole_number, whole_numbers
from orders.conditions import day_start

NONE = "none"  # the value that leaves rows without one
MOST_TEXT = 300  # characters of a word that rows are found by


def _month(day: date, back: int = 0) -> date:
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _week(day: date) -> date:
    return day - timedelta(days=day.weekday())


_DAY = timedelta(days=1)

# name -> (title, today -> first and last day)
PERIODS: Mapping[str, tuple[Any, Callable[[date], tuple[date, date]]]] = {
    "today": (gettext_lazy("Today"), lambda day: (day, day)),
    "yesterday": (gettext_lazy("Yesterday"), lambda day: (day - _DAY, day - _DAY)),
    "week": (gettext_lazy("This week"), lambda day: (_week(day), _week(day) + 6 * _DAY)),
    "last_week": (gettext_lazy("Last week"), lambda day: (_week(day) - 7 * _DAY, _week(day) - _DAY)),
    "month": (gettext_lazy("This month"), lambda day: (_month(day), _month(day, -1) - _DAY)),
    "last_month": (gettext_lazy("Last month"), lambda day: (_month(day, 1), _month(day) - _DAY)),
    "days30": (gettext_lazy("The last 30 days"), lambda day: (day - 29 * _DAY, day)),
    "days90": (gettext_lazy("The last 90 days"), lambda day: (day - 89 * _DAY, day)),
    "year": (gettext_lazy("This year"), lambda day: (date(day.year, 1, 1), date(day.year, 12, 31))),
}
USUAL = "days30"


class ReportFilters(django_filters.FilterSet):
    """The period of a report: by name, or from one day to another, both included. Days win over a name."""

    TIME: str  # the lookup of the moment that a row belongs to; empty: the period narrows figures, not rows
    PERSONAL: Collection[str] = ()  # filters that find people; not for who may not see their names

    period = django_filters.ChoiceFilter(
        label=gettext_lazy("Period"),
        choices=[(name, title) for name, (title, _days) in PERIODS.items()],
        empty_label=None,
        method="unused",
    )
    since = django_filters.DateFilter(
        label=gettext_lazy("From"),
        method="unused",
        validators=[check_day],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = django_filters.DateFilter(
        label=gettext_lazy("to"),
        method="unused",
        validators=[check_day],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: Any, queryset: QuerySet, reader: Reader) -> None:
        data = data.copy()
        if not data.get("period"):
            data["period"] = USUAL
        super().__init__(data, queryset)
        for name, filter_ in self.filters.items():
            if isinstance(filter_, CodeFilter):
                filter_.keep(data.getlist(name))
        if not reader.sees_personal:
            for name in self.PERSONAL:
                del self.filters[name]
        if reader.sources is not None:
            self._keep_names(reader.sources)

    def _keep_names(self, sources: frozenset[int]) -> None:
        """Who sees some sources only is not told of the others, nor who else works here."""
        for name, filter_ in self.filters.items():
            if name == "source":
                filter_.queryset = Source.objects.filter(pk__in=sources)
            elif isinstance(filter_, RowFilter):
                filter_.extra["widget"] = forms.MultipleHiddenInput
            elif isinstance(filter_, django_filters.ModelChoiceFilter):
                filter_.extra["widget"] = forms.HiddenInput

    def unused(self, queryset: QuerySet, name: str, value: Any) -> QuerySet:
        return queryset  # the period is one condition of three fields, see filter_queryset

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day. Only of valid filters."""
        return days_of(self.form.cleaned_data)

    def filter_queryset(self, queryset: QuerySet) -> QuerySet:
        if not self.TIME:
            return super().filter_queryset(queryset)
        first, last = self.days
        within = {f"{self.TIME}__gte": day_start(first), f"{self.TIME}__lt": day_start(last + _DAY)}
        return super().filter_queryset(queryset.filter(**within))

    def get_form_class(self) -> type[forms.Form]:
        return type("ReportForm", (_PeriodForm, super().get_form_class()), {})


def days_of(cleaned: Mapping[str, Any]) -> tuple[date, date]:
    """The first and the last day of what a valid form says."""
    today = timezone.localdate()
    since, until = cleaned.get("since"), cleaned.get("until")
    if since is not None:
        return since, until or max(today, since)
    return (until, until) if until is not None else PERIODS[cleaned.get("period") or USUAL][1](today)


class _PeriodForm(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            dress(field)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("This day is before the first one."))
        return cleaned


def dress(field: forms.Field) -> None:
    """The theme's look for a field that django-filter made."""
    widget = field.widget
    if isinstance(widget, forms.CheckboxInput):
        classes = CHECKBOX_CLASSES
    elif isinstance(widget, forms.Select):
        classes = SELECT_CLASSES
    else:
        classes = BASE_INPUT_CLASSES
    widget.attrs["class"] = " ".join([*classes, widget.attrs.get("class", "")]).strip()
    if isinstance(widget, forms.SelectMultiple):
        widget.attrs.setdefault("size", 4)


class _CodeField(forms.MultipleChoiceField):
    def valid_value(self, value: str) -> bool:
        return super().valid_value(value) or whole_number(value) is not None


class CodeFilter(django_filters.MultipleChoiceFilter):
    """Codes of a remote. `offer` gives them with their labels when the form is made: they are data, and some codes
    are in none.
    """

    field_class: type[forms.MultipleChoiceField] = _CodeField

    def __init__(self, *args: Any, offer: Callable[[], list[tuple[Any, str]]], **kwargs: Any) -> None:
        self.offer = offer
        super().__init__(*args, choices=offer, distinct=False, **kwargs)

    def keep(self, values: Iterable[str]) -> None:
        """Offer what is chosen already, too."""
        known = self.offer()
        others = [(code, str(code)) for code in whole_numbers(values) if code not in dict(known)]
        self.extra["choices"] = [*known, *others]


class _RowsField(ModelMultipleChoiceField):
    def _check_values(self, value: Any) -> Any:
        """Django looks for all keys at once, where one that no column holds is an error of the database."""
        for key in value:
            if key != self.null_value and whole_number(key) is None:
                raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": key})
        return super()._check_values(value)


class RowFilter(django_filters.ModelMultipleChoiceFilter):
    """Rows of a directory; also rows that have none."""

    field_class = _RowsField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("null_value", NONE)
        kwargs.setdefault("null_label", gettext_lazy("none"))
        super().__init__(*args, distinct=False, **kwargs)  # a column of the row itself doubles no row


class KeyFilter(django_filters.CharFilter):
    """One row of a table that is too large to choose from: only addresses have it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=forms.HiddenInput, **kwargs)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        if not value:
            return queryset
        if value == NONE:
            return queryset.filter(**{f"{self.field_name}__isnull": True})
        key = whole_number(value)
        return queryset.filter(**{self.field_name: key}) if key is not None else queryset.none()


class _NameField(forms.MultipleChoiceField):
    def valid_value(self, value: str) -> bool:
        return len(value) <= MOST_TEXT


class NameFilter(CodeFilter):
    """Names of the wire with what people call them. Those that nobody knows are chosen by an address."""

    field_class = _NameField

    def keep(self, values: Iterable[str]) -> None:
        known = self.offer()
        others = [(value, value) for value in values if value not in dict(known)]
        self.extra["choices"] = [*known, *others]


class TextFilter(django_filters.CharFilter):
    """A word as it is; NONE leaves the rows without one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, strip=False, max_length=MOST_TEXT, **kwargs)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        if not value:
            return queryset
        return queryset.filter(**{self.field_name: "" if value == NONE else value})
