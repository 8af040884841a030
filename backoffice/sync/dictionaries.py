"""The remote's names for its codes, read daily, and the label that a page shows for a code.

A code that no dictionary names is shown as it is, never refused (CONTRACT T29).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.cache import caches
from django.db.models import IntegerChoices
from django.utils.translation import gettext as _

from backoffice.remotes.ireca import contract
from backoffice.sync import pull
from backoffice.sync.apply import Applied
from backoffice.sync.models import DictionaryEntry
from backoffice.values import whole_numbers

CACHE_SECONDS = 60
cache = caches["process"]  # a page asks once a row, which no other machine need hear


@pull.reader("dictionaries", rank=0, every=24 * 3600)
def read_dictionaries(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """Read the six dictionaries (seed 002:2737-2862)."""
    for kind in contract.DICTIONARIES:
        entries = client.dictionary(kind)
        for entry in entries:
            DictionaryEntry.objects.update_or_create(kind=kind, code=entry.code, defaults={"title": entry.title or ""})
        progress.add(Applied(updated=len(entries)), len(entries))
    cache.delete_many([_key(kind) for kind in contract.DICTIONARIES])


def titles(kind: str) -> dict[str, str]:
    """Code -> title; each process knows them for a minute, so that a list of rows costs no query a row."""
    found: dict[str, str] | None = cache.get(_key(kind))
    if found is None:
        found = dict(DictionaryEntry.objects.filter(kind=kind).values_list("code", "title"))
        cache.set(_key(kind), found, CACHE_SECONDS)
    return found


def label(kind: str, code: Any, known: type | None = None) -> str:
    """What a person reads for a code: our own translated name, the remote's, or the code itself."""
    if code is None:
        return ""
    if known is not None and code in known.values:  # type: ignore[attr-defined]  # an enumeration of Django
        return str(known(code).label)
    return titles(kind).get(str(code)) or _("Status %(code)s") % {"code": code}


@dataclass(frozen=True)
class Dictionary:
    """The codes of a kind: those that the remote told, and those that we know ourselves."""

    kind: str
    ours: type[IntegerChoices]

    def codes(self) -> frozenset[int]:
        """All that may be said; empty as long as the remote has told none, and then nobody knows."""
        told = set(whole_numbers(titles(self.kind)))
        return frozenset(told | set(self.ours.values)) if told else frozenset()


def _key(kind: str) -> str:
    return f"dictionary:{kind}"
