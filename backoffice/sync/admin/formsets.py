"""RowFormSet: rows of an inline that others change, add and remove while a form is open.

A row that is there no more is let go where the person had not touched it; otherwise he is asked whether it is to be
made anew with what he typed. One that somebody changed is not removed before the person has heard of the change.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.forms import PaginationInlineFormSet

from backoffice.sync.admin.forms import KEEP, RowStateField
from backoffice.sync.admin.meanwhile import Clash, author


class RowFormSet(PaginationInlineFormSet):
    """For inlines whose form is a RowForm."""

    forms: list[Any]

    def _existing_object(self, pk: Any) -> Any:
        """The row; where it is gone, one as the form was loaded with, not saved, so that it shows what was typed."""
        found = super()._existing_object(pk)  # private in Django: where a formset finds its rows
        return self._as_loaded(pk) if found is None else found

    def _as_loaded(self, pk: Any) -> Any:
        index = self._posted.get(str(pk))
        if index is None:
            return None
        try:
            loaded = json.loads(self.data.get(f"{self.add_prefix(index)}-row_state", "") or "{}")
        except ValueError:
            loaded = {}
        row = self.model()
        for column in self.model._meta.concrete_fields:
            if isinstance(loaded, dict) and column.name in loaded and not column.primary_key:
                try:
                    setattr(row, column.attname, column.to_python(loaded[column.name]))
                except ValidationError:
                    continue
        row.gone_pk = pk
        return row

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if form.is_gone:
            # Django's own field would refuse a key that nothing has any more.
            form.fields[self.model._meta.pk.name] = RowStateField()

    def clean(self) -> None:
        super().clean()
        texts = []
        for form in self.initial_forms:
            if not self._should_delete_form(form):
                if form.is_gone and form.has_changed() and not form.choice:
                    texts.append(_gone_text(form))
            elif moves := ([] if form.is_gone else form.moves()):
                texts += [str(move) for move in moves]
                texts.append(_("Save again to remove “%(row)s” nevertheless.") % {"row": form.instance})
                form.accept_moves()
        if texts:
            raise ValidationError([ValidationError(text) for text in texts])

    def save_new_objects(self, commit: bool = True) -> list[Any]:
        saved = super().save_new_objects(commit)
        for form in self.initial_forms:
            if form.is_gone and form.choice == "mine" and not self._should_delete_form(form):
                saved.append(self.save_new(form, commit=commit))
                if not commit:
                    self.saved_forms.append(form)
        return saved

    def clashes(self) -> list[Clash]:
        """What is to be decided: fields that both changed, and rows that are gone though the person wrote in them."""
        found = []
        for form in self.initial_forms:
            if self._should_delete_form(form):
                continue
            if form.is_gone:
                if form.has_changed():
                    found.append(_gone_clash(form))
            else:
                found += form.clashes()
        return found

    def told(self) -> list[str]:
        """What others did to these rows that stays as they left it."""
        texts: list[str] = []
        for form in self.initial_forms:
            if not form.is_gone:
                texts += map(str, form.kept())
            elif form.choice != "mine" or not form.has_changed():
                texts.append(_gone_text(form))
        return texts + [_added_text(row) for row in self._added()]

    def moved(self) -> list[str]:
        """All that others did to these rows since the form was loaded."""
        texts: list[str] = []
        for form in self.initial_forms:
            texts += [_gone_text(form)] if form.is_gone else map(str, form.moves())
        return texts + [_added_text(row) for row in self._added()]

    @cached_property
    def _posted(self) -> dict[str, int]:
        """Which form has which row."""
        name = self.model._meta.pk.name
        keys = {self.data.get(f"{self.add_prefix(index)}-{name}", ""): index for index in range(self._loaded_count)}
        return {key: index for key, index in keys.items() if key}

    @property
    def _loaded_count(self) -> int:
        return self.initial_form_count() if self.is_bound else 0

    def _added(self) -> list[Any]:
        # Of a paginated inline the other pages are not posted, and nothing is known of when their rows were made.
        if not self.is_bound or self.per_page or self.instance._state.adding:
            return []
        made = {row.pk for row in getattr(self, "new_objects", ())}
        return [row for row in self.get_queryset() if str(row.pk) not in self._posted and row.pk not in made]


def _gone_text(form: Any) -> str:
    who = author(type(form.instance), form.instance.gone_pk, "-")
    text = _("%(who)s removed “%(row)s” while you had this open.") if who else _("“%(row)s” was removed meanwhile.")
    return text % {"who": who, "row": form.instance}


def _added_text(row: Any) -> str:
    who = author(type(row), row.pk, "+")
    text = _("%(who)s added “%(row)s” while you had this open.") if who else _("“%(row)s” was added meanwhile.")
    return text % {"who": who, "row": row}


def _gone_clash(form: Any) -> Clash:
    typed = [f"{form.label_of(name)}: {form.typed(name)}" for name in form.changed_data]
    return Clash(
        input=form.add_prefix(KEEP),
        label=f"{capfirst(str(form.instance._meta.verbose_name))}: {form.instance}",
        was="",
        theirs=_("removed"),
        mine=_("made anew, with %(values)s") % {"values": "; ".join(typed)},
        who=author(type(form.instance), form.instance.gone_pk, "-"),
        keeps_theirs=form.choice == "theirs",
    )
