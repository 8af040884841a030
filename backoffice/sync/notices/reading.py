"""What a person is told: of the open notices those that he may see and wants to, from three small queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from backoffice.sync.notices import kinds
from backoffice.sync.notices.kinds import Kind
from backoffice.sync.notices.models import Notice, NoticePreference, NoticeReader

SHOWN = 200  # gone ones


@dataclass(frozen=True)
class Shown:
    """A notice for one person. `put_off_until` is set while its kind is put off."""

    notice: Notice
    kind: Kind
    is_seen: bool
    is_mailed: bool
    put_off_until: datetime | None

    @property
    def text(self) -> str:
        """In the language that is active."""
        return self.kind.describe(self.notice.params)

    @property
    def rings(self) -> bool:
        """Whether the bell counts it."""
        return not self.is_seen and self.put_off_until is None


def kinds_for(user: Any) -> list[Kind]:
    """Those that a person may see."""
    return [kind for kind in kinds.every() if user.has_perms(kind.permissions)]


def preference_of(user: Any) -> NoticePreference:
    """The stored one, or one that is not stored yet."""
    return NoticePreference.objects.filter(user=user).first() or NoticePreference(user=user)


def open_for(user: Any, now: datetime, preference: NoticePreference | None = None) -> list[Shown]:
    """What is the matter now: grave ones first, then the latest. Kinds that he does not want are left out."""
    preference = preference or preference_of(user)
    wanted = {kind.name: kind for kind in kinds_for(user) if kind.name not in preference.hidden}
    readers = {
        reader.notice_id: reader for reader in NoticeReader.objects.filter(user=user, notice__closed_at__isnull=True)
    }
    found = []
    for notice in Notice.objects.filter(closed_at=None, kind__in=wanted).order_by("-is_grave", "-changed_at", "pk"):
        if notice.permission and not user.has_perm(notice.permission):
            continue
        reader = readers.get(notice.pk)
        found.append(
            Shown(
                notice,
                wanted[notice.kind],
                is_seen=reader is not None and reader.seen_at is not None and reader.seen_at >= notice.changed_at,
                is_mailed=reader is not None and reader.mailed_at is not None,
                put_off_until=preference.put_off_until(notice.kind, now),
            )
        )
    return found


def gone_for(user: Any) -> list[Shown]:
    """What is over, the latest first."""
    allowed = {kind.name: kind for kind in kinds_for(user)}
    rows = Notice.objects.filter(closed_at__isnull=False, kind__in=allowed).order_by("-closed_at")[:SHOWN]
    return [
        Shown(notice, allowed[notice.kind], is_seen=True, is_mailed=False, put_off_until=None)
        for notice in rows
        if not notice.permission or user.has_perm(notice.permission)
    ]


def mark_seen(user: Any, shown: Sequence[Shown], at: datetime) -> None:
    """He has seen these as they were at that moment: what became worse since is not seen."""
    _mark(user, shown, "seen_at", at)


def mark_mailed(user: Any, shown: Sequence[Shown], at: datetime) -> None:
    _mark(user, shown, "mailed_at", at)


def _mark(user: Any, shown: Sequence[Shown], column: str, at: datetime) -> None:
    rows = [NoticeReader(notice=each.notice, user=user, **{column: at}) for each in shown]
    NoticeReader.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["notice", "user"], update_fields=[column]
    )
