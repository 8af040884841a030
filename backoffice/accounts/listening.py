"""What is noted by itself: logins and their failures, changes of people, of their rights and of API tokens; and what
the person is told of by mail.

Signals, so that it is noted whatever page or command does it.
"""

from __future__ import annotations

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from django.http import HttpRequest

from backoffice import secrets
from backoffice.accounts import audit, gate, letters, second, visits
from backoffice.accounts.models import Event, Visit
from backoffice.partners.models import Token

WATCHED = ("username", "email", "is_active", "is_staff", "is_superuser")
CHANGES = {"post_add": "added", "post_remove": "removed", "pre_clear": "cleared"}


def connect() -> None:
    user_logged_in.connect(_logged_in, dispatch_uid="accounts")
    user_logged_out.connect(_logged_out, dispatch_uid="accounts")
    user_login_failed.connect(_login_failed, dispatch_uid="accounts")
    user_locked_out.connect(_locked_out, dispatch_uid="accounts")
    pre_save.connect(_before_person, User, dispatch_uid="accounts")
    post_save.connect(_after_person, User, dispatch_uid="accounts")
    for model in (User, Group):
        post_delete.connect(_deleted, model, dispatch_uid=f"accounts-{model.__name__}")
    for through in (User.groups.through, User.user_permissions.through, Group.permissions.through):
        m2m_changed.connect(_rights_changed, through, dispatch_uid=f"accounts-{through.__name__}")
    post_save.connect(_token_saved, Token, dispatch_uid="accounts")
    post_save.connect(_event_saved, Event, dispatch_uid="accounts")
    secrets.reencrypted.connect(_reencrypted, dispatch_uid="accounts")


def _logged_in(request: HttpRequest, user: User, **kwargs: Any) -> None:
    request.session.pop(gate.DUE, None)
    if second.of(user) is not None:
        request.session[gate.DUE] = True
    visits.begin(request, user)
    audit.note(Event.Kind.LOGIN, actor=user, request=request)


def _logged_out(request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        visits.ended(request, user)


def _login_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any) -> None:
    # Who does not exist is not named: people type their passwords into the wrong field.
    person = User.objects.filter(username=str(credentials.get("username") or "")).first()
    audit.note(Event.Kind.FAILURE, person, request=request)


def _locked_out(request: HttpRequest, username: str | None, **kwargs: Any) -> None:
    audit.note(Event.Kind.LOCKED, User.objects.filter(username=username or "").first(), request=request)


def _before_person(instance: Any, update_fields: Any = None, raw: bool = False, **kwargs: Any) -> None:
    instance._before = None
    if instance.pk and not raw and (update_fields is None or not set(WATCHED).isdisjoint(update_fields)):
        instance._before = User.objects.filter(pk=instance.pk).values(*WATCHED, "password").first()


def _after_person(instance: Any, created: bool, raw: bool = False, **kwargs: Any) -> None:
    if raw:
        return
    if created:
        audit.note(Event.Kind.PERSON, instance, created=instance.get_username(), is_superuser=instance.is_superuser)
        return
    before = instance._before or {}
    had = before.pop("password", None)
    is_taken_away = had is not None and is_password_usable(had) and not instance.has_usable_password()
    if instance._password is not None or is_taken_away:  # set, and not merely hashed anew
        audit.note(Event.Kind.PASSWORD, instance)
        visits.end_others(audit.current_request(), instance, Visit.End.PASSWORD)
    changed: dict[str, Any] = {
        name: [old, getattr(instance, name)] for name, old in before.items() if old != getattr(instance, name)
    }
    if changed:
        event = audit.note(Event.Kind.PERSON, instance, **changed)
        if "email" in changed:
            letters.write(event, instance, before["email"])
    if "is_active" in changed and not instance.is_active:
        visits.end(Visit.objects.filter(user=instance), Visit.End.INACTIVE)


def _deleted(instance: Any, **kwargs: Any) -> None:
    audit.note(Event.Kind.PERSON, instance, deleted=str(instance))


def _rights_changed(instance: Any, action: str, model: Any, pk_set: set[int] | None, **kwargs: Any) -> None:
    if action not in CHANGES or (pk_set is not None and not pk_set):
        return
    names = [] if pk_set is None else sorted(map(str, model.objects.filter(pk__in=pk_set).select_related()))
    audit.note(Event.Kind.RIGHTS, instance, **{CHANGES[action]: names, "what": model._meta.model_name})


def _token_saved(instance: Token, created: bool, update_fields: Any = None, **kwargs: Any) -> None:
    if created:
        audit.note(Event.Kind.TOKEN_MADE, instance, source=str(instance.source), begins=instance.prefix)
    elif instance.revoked_at is not None and "revoked_at" in (update_fields or ()):
        audit.note(Event.Kind.TOKEN_REVOKED, instance, source=str(instance.source), begins=instance.prefix)


def _event_saved(instance: Event, raw: bool = False, **kwargs: Any) -> None:
    if not raw:  # what is loaded from a file is no news
        letters.note(instance)


def _reencrypted(counts: dict[str, int], **kwargs: Any) -> None:
    audit.note(Event.Kind.SECRETS, rows=counts)
