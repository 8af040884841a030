"""Old rows into files, and only then out of the database: the kinds of `retention.py`, as gzipped JSON lines.

A file is written whole, then its rows are deleted a few at a time, then it gets its last name. So whatever stops this,
the next run goes on: a `.part` is thrown away and made again, the rows of a `.written` are deleted. `loaddata` reads
the files back.
"""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core import serializers
from django.db import models, transaction

from backoffice.sync import retention
from backoffice.sync.retention import Kind

ROWS = 20_000  # of one file
SUFFIX = ".jsonl.gz"


def run(kind: Kind, before: datetime, to: Path, tell: Callable[[str], None] = lambda line: None) -> int:
    """Move the rows of a kind that are over before that moment. Returns how many went from the database."""
    to.mkdir(parents=True, exist_ok=True)
    moved = 0
    for part in to.glob(f"{kind.name}-*.part"):
        part.unlink()
    for written in sorted(to.glob(f"{kind.name}-*.written")):
        moved += _finish(written, kind)
    for rows in kind.over(before):
        while batch := list(rows[:ROWS]):
            file = _write(kind, batch, to)
            moved += _finish(file, kind)
            tell(f"{kind.name}: {moved} rows, {file.with_suffix('').name}")
    return moved


def _write(kind: Kind, rows: list[models.Model], to: Path) -> Path:
    """A file with all of these and their parts. It has its name only when it is on the disk."""
    first = rows[0]
    name = f"{kind.name}-{first._meta.model_name}-{min(row.pk for row in rows)}-{max(row.pk for row in rows)}{SUFFIX}"
    part, written = to / f"{name}.part", to / f"{name}.written"
    with part.open("wb") as raw:
        with gzip.open(raw, "wt", encoding="utf-8") as out:
            serializers.serialize("jsonl", _with_parts(kind, rows), stream=out)
        raw.flush()
        os.fsync(raw.fileno())
    part.rename(written)
    return written


def _with_parts(kind: Kind, rows: list[models.Model]) -> Iterator[models.Model]:
    yield from rows
    for part in kind.parts:
        relation: Any = rows[0]._meta.get_field(part)
        for batch in _batches([row.pk for row in rows]):
            yield from relation.related_model._base_manager.filter(**{f"{relation.field.name}__in": batch})


def _finish(written: Path, kind: Kind) -> int:
    """Delete what the file holds, and give it its last name. Returns how many rows were still there."""
    model, keys = _contents(written)
    gone = 0
    for batch in _batches(keys):
        with transaction.atomic():
            rows = model._base_manager.filter(pk__in=batch)
            gone += rows.count()
            rows.delete()
        time.sleep(retention.PAUSE)
    written.rename(written.with_suffix(""))
    return gone


def _contents(written: Path) -> tuple[type[models.Model], list[Any]]:
    """Of which model the file is, and the keys of its rows; their parts go with them."""
    label, keys = "", []
    with gzip.open(written, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            label = label or row["model"]
            if row["model"] == label:
                keys.append(row["pk"])
    return apps.get_model(label), keys


def _batches(keys: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), retention.BATCH):
        yield keys[start : start + retention.BATCH]
