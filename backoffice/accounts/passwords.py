"""Passwords as people type them: fields that can be looked at, that tell how good a new one is, and the link by which a
person chooses his own, so that nobody else ever knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm, AuthenticationForm, UserCreationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminRadioSelectWidget

CHOOSE = "choose-password"  # the page that a link leads to


class PasswordWidget(UnfoldAdminPasswordWidget):
    """With a button that shows what is typed; a new one is rated while it is typed (`static/backoffice/passwords.js`).

    The theme's own has a button that no key reaches.
    """

    template_name = "admin/accounts/password.html"

    def __init__(self, *, is_new: bool) -> None:
        self.is_new = is_new
        super().__init__({"autocomplete": "new-password" if is_new else "current-password"})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return {**super().get_context(name, value, attrs), "is_new": self.is_new, "least": settings.MIN_PASSWORD}


def _dress(form: Any, *, old: str = "", new: str = "", again: str = "") -> None:
    """Give the fields of a form these widgets, and keep what the form says of them."""
    for name, is_new in ((old, False), (new, True), (again, False)):
        if name:
            widget = PasswordWidget(is_new=is_new)
            widget.attrs |= {key: value for key, value in form.fields[name].widget.attrs.items() if key != "class"}
            form.fields[name].widget = widget


class LoginForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, old="password")


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, old="old_password", new="new_password1", again="new_password2")


class OthersPasswordForm(AdminPasswordChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, new="password1", again="password2")


class ChooseForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, new="new_password1", again="new_password2")


class NewPersonForm(UserCreationForm):
    """A person is added without a password, unless somebody insists."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self, new="password1", again="password2")
        choices = [
            ("false", gettext_lazy("The person chooses it")),
            ("true", gettext_lazy("I set it here")),
        ]
        how = self.fields["usable_password"]
        how.label, how.initial = gettext_lazy("First password"), "false"
        how.help_text = gettext_lazy("For the person you make a link after saving, to be passed on.")
        how.choices = choices
        how.widget = UnfoldAdminRadioSelectWidget(choices=choices)

    def clean_usable_password(self) -> str:
        """What was typed is not thrown away: it is either the password, or a slip that the person hears of."""
        chosen = self.cleaned_data["usable_password"]
        if chosen == "false" and any(self.data.get(self.add_prefix(name)) for name in ("password1", "password2")):
            raise ValidationError(_("A password was typed. Choose that you set it here, or leave its fields empty."))
        return chosen


@dataclass(frozen=True)
class Link:
    """Where a person chooses a password: once, until then."""

    address: str
    until: datetime


def link_for(person: User) -> Link:
    """It is good for nothing once the person has logged in, or has another password or mail address."""
    who, token = urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)
    until = timezone.now() + timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    return Link(settings.PUBLIC_URL + reverse(CHOOSE, args=[who, token]), until)


class ChooseView(PasswordResetConfirmView):
    """Django's: the token moves from the address into the session before the page is shown."""

    form_class = ChooseForm
    template_name = "admin/accounts/choose.html"
    success_url = reverse_lazy("admin:login")
    title = gettext_lazy("Choose your password")

    def get_user(self, uidb64: str) -> User | None:
        person = super().get_user(uidb64)
        return person if person is not None and person.is_active and person.is_staff else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**admin.site.each_context(self.request), **super().get_context_data(**kwargs)}

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():  # with what follows: the trail, the letter, the end of sessions
            answer = super().form_valid(form)
        messages.success(self.request, _("Your password is set. Log in with it."))
        return answer
