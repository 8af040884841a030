"""Saving settings of ATOL Online at iRECA: a command for each save, in order (seed 002:1259-1305).

iRECA takes these settings and never tells them (CONTRACT T40), so there is nothing to merge or to compare with, and
each save is an immutable command. What an earlier save said must be sent even when the row says something else by now,
so the command carries the password itself, encrypted as the row's own is, and not a reference to the row. It is erased
from the command once iRECA has answered. Where `FIELD_KEYS` was rotated meanwhile and the old key is gone, the command
is refused with a text that says what to do.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.errors import Refused
from backoffice.remotes.ireca import contract
from backoffice.secrets import UnknownKey, decrypt, encrypt
from backoffice.sync import enqueue, outbox
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.connection import IRECA
from backoffice.sync.models import Push
from fiscal.models import AtolSettings

ENTITY, REPLACE = "atolOnlineSettings", "replace"


def pushes_of(row: AtolSettings) -> QuerySet[Push]:
    """The commands that carry this row, the last save first."""
    return Push.objects.filter(entity=ENTITY, action=Push.Action.COMMAND, object_id=row.pk).order_by("-pk")


def push_settings(row: AtolSettings) -> Push:
    """Enqueue the settings as they are now. What iRECA refused before would hold them up, so that is closed."""
    with transaction.atomic():
        _close_refused(pushes_of(row))
        return enqueue.command(IRECA, ENTITY, REPLACE, _payload(row), object_id=row.pk, remote_id=f"{row.setting_id}")


def send_again(row: AtolSettings) -> Push:
    """A person asks: what waits or was refused goes now; where nothing does, the settings are sent once more."""
    with transaction.atomic():
        last = pushes_of(row).first()
        if last is None or last.state == Push.State.DONE:
            return push_settings(row)
        _close_refused(pushes_of(row).exclude(pk=last.pk))
        outbox.make_due(IRECA, pk__in=pushes_of(row).values("pk"))
        return last


def _payload(row: AtolSettings) -> dict[str, Any]:
    return {
        "setting_id": row.setting_id,
        "login": row.login,
        "password": encrypt(str(row.password)),
        "kkt_group": row.kkt_group,
        "is_production": row.is_production,
        "inn": row.inn,
        "tax_system": row.tax_system,
        "agent_type": row.agent_type,
    }


def _settings(payload: dict[str, Any]) -> contract.AtolSettings:
    """The wire's object. Raises Refused where the password can not be read any more."""
    try:
        password = str(decrypt(payload["password"]))
    except UnknownKey as error:
        raise Refused(
            _("The password was saved under a key that FIELD_KEYS does not hold any more. Enter it again and save.")
        ) from error
    agent = {"agent": contract.AtolAgent(type=payload["agent_type"])} if payload["agent_type"] else {}
    return contract.AtolSettings(
        setting_id=payload["setting_id"],
        login=payload["login"],
        password=password,
        kkt_group=payload["kkt_group"],
        is_production=payload["is_production"],
        company=contract.AtolCompany(inn=payload["inn"], tax_system=payload["tax_system"]),
        **agent,
    )


def _send(client: Any, push: Push) -> None:
    assert push.payload is not None, "a command always has its payload"
    try:
        client.atol_online_settings.replace(_settings(push.payload))
    except (Refused, contract.ContractError) as refusal:
        if not _is_replaced(push):
            raise
        # A later save says how things are, and must not wait for this one; `_done` keeps the text.
        push.refusal = _replaced(str(refusal))  # type: ignore[attr-defined]


def _is_replaced(push: Push) -> bool:
    """Whether the row was saved once more since."""
    return Push.objects.filter(
        entity=ENTITY, action=Push.Action.COMMAND, object_id=push.object_id, pk__gt=push.pk
    ).exists()


def _replaced(text: str) -> str:
    return _("Refused, and replaced by a later save: %(text)s") % {"text": text}


def _done(push: Push) -> None:
    Push.objects.filter(pk=push.pk).update(error=getattr(push, "refusal", ""), payload=_without_password(push))


def _close_refused(pushes: QuerySet[Push]) -> None:
    for push in pushes.filter(state=Push.State.REFUSED):
        Push.objects.filter(pk=push.pk, state=Push.State.REFUSED).update(
            state=Push.State.DONE,
            error=_replaced(push.error),
            done_at=timezone.now(),
            payload=_without_password(push),
        )


def _without_password(push: Push) -> dict[str, Any]:
    return {**(push.payload or {}), "password": ""}


# `replace` says how things are, so after a lost answer it is sent again; iRECA could not tell anyway (T40).
COMMANDS[ENTITY, REPLACE] = Command(send=_send, exists=lambda client, push: False, done=_done)
