"""Foreign keys in forms: looked up while one types, and shown without a query for each row of an inline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect, RelatedFieldWidgetWrapper
from django.db import models
from django.http import HttpRequest

from backoffice.values import whole_numbers

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin as Base
else:
    Base = object


class KnownAutocompleteSelect(AutocompleteSelect):
    """An autocomplete that is told the selected object (`known`) by the form, where the row came with it."""

    known: models.Model | None = None

    def optgroups(self, name: str, value: Sequence[Any], attrs: dict[str, Any] | None = None) -> list[Any]:
        # What a form said may be no key at all, and is shown again with what is wrong with it.
        keys = whole_numbers(str(key) for key in value if key is not None)
        if self.known is None or keys != [self.known.pk]:
            if keys:
                return super().optgroups(name, [str(key) for key in keys], attrs)
            return [(None, [self.create_option(name, "", "", False, 0)], 0)]
        options = [] if self.is_required else [self.create_option(name, "", "", False, 0)]
        options.append(self.create_option(name, self.known.pk, str(self.known), True, 0))
        return [(None, options, 0)]


def known_widget(field: forms.Field) -> KnownAutocompleteSelect | None:
    widget = field.widget.widget if isinstance(field.widget, RelatedFieldWidgetWrapper) else field.widget
    return widget if isinstance(widget, KnownAutocompleteSelect) else None


class ReferencesMixin(Base):
    """For admins and inlines whose `autocomplete_fields` are foreign keys."""

    def formfield_for_foreignkey(self, db_field: models.ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if "widget" not in kwargs and db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = KnownAutocompleteSelect(db_field, self.admin_site, using=kwargs.get("using"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
