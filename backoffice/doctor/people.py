"""People and what is kept secret for them: groups, who can let others in, whether stored secrets can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils.translation import gettext as _

from backoffice.accounts.second import ALL, SUPERUSERS
from backoffice.doctor.findings import Finding, check, error, note, warning
from backoffice.secrets import UnknownKey, encrypted_fields

GROUPS = ("Dispatchers", "Managers", "Accountants")  # as migrations make them
LATEST = 200  # rows of a model whose secrets are tried


@check(reads=True)
def groups(now: datetime) -> Iterator[Finding]:
    there = {group.name: group for group in Group.objects.filter(name__in=GROUPS).prefetch_related("permissions")}
    for name in GROUPS:
        if name not in there:
            yield warning(
                _("The group of users “%(name)s” is missing.") % {"name": name},
                _("If it was renamed, all is well; else make it again and give it its rights."),
            )
        elif not there[name].permissions.all():
            yield warning(
                _("The group of users “%(name)s” has no rights.") % {"name": name},
                _("Give it the rights that its people need, in the admin under Groups."),
            )


@check(reads=True)
def second_step(now: datetime) -> Iterator[Finding]:
    """A group that is not there has nobody in it, so nobody is asked for a code."""
    wanted = set(settings.REQUIRE_TOTP) - {ALL, SUPERUSERS}
    for name in sorted(wanted - set(Group.objects.filter(name__in=wanted).values_list("name", flat=True))):
        yield error(
            _("REQUIRE_TOTP names the group “%(name)s”, which there is not: nobody is asked for a code because of it.")
            % {"name": name},
            _("Give it the name of a group as the admin shows it, or all, or superusers, and restart."),
        )


@check(reads=True)
def administrators(now: datetime) -> Iterator[Finding]:
    users = get_user_model()._default_manager.filter(is_active=True)
    if not users.filter(is_superuser=True, is_staff=True).exists():
        yield error(_("There is no administrator, so nobody can let people in."), _("Run: manage.py createsuperuser"))
    idle = users.filter(is_staff=True, is_superuser=False, groups=None, user_permissions=None).count()
    if idle:
        yield note(
            _("Users who may log in but are in no group and see nothing: %(count)d.") % {"count": idle},
            _("Put them into a group, or deactivate them."),
        )


@check(reads=True)
def stored_secrets(now: datetime) -> Iterator[Finding]:
    for model in apps.get_models():
        if model._meta.proxy or not (names := encrypted_fields(model)):
            continue
        try:
            list(model._base_manager.order_by("-pk").values_list(*names)[:LATEST])
        except UnknownKey:
            yield error(
                _("Stored secrets (%(title)s) fit none of FIELD_KEYS.") % {"title": model._meta.verbose_name_plural},
                _("Add the key under which they were saved to the end of FIELD_KEYS and restart."),
            )
