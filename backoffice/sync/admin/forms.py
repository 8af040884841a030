"""RowForm: a form that writes what the person changed and nothing else.

A form is open for minutes. Meanwhile a courier delivers, a pull brings a new window, a colleague assigns someone else.
So the form remembers what each column held when it was loaded (`row_state`, a hidden field). On saving, a column that
the person did not touch keeps what it holds now; a column that both touched is an error that names the other value, and
a second save then overwrites it knowingly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from backoffice.secrets import EncryptedTextField, mask
from backoffice.sync.admin.references import known_widget


class SecretField(forms.CharField):
    """A secret that can be set but not read: empty input keeps the one that is there."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["widget"] = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        super().__init__(**{**kwargs, "required": False, "strip": False})

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class RowStateField(forms.CharField):
    """What the columns held when the form was loaded. Never a change by itself."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class RowForm(forms.ModelForm):
    """A ModelForm that saves touched columns only; see the module's docstring. For the `form` of admins and inlines."""

    row_state = RowStateField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["row_state"] = self._dump_state(self._state())
        for name, field in self.fields.items():
            if isinstance(field, SecretField):
                field.widget.attrs["placeholder"] = mask(getattr(self.instance, name) or "") or _("not set")
            elif (widget := known_widget(field)) is not None:
                column = self.instance._meta.get_field(name)
                widget.known = getattr(self.instance, name) if column.is_cached(self.instance) else None

    @cached_property
    def changed_data(self) -> list[str]:
        """The fields that the person changed, whatever happened to the row meanwhile."""
        return [name for name in super().changed_data if not self._is_untouched(name)]

    def columns(self) -> list[str]:
        """The columns to be written: those of the changed fields."""
        return [name for name in self.changed_data if name in {column.name for column in self._columns()}]

    def save(self, commit: bool = True) -> Any:
        """Save the touched columns of an existing row; a new row is saved whole."""
        if self.errors or not commit or self.instance._state.adding:
            return super().save(commit)
        if columns := self.columns():
            self.instance.save(update_fields=columns)
        self._save_m2m()
        return self.instance

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc]  # private in Django, and the only place before `clean`
        for name, field in self.fields.items():
            if isinstance(field, SecretField) and not self.cleaned_data.get(name):
                self.cleaned_data[name] = getattr(self.instance, name)
        for name in self._moved:
            if self._is_untouched(name):
                self.cleaned_data[name] = getattr(self.instance, name)
            elif name in self.changed_data and name in self.cleaned_data:
                self._object(name)

    def _object(self, name: str) -> None:
        """Tell that somebody else changed the column too; from now on the form knows the other value."""
        now = getattr(self.instance, name)
        self.add_error(
            name,
            _("Meanwhile this was changed to “%(value)s”. Save again to put your value in its place.")
            % {"value": "" if now is None else now},
        )
        loaded = {**self._loaded, name: self._state()[name]}
        data = self.data.copy()  # a QueryDict of a request cannot be changed in place
        data[self.add_prefix("row_state")] = self._dump_state(loaded)
        self.data = data

    def _is_untouched(self, name: str) -> bool:
        """Whether the person left alone a field whose column changed since the form was loaded."""
        return name in self._moved and not self.fields[name].has_changed(self._moved[name], self[name].data)

    @cached_property
    def _loaded(self) -> dict[str, str | None]:
        try:
            loaded = json.loads(self.data.get(self.add_prefix("row_state"), "") or "{}")
        except ValueError:
            return {}
        return loaded if isinstance(loaded, dict) else {}

    @cached_property
    def _moved(self) -> dict[str, Any]:
        """What the columns that changed since the form was loaded held then."""
        if not self.is_bound or self.instance._state.adding:
            return {}
        moved = {}
        state = self._state()
        for column in self._columns():
            if column.name in self._loaded and self._loaded[column.name] != state.get(column.name):
                try:
                    value = column.to_python(self._loaded[column.name])
                except ValidationError:
                    continue
                # Widgets show whole seconds.
                moved[column.name] = value.replace(microsecond=0) if hasattr(value, "microsecond") else value
        return moved

    def _columns(self) -> Iterator[models.Field]:
        for column in self.instance._meta.concrete_fields:
            if column.name in self.fields:
                yield column

    def _state(self) -> dict[str, str | None]:
        state = {}
        for column in self._columns():
            # A secret is not shown, so it is not remembered either; JSON has no text of its own to compare.
            if not isinstance(column, EncryptedTextField | models.JSONField):
                value = column.value_from_object(self._row)
                state[column.name] = None if value is None else column.value_to_string(self._row)
        return state

    @cached_property
    def _row(self) -> Any:
        """The row as it was read for this request: validation writes the person's values into `instance`."""
        row = self.instance.__class__()
        for column in self.instance._meta.concrete_fields:
            if column.attname in self.instance.__dict__:
                setattr(row, column.attname, getattr(self.instance, column.attname))
        return row

    @staticmethod
    def _dump_state(state: dict[str, str | None]) -> str:
        return json.dumps(state, cls=DjangoJSONEncoder)


def secret_formfield(column: EncryptedTextField) -> SecretField:
    return SecretField(
        label=capfirst(column.verbose_name),
        help_text=column.help_text or gettext_lazy("Stored encrypted and never shown. Leave empty to keep it."),
    )
