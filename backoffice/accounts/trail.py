"""All that tells who did what, as one list by time: events, the admin's log, histories of rows, exports.

Each is read along its own index, no more of it than a page holds, and the pages go on from a moment: the list costs the
same on a thousand rows and on a million.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from simple_history.models import HistoricalChanges

from backoffice.accounts.models import Event, Visit
from backoffice.partners.models import Token
from backoffice.sync.connection import TITLES
from backoffice.sync.models import ExportLog
from backoffice.values import row_key

PAGE = 50


@dataclass(frozen=True)
class Entry:
    at: datetime
    who: str
    what: str
    about: str  # of what kind, and its key; never its name
    address: str = ""
    details: str = ""
    model: Any = None
    key: str = ""


@dataclass(frozen=True)
class Asked:
    """`model` with `key`: one row. `kind`: of events. Moments are aware, `until` excluded.

    `from_moment`: where the page begins, with how many of that moment were shown before: what is written in bulk has
    one moment for all.
    """

    person: User | None = None
    model: Any = None
    key: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None
    from_moment: datetime | None = None
    skip: int = 0


def page(asked: Asked, size: int = PAGE) -> list[Entry]:
    """The latest entries that fit, one more than `size` when there are more."""
    streams = _streams(asked, asked.skip + size + 1)
    found = heapq.merge(*streams, key=lambda entry: entry.at, reverse=True)
    return list(islice(found, asked.skip, asked.skip + size + 1))


def next_page(asked: Asked, shown: list[Entry]) -> tuple[datetime, int]:
    """Where the page behind these entries begins."""
    last = shown[-1].at
    before = asked.skip if asked.from_moment == last else 0
    return last, before + sum(entry.at == last for entry in shown)


@cache
def histories() -> dict[Any, Any]:
    """Tables of histories, by the model whose they are."""
    return {
        model.instance_type: model
        for model in apps.get_models()
        if issubclass(model, HistoricalChanges) and hasattr(model, "instance_type")
    }


def models() -> list[Any]:
    """What an entry can be about."""
    return sorted({*histories(), *admin.site._registry, Token}, key=lambda model: str(model._meta.verbose_name))


# What the details of events are called.
TITLES_OF_DETAILS = {
    "created": gettext_lazy("created"),
    "deleted": gettext_lazy("deleted"),
    "added": gettext_lazy("added"),
    "removed": gettext_lazy("removed"),
    "cleared": gettext_lazy("cleared"),
    "username": gettext_lazy("name"),
    "is_active": gettext_lazy("is active"),
    "is_staff": gettext_lazy("may enter the admin"),
    "is_superuser": gettext_lazy("is a superuser"),
    "why": gettext_lazy("reason"),
    "count": gettext_lazy("sessions"),
    "left": gettext_lazy("codes left"),
    "source": gettext_lazy("source"),
    "begins": gettext_lazy("begins with"),
    "attempts": gettext_lazy("failed attempts"),
    "ip": gettext_lazy("from address"),
    "what": gettext_lazy("rights of"),
    "rows": gettext_lazy("rows"),
}
WORDS = {"group": gettext_lazy("group"), "permission": gettext_lazy("permission"), **dict(Visit.End.choices)}


def _streams(asked: Asked, size: int) -> Iterator[list[Entry]]:
    yield [_event(row) for row in _between(_events(asked), "at", asked)[:size]]
    if asked.kind:
        return  # the others have no such kinds
    logged = _log(asked)
    yield [_logged(row) for row in _between(logged, "action_time", asked)[:size]]
    if asked.model in (None, ExportLog) and not asked.key:
        exports = ExportLog.objects.select_related("user")
        if asked.person is not None:
            exports = exports.filter(user=asked.person)
        yield [_export(row) for row in _between(exports, "created_at", asked)[:size]]
    for model, history in histories().items():
        if asked.model not in (None, model):
            continue
        rows = history.objects.select_related("history_user")
        if asked.person is not None:
            rows = rows.filter(history_user=asked.person)
        if asked.key:
            rows = rows.filter(**{model._meta.pk.attname: row_key(asked.key)})
        names = ("history_id", "history_date", "history_type", "history_user", "history_change_reason")
        rows = rows.only(*names, model._meta.pk.attname)
        yield [_changed(row, model) for row in _between(rows, "history_date", asked)[:size]]


def _between(rows: QuerySet, time: str, asked: Asked) -> QuerySet:
    if asked.since is not None:
        rows = rows.filter(**{f"{time}__gte": asked.since})
    if asked.until is not None:
        rows = rows.filter(**{f"{time}__lt": asked.until})
    if asked.from_moment is not None:
        rows = rows.filter(**{f"{time}__lte": asked.from_moment})
    return rows.order_by(f"-{time}", "-pk")


def _events(asked: Asked) -> QuerySet[Event]:
    rows = Event.objects.all()
    if asked.person is not None:
        rows = rows.filter(actor_id=asked.person.pk)
    if asked.kind:
        rows = rows.filter(kind=asked.kind)
    if asked.model is not None:
        rows = rows.filter(object_type=asked.model._meta.label_lower)
    return rows.filter(object_id=asked.key) if asked.key else rows


def _log(asked: Asked) -> QuerySet[LogEntry]:
    rows = LogEntry.objects.select_related("user", "content_type")
    if asked.person is not None:
        rows = rows.filter(user=asked.person)
    if asked.model is not None:
        rows = rows.filter(content_type=ContentType.objects.get_for_model(asked.model))
    return rows.filter(object_id=asked.key) if asked.key else rows


def _event(row: Event) -> Entry:
    model = apps.get_model(row.object_type) if row.object_type else None
    return Entry(
        row.at,
        row.actor,
        capfirst(row.get_kind_display()),
        _named(model, row.object_id),
        row.address or "",
        "; ".join(f"{TITLES_OF_DETAILS.get(name, name)}: {_written(value)}" for name, value in row.details.items()),
        model,
        row.object_id,
    )


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return (" → " if len(value) == 2 and isinstance(value[0], bool) else ", ").join(map(_written, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return str(WORDS.get(value, value))


def _logged(row: LogEntry) -> Entry:
    model = row.content_type.model_class() if row.content_type is not None else None
    # Its words say which columns changed; `object_repr`, which names a row, is not shown.
    return Entry(
        row.action_time,
        str(row.user),
        _("In the admin"),
        _named(model, row.object_id or ""),
        details=row.get_change_message(),
        model=model,
        key=row.object_id or "",
    )


def _export(row: ExportLog) -> Entry:
    personal = _("with personal data") if row.is_personal else _("without personal data")
    rows = _("rows: %(count)s") % {"count": row.row_count if row.row_count is not None else "–"}
    return Entry(
        row.created_at, str(row.user or ""), _("Exported"), row.what, details=f"{personal}; {rows}", model=ExportLog
    )


def _changed(row: Any, model: Any) -> Entry:
    words = {"+": _("Created"), "~": _("Changed"), "-": _("Deleted")}
    key = str(getattr(row, model._meta.pk.attname))
    reason = row.history_change_reason or ""
    who = str(row.history_user) if row.history_user is not None else TITLES.get(reason, "")
    # Other reasons are texts, and some of them name a client.
    return Entry(row.history_date, who, words[row.history_type], _named(model, key), model=model, key=key)


def _named(model: Any, key: str) -> str:
    return f"{capfirst(str(model._meta.verbose_name))} {key}".strip() if model is not None else ""
