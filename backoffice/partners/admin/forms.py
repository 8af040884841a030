"""Forms of sources and their tokens."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from backoffice.partners.models import Scope, Token
from backoffice.sync.admin.forms import RowForm

SCOPE_GROUPS = (
    (gettext_lazy("Orders and clients"), (Scope.ORDERS_READ, Scope.ORDERS_WRITE, Scope.CLIENTS)),
    (gettext_lazy("Catalogue and directories"), (Scope.CATALOGUE_READ, Scope.CATALOGUE_WRITE)),
    (gettext_lazy("Couriers and devices"), (Scope.COURIERS, Scope.LICENCES)),
    (gettext_lazy("Fiscal documents"), (Scope.FISCAL,)),
)


def scope_choices() -> list[tuple[Any, list[tuple[str, str]]]]:
    """Every scope in words, with the word that the API's documentation and `create_source` use for it."""
    return [
        (title, [(scope.value, f"{capfirst(scope.label)} ({scope.value})") for scope in scopes])
        for title, scopes in SCOPE_GROUPS
    ]


class ScopesField(forms.MultipleChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False, choices=scope_choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, **kwargs
        )


class SourceForm(RowForm):
    def clean_allowed_networks(self) -> str:
        """One a line, whatever they were separated by."""
        text: str = self.cleaned_data["allowed_networks"]
        return "\n".join(text.replace(",", " ").replace(";", " ").split())


class TokenForm(forms.Form):
    """What a new token is for and how long it is valid."""

    label = forms.CharField(
        label=gettext_lazy("Label"),
        required=False,
        max_length=Token._meta.get_field("label").max_length,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("What it is for, such as a server."),
    )
    valid_until = forms.DateField(
        label=gettext_lazy("Valid until"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=gettext_lazy("The last day. Empty: for ever."),
    )

    def clean_valid_until(self) -> datetime | None:
        """The last second of the day, as people here count days."""
        day = self.cleaned_data["valid_until"]
        if day is None:
            return None
        if day < timezone.localdate():
            raise ValidationError(_("This day is over already."))
        return timezone.make_aware(datetime.combine(day, time(23, 59, 59)))
