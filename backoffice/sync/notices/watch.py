"""Finds what needs a person, and keeps the rows of notices equal to it. The worker calls it; a web request never does.

A kind that cannot be looked at keeps its notices as they are, and is a trouble of its own (`UNWATCHED`). A trouble that
comes back soon is the same notice: what flickers is neither unseen nor mailed again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import OperationalError, transaction
from django.db.models import Value
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.models import Turn
from backoffice.sync.notices import kinds
from backoffice.sync.notices.kinds import Kind, Trouble
from backoffice.sync.notices.models import Notice
from backoffice.sync.throttle import DatabaseClock, take_turn

log = logging.getLogger(__name__)

TURN = "notices"
EVERY = 60.0  # seconds between two rounds of all workers together
CAP = 20  # notices of a kind: a person who has more of them needs a list
SAME = timedelta(minutes=30)  # a trouble that comes back within this is the same one


def is_turn(name: str, every: float) -> bool:
    """Whether it is time, and ours to do. Asked twice a second by each worker, so it only reads while it is not."""
    if Turn.objects.filter(pk=name, taken_at__gt=DatabaseClock() - Value(every)).exists():
        return False
    return take_turn(name, every)


def step(holder: str) -> int:
    """A round, when it is time for one. Returns how many notices were opened or closed."""
    return watch(timezone.now()) if is_turn(TURN, EVERY) else 0


def watch(now: datetime, *, all_kinds: bool = False) -> int:
    """Look at all kinds that are due. Returns how many notices were opened or closed."""
    moved, failed = 0, {}
    for kind in kinds.every():
        if kind is UNWATCHED or not (all_kinds or kind.every <= EVERY or is_turn(f"{TURN}:{kind.name}", kind.every)):
            continue
        try:
            found = list(kind.find(now))
        except OperationalError:
            raise  # the database, not the kind: the next round tries again
        except Exception as error:
            log.exception("notices of the kind %s could not be looked for", kind.name)
            failed[kind.name] = f"{type(error).__name__}: {error}"
            continue
        moved += _store(kind, found, now)
    looked = [Trouble(url="", key=name, params={"error": error}, is_grave=True) for name, error in failed.items()]
    moved += _store(UNWATCHED, looked, now)
    known = [kind.name for kind in kinds.every()]
    return moved + Notice.objects.filter(closed_at=None).exclude(kind__in=known).update(closed_at=now)


def _store(kind: Kind, found: Iterable[Trouble], now: datetime) -> int:
    """Make the open notices of a kind equal to what was found. Writers wait for each other, by the row of the turn."""
    troubles = {trouble.key: trouble for trouble in _capped(list(found))}
    if not troubles and not Notice.objects.filter(kind=kind.name, closed_at=None).exists():
        return 0
    with transaction.atomic():
        list(Turn.objects.select_for_update().filter(pk=TURN))
        open_ = {notice.key: notice for notice in Notice.objects.filter(kind=kind.name, closed_at=None)}
        missing = [key for key in troubles if key not in open_]
        recent = Notice.objects.filter(kind=kind.name, key__in=missing, closed_at__gt=now - SAME).order_by("closed_at")
        back = {notice.key: notice for notice in recent}
        for key, trouble in troubles.items():
            notice = open_.get(key) or back.get(key)
            if notice is None:
                Notice.objects.create(kind=kind.name, key=key, opened_at=now, changed_at=now, **_columns(trouble, now))
            else:
                _renew(notice, trouble, now)
        gone = [notice.pk for key, notice in open_.items() if key not in troubles]
        Notice.objects.filter(pk__in=gone).update(closed_at=now)
    return len(missing) + len(gone)


def _renew(notice: Notice, trouble: Trouble, now: datetime) -> None:
    columns = _columns(trouble, notice.since if trouble.since is None else now)
    if trouble.count > notice.count or (trouble.is_grave and not notice.is_grave):
        columns["changed_at"] = now
    columns["closed_at"] = None
    changed = [name for name, value in columns.items() if getattr(notice, name) != value]
    for name in changed:
        setattr(notice, name, columns[name])
    if changed:
        notice.save(update_fields=changed)


def _columns(trouble: Trouble, since: datetime) -> dict[str, object]:
    return {
        "count": trouble.count,
        "params": {**trouble.params, "count": trouble.count},
        "url": trouble.url,
        "permission": trouble.permission,
        "is_grave": trouble.is_grave,
        "since": trouble.since or since,
    }


def _capped(found: list[Trouble]) -> list[Trouble]:
    """The first CAP, and one for all others. Grave ones go first."""
    ordered = sorted(found, key=lambda trouble: not trouble.is_grave)
    if len(ordered) <= CAP:
        return ordered
    rest = ordered[CAP:]
    more = replace(rest[0], key=kinds.MORE, count=len(rest), params={kinds.MORE: True}, since=None)
    return [*ordered[:CAP], more]


def old(before: datetime) -> Iterable:
    """Notices whose time is over, with who has seen them."""
    return [Notice.objects.filter(closed_at__lt=before)]


def _unwatched_text(params: kinds.Params) -> str:
    return _("Notices of one kind could not be looked for: %(error)s") % params


UNWATCHED = Kind(
    "unwatched",
    gettext_lazy("Notices that cannot be looked for"),
    ("sync.view_worker",),
    find=lambda now: (),
    text=_unwatched_text,
)
kinds.register(UNWATCHED)
