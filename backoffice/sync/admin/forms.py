"""RowForm: a form that writes what the person changed and nothing else.

A form is open for minutes. Meanwhile a courier delivers, a pull brings a new window, a colleague assigns someone else.
So the form remembers what each column held when it was loaded (`row_state`, a hidden field). On saving, a column that
the person did not touch keeps what it holds now, and he is told (`kept`). A column that both touched stops the save:
the page shows what it was, theirs and his own, to choose from (`clashes`); a second save without a word chooses his.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.forms.utils import ErrorDict
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSplitDateTimeWidget

from backoffice.secrets import EncryptedTextField, mask
from backoffice.sync.admin.meanwhile import Authors, Clash, Move, in_words
from backoffice.sync.admin.references import known_widget
from backoffice.values import check_day, check_moment

ASKED = ""  # in `row_state`, beside the columns: what those held at first which the person was asked about
KEEP = "_keep"  # the input that says for all fields, or with a field's name for one, whose value stays
SIDES = ("mine", "theirs")


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


class MomentField(forms.SplitDateTimeField):
    """A day and a time that a person says: the year 26, mistyped, is none."""

    default_validators = [check_day]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"widget": UnfoldAdminSplitDateTimeWidget, **kwargs})


class RowForm(forms.ModelForm):
    """A ModelForm that saves touched columns only; see the module's docstring. For the `form` of admins and inlines."""

    row_state = RowStateField()
    # Columns in which a remote spells "none" as zero: nobody is told of one for the other, or asked about it.
    ZERO_IS_NONE: frozenset[str] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["row_state"] = self._dump_state(self._state())
        for name, field in self.fields.items():
            if isinstance(field, forms.SplitDateTimeField):
                field.validators = [*field.validators, check_moment]
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

    def full_clean(self) -> None:
        if self.is_gone and (self.choice == "theirs" or not self.has_changed()):
            self._errors, self.cleaned_data = ErrorDict(renderer=self.renderer), {}
            return
        super().full_clean()

    @property
    def is_gone(self) -> bool:
        """Whether somebody removed the row while the form was open; see RowFormSet."""
        return hasattr(self.instance, "gone_pk")

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc]  # private in Django, and the only place before `clean`
        for name, field in self.fields.items():
            if isinstance(field, SecretField) and not self.cleaned_data.get(name):
                self.cleaned_data[name] = getattr(self.instance, name)
        if self._moved or self._asked:
            self._authors.read()  # once saved, the latest version would be the person's own
        for name in self._moved:
            is_theirs = self._is_untouched(name) or self._says_the_same(name)
            if not is_theirs and name in self.changed_data and name in self.cleaned_data:
                self._ask(name)
        for name in (*self._moved, *self._asked):
            if name in self.fields and self._is_untouched(name):
                self.cleaned_data[name] = getattr(self.instance, name)  # not validated yet, so it is the row's
                self.errors.pop(name, None)  # what was typed there does not count

    def _ask(self, name: str) -> None:
        """Stop: somebody else changed the column too. From now on the form knows the other value."""
        column = self.instance._meta.get_field(name)
        value = in_words(column, getattr(self._row, column.attname), self.fields[name])
        self.add_error(
            name, _("Meanwhile this was changed to “%(value)s”. Choose above which one stays.") % {"value": value}
        )
        self._asked.setdefault(name, self._loaded[name])
        self._remember({**self._loaded, name: self._state()[name]})

    def accept_moves(self) -> None:
        """From now on the form knows what others did, whatever it was."""
        self._remember({**self._loaded, **self._state()})

    def _remember(self, loaded: dict[str, Any]) -> None:
        self._loaded = {**loaded, ASKED: self._asked}
        data = self.data.copy()  # a QueryDict of a request cannot be changed in place
        data[self.add_prefix("row_state")] = self._dump_state(self._loaded)
        self.data = data

    # what others did, for a person

    def moves(self) -> list[Move]:
        """What changed since the form was loaded, whoever of both touched it."""
        before = {name: self._asked.get(name, self._loaded[name]) for name in self._moved}
        return [self._move(name, was) for name, was in before.items() if not self._says_the_same(name)]

    def kept(self) -> list[Move]:
        """What others changed and this save leaves as it is."""
        left = [name for name in self._moved if self._is_untouched(name) and not self._says_the_same(name)]
        names = {name: self._loaded[name] for name in left}
        theirs = {name: was for name, was in self._asked.items() if name in self.fields and self._keeps_theirs(name)}
        return [self._move(name, was) for name, was in {**names, **theirs}.items()]

    def clashes(self) -> list[Clash]:
        """What both changed: asked about now, or before while something else keeps the form from being saved."""
        found = []
        for name, was in self._asked.items():
            if name in self.fields:
                move = self._move(name, was)
                whose = self._keeps_theirs(name)
                name_of_choice = self.add_prefix(f"{KEEP}-{name}")
                found.append(
                    Clash(name_of_choice, self._full_label(name), move.was, move.now, self.typed(name), move.who, whose)
                )
        return found

    @property
    def choice(self) -> str:
        """Which side stays where the row itself is gone; empty while nobody has said it."""
        chosen = self.data.get(KEEP) or self.data.get(self.add_prefix(KEEP), "")
        return chosen if chosen in SIDES else ""

    def typed(self, name: str) -> str:
        """What the person typed, in words."""
        field, column = self.fields[name], self.instance._meta.get_field(name)
        try:
            return in_words(column, field.clean(self[name].data), field)
        except ValidationError:
            return str(self[name].data)

    def label_of(self, name: str) -> str:
        return str(self.fields[name].label or capfirst(str(self.instance._meta.get_field(name).verbose_name)))

    def _full_label(self, name: str) -> str:
        """With the row that it belongs to, where a page has several."""
        return f"{self._row_title}: {self.label_of(name)}" if self.prefix else self.label_of(name)

    @cached_property
    def _row_title(self) -> str:
        return str(self._row)

    def _move(self, name: str, was: str | None) -> Move:
        column, field = self.instance._meta.get_field(name), self.fields[name]
        try:
            before = in_words(column, column.to_python(was), field)
        except ValidationError:
            before = str(was)
        now = in_words(column, getattr(self._row, column.attname), field)
        return Move(self._full_label(name), before, now, self._authors.of(column))

    @cached_property
    def _authors(self) -> Authors:
        return Authors(self._row)

    def _is_untouched(self, name: str) -> bool:
        """Whether the person left alone a field whose column changed since it was loaded, or chose their value."""
        if self._keeps_theirs(name):
            return True
        return name in self._moved and not self.fields[name].has_changed(self._moved[name], self[name].data)

    def _says_the_same(self, name: str) -> bool:
        """Whether a column that moved holds nothing, as it did, in another spelling."""
        return name in self.ZERO_IS_NONE and not self._moved[name] and not getattr(self._row, name)

    def _keeps_theirs(self, name: str) -> bool:
        if name not in self._asked:
            return False
        return (self.data.get(KEEP) or self.data.get(self.add_prefix(f"{KEEP}-{name}"))) == "theirs"

    @cached_property
    def _asked(self) -> dict[str, str | None]:
        """What the columns that the person was asked about held when the form was first loaded."""
        asked = self._loaded.get(ASKED)
        return dict(asked) if isinstance(asked, dict) and not self.instance._state.adding else {}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
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
    def _dump_state(state: dict[str, Any]) -> str:
        return json.dumps(state, cls=DjangoJSONEncoder)


def secret_formfield(column: EncryptedTextField) -> SecretField:
    return SecretField(
        label=capfirst(column.verbose_name),
        help_text=column.help_text or gettext_lazy("Stored encrypted and never shown. Leave empty to keep it."),
    )
