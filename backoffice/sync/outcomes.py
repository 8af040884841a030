"""What becomes of the pushes of a batch: done, refused, tried later, waiting for another object, held back, given back.

Each is one transaction that locks rows before pushes, as an edit does, so that neither waits for the other; and each
touches only what the holder still has: the lease may have run out, and another worker have taken it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.http import RemoteError
from backoffice.sync import enqueue, lease, unanswered
from backoffice.sync.locks import lock, locked
from backoffice.sync.mirror import Mirror
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.outbox import WAIT, let_go, patience, wake
from backoffice.sync.states import write_states


def _is_otherwise(known: dict[str, Any], seen: dict[str, Any] | None, said: dict[str, Any]) -> bool:
    """Whether the remote was heard to have something else, while the request was in the air, of what it said: then that
    may be newer than the request, or older, and is not agreed.
    """
    before = seen or {}
    return any(known.get(name) not in (before.get(name), value) for name, value in said.items())


class Outcomes:
    """Of the pushes of one entity that one sender has claimed."""

    def __init__(self, mirror: Mirror, holder: str) -> None:
        self.mirror, self.holder = mirror, holder

    def record(self, pushes: Sequence[Push], agreed: dict[int, tuple[Any, dict[str, Any]]] | None = None) -> None:
        """Close the pushes whose rows did not change meanwhile; note what both sides have now.

        :param agreed: by our key, the state that the request was built on and what it said.
        """
        claimed = {push.pk: push for push in pushes}
        with transaction.atomic():
            # Rows before pushes, as an edit does, so that neither waits for the other.
            rows = locked(
                self._rows([push.object_id for push in pushes]).values_list("pk", "remote_data", "sync_state")
            )
            in_conflict = {key for key, _known, state in rows if state == SyncState.CONFLICT}
            mine = Push.objects.filter(pk__among=list(claimed), lease_owner=self.holder)
            current = locked(mine.values_list("pk", "object_id", "change"))
            closed = {pk: key for pk, key, change in current if change == claimed[pk].change and key not in in_conflict}
            clean = set(closed.values())
            if agreed:
                ours = {key for _pk, key, _change in current}
                known = {key: state for key, state, _sync_state in rows if key in agreed}
                otherwise = {key for key, state in known.items() if _is_otherwise(state or {}, *agreed[key])}
                clean -= otherwise
                closed = {pk: key for pk, key in closed.items() if key not in otherwise}
                self._agree({key: state for key, state in known.items() if key in ours}, clean, agreed)
                self._doubt({key: state for key, state in known.items() if key not in ours}, agreed)
                unanswered.may_come_late(self.mirror, pushes, {key: said for key, (_seen, said) in agreed.items()})
            Push.objects.filter(pk__among=list(closed)).update(
                state=Push.State.DONE,
                open_key=None,
                payload=None,
                error="",
                waits_for="",
                done_at=timezone.now(),
                **lease.RELEASED,
            )
            if left := [pk for pk, _key, _change in current if pk not in closed]:
                if agreed:  # it was answered
                    Push.objects.filter(pk__among=left).update(payload=None)
                self.let_go(left)
            if not agreed:
                self._rows(list(clean)).update(sync_state=SyncState.CLEAN, sync_error="")

    def _agree(
        self, rows: dict[int, Any], clean: Set[int | None], agreed: dict[int, tuple[Any, dict[str, Any]]]
    ) -> None:
        """Note what both sides have. Those are `clean` that did not change meanwhile.

        :param rows: what was agreed before, by our key.
        """
        states = {}
        for key, before in rows.items():
            seen, said = agreed[key]
            known, seen = before or {}, seen or {}
            # What a callback changed while the request was in the air is newer than what we sent.
            said = {name: value for name, value in said.items() if known.get(name) == seen.get(name)}
            states[key] = {**known, **{name: self.mirror.over(known.get(name), v) for name, v in said.items()}}
        if any(before is None for before in rows.values()):
            # Others may have waited for one of these to be known. After the commit: who begins to wait before that does
            # not see it yet, and of those that another sender holds, that one locks the rows.
            transaction.on_commit(partial(wake, self.mirror.remote))
        for is_clean in (True, False):
            some = {key: state for key, state in states.items() if (key in clean) is is_clean}
            write_states(self.mirror.model, some, is_clean=is_clean)

    def _doubt(self, rows: dict[int, Any], agreed: dict[int, tuple[Any, dict[str, Any]]]) -> None:
        """The lease ran out while these were in the air, and another worker may have sent them before us, or after. So
        the remote may have what we said, and what differs from that is sent once more.
        """
        if rows:
            states = {key: (before or {}) | agreed[key][1] for key, before in rows.items()}
            write_states(self.mirror.model, states, is_clean=False)
            enqueue.changed(self.mirror.model, list(states))

    def refuse(self, push: Push, text: str) -> None:
        with self._row_first(push):
            mine = Push.objects.filter(pk=push.pk, lease_owner=self.holder, change=push.change)
            if mine.update(state=Push.State.REFUSED, error=text, waits_for="", **lease.RELEASED):
                self._rows([push.object_id]).exclude(sync_state=SyncState.CONFLICT).update(
                    sync_state=SyncState.FAILED, sync_error=text
                )
            else:
                self.let_go([push.pk])  # it was edited meanwhile, and the edit is tried

    def hold(self, push: Push) -> None:
        """It stays here: nothing is to be sent until it is let go, which opens a push of its own."""
        with self._row_first(push):
            mine = Push.objects.filter(pk=push.pk, lease_owner=self.holder, change=push.change)
            if mine.update(state=Push.State.DONE, open_key=None, done_at=timezone.now(), **lease.RELEASED):
                self._rows([push.object_id]).update(sync_state=SyncState.HELD, sync_error="")
            else:
                self.let_go([push.pk])

    def later(self, push: Push, text: str, delay: float | None = None) -> None:
        delay = patience(push) if delay is None else delay
        with self._row_first(push):
            Push.objects.filter(pk=push.pk, lease_owner=self.holder).update(
                error=text, due_at=timezone.now() + timedelta(seconds=delay), **lease.RELEASED
            )
            self._rows([push.object_id]).update(sync_error=text)

    def wait(self, push: Push, whom: str, *, is_row_told: bool = True) -> None:
        """Leave it until another object is there, which the row shows unless it has something of its own to show."""
        with self._row_first(push):
            mine = Push.objects.filter(pk=push.pk, lease_owner=self.holder, change=push.change)
            if mine.update(
                state=Push.State.WAITING, waits_for=whom[:300], due_at=timezone.now() + WAIT, **lease.RELEASED
            ):
                if is_row_told:
                    self._rows([push.object_id]).exclude(sync_state=SyncState.CONFLICT).update(
                        sync_error=_("Waits for %(whom)s") % {"whom": whom}
                    )
            else:
                self.let_go([push.pk])

    def let_go(self, ids: Sequence[int], error: RemoteError | None = None) -> None:
        """Give back what is still ours, due as before; with the reason, for whoever looks, where the remote is out."""
        let_go(ids, self.holder, error)

    def _rows(self, ids: Sequence[int | None]) -> Any:
        return self.mirror.model._base_manager.filter(pk__among=ids)

    @contextmanager
    def _row_first(self, push: Push) -> Iterator[None]:
        """A transaction that locks the row before the push, as an edit does: neither then waits for the other."""
        with transaction.atomic():
            lock(self._rows([push.object_id]))
            yield
