"""Which column of a file is which of ours: guessed by names in both languages, remembered once a person has chosen."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone, translation

from backoffice.sync.tables import Column
from backoffice.transfer.models import ColumnChoice
from backoffice.transfer.table import ImportTable


def plain(title: str) -> str:
    """A header without what people write differently: case, signs, ё; "№" before a word is written out.

    A sign alone says nothing, no more than no header does: under "№" people number the rows of a sheet.
    """
    spelled = re.sub(r"[№#](?=\W*\w)", "номер ", title.casefold().replace("ё", "е"))
    return re.sub(r"[\W_]+", " ", spelled).strip()


def names_of(table: ImportTable) -> dict[str, str]:
    """Our columns by all headers that mean them; titles win over other names, earlier columns over later ones."""
    found: dict[str, str] = {}
    for names in (_titles, _others):
        for column in table.imported:
            for name in names(column):
                found.setdefault(plain(name), column.name)
    found.pop("", None)  # what is left of nothing but signs means every header without words
    return found


def _titles(column: Column) -> list[str]:
    titles = []
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            titles.append(str(column.title))
    return titles


def _others(column: Column) -> list[str]:
    return [column.name, *column.names]


def guess(table: ImportTable, header: Sequence[str]) -> list[str]:
    """For each header the name of our column, or "" where none is known or it has no words. None is given twice."""
    known = names_of(table)
    taken: set[str] = set()
    guessed = []
    for title in header:
        name = known.get(plain(title), "")
        guessed.append("" if name in taken else name)
        taken.add(name)
    return guessed


def score(table: ImportTable, header: Sequence[str]) -> int:
    return sum(map(bool, guess(table, header)))


def proposed(table: ImportTable, header: Sequence[str], user: Any) -> list[str]:
    """What this person chose for such a file last time, or else anybody did, or else the guess."""
    chosen = ColumnChoice.objects.filter(table=table.name, digest=_digest(header)).order_by("-chosen_at")
    last = chosen.filter(user=user).first() or chosen.first()
    names = {column.name for column in table.imported}
    if last is None:
        return guess(table, header)
    return [name if name in names else "" for name in last.mapping]


def remember(table: ImportTable, header: Sequence[str], mapping: list[str], user: Any) -> None:
    values = {"mapping": mapping, "chosen_at": timezone.now()}
    ColumnChoice.objects.update_or_create(table=table.name, digest=_digest(header), user=user, defaults=values)


def _digest(header: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([plain(title) for title in header]).encode()).hexdigest()
