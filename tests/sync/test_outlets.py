"""Outlets and commands: one push at which we stumble holds up no other, and is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from backoffice.remotes.errors import Refused
from backoffice.sync import commands, enqueue, outlets
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.models import Push
from backoffice.sync.outlets import OUTLETS, Outlet

pytestmark = pytest.mark.django_db(transaction=True)

REMOTE, ENTITY = "bifit", "things"


class Client:
    class session:
        remote = REMOTE


@pytest.fixture
def told() -> Iterator[list[int]]:
    """An outlet at which 1 stumbles, 2 is refused and the rest go through; and a command likewise."""
    went: list[int] = []

    def tell(client: Any, object_id: int) -> int:
        if object_id == 1:
            raise OperationalError("deadlock detected")
        if object_id == 2:
            raise Refused("no")
        return object_id

    OUTLETS[REMOTE, ENTITY] = Outlet(tell, lambda _id, result: went.append(result), lambda _id, text: went.append(-_id))
    COMMANDS[ENTITY, "do"] = Command(
        send=lambda client, push: went.append(tell(client, push.object_id or 0)), exists=lambda client, push: False
    )
    yield went
    del OUTLETS[REMOTE, ENTITY], COMMANDS[ENTITY, "do"]


def test_one_that_stumbles_holds_up_no_other_and_is_tried_again(told: list[int]) -> None:
    enqueue.open_pushes(REMOTE, ENTITY, [(pk, str(pk)) for pk in (1, 2, 3)])
    assert outlets.run_due(Client(), "me", {ENTITY}) == 3
    states = {push.object_id: (push.state, push.lease_owner) for push in Push.objects.all()}
    assert states == {1: ("queued", ""), 2: ("refused", ""), 3: ("done", "")}
    assert sorted(told) == [-2, 3]
    stumbled = Push.objects.get(object_id=1)
    assert "deadlock detected" in stumbled.error
    assert stumbled.due_at > timezone.now()


def test_so_do_commands(told: list[int]) -> None:
    for pk in (1, 3):
        enqueue.command(REMOTE, ENTITY, "do", {}, object_id=pk, remote_id=str(pk))
    assert commands.run_due(Client(), "me", {ENTITY}) == 2
    states = {push.object_id: (push.state, push.lease_owner) for push in Push.objects.all()}
    assert states == {1: ("queued", ""), 3: ("done", "")}
    assert Push.objects.get(object_id=1).attempts > 0  # it is looked for before it is repeated


def test_an_object_that_changed_while_it_was_refused_is_told_once_more(told: list[int]) -> None:
    enqueue.open_pushes(REMOTE, ENTITY, [(2, "2")])
    before = OUTLETS[REMOTE, ENTITY]

    def tell(client: Any, object_id: int) -> None:
        enqueue.open_pushes(REMOTE, ENTITY, [(2, "2")])
        before.tell(client, object_id)

    OUTLETS[REMOTE, ENTITY] = Outlet(tell, before.told, before.refused)
    outlets.run_due(Client(), "me", {ENTITY})
    assert Push.objects.get().state == "queued"
    assert told == []
