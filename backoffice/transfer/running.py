"""An import carried out: checked without writing, then written, chunk by chunk, with progress that a person can watch.

A chunk, its counts, its failed rows and the place to go on from are one transaction: whoever picks up a run that was
cut off goes on behind the last row that is written. "All or nothing" is one transaction for the whole file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, OperationalError, models, transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from backoffice.sync import history, lease
from backoffice.sync.cells import as_text
from backoffice.sync.enqueue import chunks
from backoffice.transfer import reading
from backoffice.transfer.models import FailedRow, Import, ImportFile
from backoffice.transfer.table import IMPORTS, ImportTable, Item, Kind, Options

log = logging.getLogger(__name__)

CHUNK = 500  # items of one transaction
SHOWN = 50  # items of a kind that the preview shows
UNCONFIRMED = timedelta(hours=24)  # after which a file that nobody confirmed goes
UNCONFIRMED_AT_ONCE = 20  # files of one person; of more the oldest go
KEPT = timedelta(days=7)  # how long the failed rows can be fetched

COUNTS = {
    Kind.NEW: "new_count",
    Kind.CHANGED: "changed_count",
    Kind.SAME: "same_count",
    Kind.SKIPPED: "skipped_count",
    Kind.FAILED: "failed_count",
}


class Lost(Exception):
    """The lease of this run ran out and somebody else carries it out."""


class Undone(Exception):
    """A row failed of an import that is all or nothing."""


def work(holder: str) -> int:
    """One run that is due: what a worker does. Returns how many there were."""
    return carry_out(due(timezone.now()).order_by("due_at", "id"), holder)


def due(now: datetime) -> models.QuerySet[Import]:
    return Import.objects.filter(state__in=Import.MOVING, due_at__lte=now)


def carry_out(runs: models.QuerySet[Import], holder: str) -> int:
    claimed = lease.claim(runs, holder, 1)
    for run in claimed:
        with translation.override(run.language), history.by(run.user, _("import of %(file)s") % {"file": run}):
            _carry_out(run)
    return len(claimed)


def _carry_out(run: Import) -> None:
    try:
        if run.state == Import.State.CHECKING:
            _pass(run, writes=False)
            _end(run, Import.State.CHECKED)
        elif run.is_whole:
            with transaction.atomic():
                _pass(run, writes=True)
            _end(run, Import.State.DONE)
        else:
            _pass(run, writes=True)
            _end(run, Import.State.DONE)
    except Lost:
        log.warning("import %s: the lease ran out, somebody else carries on", run.pk)
    except Undone:
        Import.objects.filter(pk=run.pk).update(**dict.fromkeys(COUNTS.values(), 0))
        _end(run, Import.State.FAILED, _("Something has changed since the file was checked. Nothing was imported."))
    except reading.Unreadable as error:
        _end(run, Import.State.FAILED, str(error))
    except OperationalError:
        # The database stumbled: nothing is wrong with the file, and the worker tries again.
        Import.objects.filter(pk=run.pk).update(due_at=timezone.now() + timedelta(seconds=5), **lease.RELEASED)
        raise
    except Exception as error:
        log.exception("import %s failed", run.pk)
        _end(run, Import.State.FAILED, f"{type(error).__name__}: {error}")


def _end(run: Import, state: str, error: str = "") -> None:
    now = timezone.now()
    values: dict[str, Any] = {"state": state, "error": error, "finished_at": now, **lease.RELEASED}
    if state != Import.State.FAILED:
        values["total"] = run.total
    mine = Import.objects.filter(pk=run.pk, lease_owner=run.lease_owner)
    if mine.update(**values) and state in (Import.State.DONE, Import.State.FAILED):
        ImportFile.objects.filter(run=run).delete()


def _pass(run: Import, *, writes: bool) -> None:
    """The whole file once, from where it was left."""
    table = IMPORTS[run.table]
    data = bytes(ImportFile.objects.get(run=run).data)
    if run.total is None:
        run.total = sum(1 for _row in reading.body(data, run.header_row))
        _save(run, {"total": run.total})
    options = Options(run.mode, run.clears)
    raw: dict[int, reading.Cells] = {}
    rows = _named(run, reading.body(data, run.header_row), raw)
    for items in chunks(table.items(rows), CHUNK):
        last = items[-1].rows[-1][0]
        if last <= run.read:
            _remember(table, items, options)
        else:
            with transaction.atomic():
                _chunk(run, table, items, raw, options, writes=writes)
        for number in [number for number in raw if number <= last]:
            del raw[number]


def _named(
    run: Import, rows: Iterable[reading.NumberedRow], raw: dict[int, reading.Cells]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The cells by the names of our columns; in `raw`, as they stand in the file."""
    columns = [(index, name) for index, name in enumerate(run.mapping) if name]
    for number, cells in rows:
        raw[number] = cells
        yield number, {name: cells[index] if index < len(cells) else None for index, name in columns}


def _remember(table: ImportTable, items: list[Item], options: Options) -> None:
    """What is behind us already: only what it was about, to find what the file says twice."""
    table.clean(items, options)
    table.match([item for item in items if not item.errors], options, lock=False)


def _chunk(
    run: Import,
    table: ImportTable,
    items: list[Item],
    raw: dict[int, reading.Cells],
    options: Options,
    *,
    writes: bool,
) -> None:
    table.process(items, options, lock=writes)
    if writes:
        items = _written(table, items, options)
        if run.is_whole and any(item.kind is Kind.FAILED for item in items):
            raise Undone
    for item in items:
        name = COUNTS[item.kind]
        setattr(run, name, getattr(run, name) + 1)
        if sum(shown["kind"] == item.kind for shown in run.shown) < SHOWN:
            run.shown.append(_shown(table, item))
    _keep_failed(run, table, items, raw)
    run.read = items[-1].rows[-1][0]
    _save(run, {name: getattr(run, name) for name in (*COUNTS.values(), "shown", "read")})


def _written(table: ImportTable, items: list[Item], options: Options) -> list[Item]:
    """Write the chunk; where the database refuses it, item by item, so that one keeps none of the others out."""
    try:
        with transaction.atomic():
            table.write(items)
        return items
    except OperationalError:
        raise
    except (DatabaseError, ValueError) as error:
        if len(items) == 1:
            log.warning("row %s of an import was refused: %s", items[0].number, error)
            items[0].fail(_("The database refused it: %(error)s") % {"error": error})
            return items
    again: list[Item] = []
    for item in items:
        for key in [key for key, number in options.seen.items() if number == item.number]:
            del options.seen[key]
        alone = [Item(item.rows)]
        table.process(alone, options, lock=True)
        again += _written(table, alone, options)
    return again


def _save(run: Import, values: dict[str, Any]) -> None:
    """Raises Lost when the run is somebody else's by now."""
    if not Import.objects.filter(pk=run.pk, lease_owner=run.lease_owner).update(lease_until=lease.until(), **values):
        raise Lost(run.pk)


def _shown(table: ImportTable, item: Item) -> dict[str, Any]:
    """An item of the preview, as JSON."""
    changes = []
    if item.kind in (Kind.NEW, Kind.CHANGED):
        for name, (ours, theirs) in item.changes.items():
            show = table.column(name).widget.shown
            changes.append([name, "" if item.kind is Kind.NEW else show(ours), show(theirs)])
    title = "" if item.row is None or item.row.pk is None else str(item.row)
    said = [as_text(value) for value in item.rows[0][1].values() if value is not None]
    return {
        "number": item.number,
        "kind": item.kind,
        "title": (title or " · ".join(said[:3]))[:200],
        "key": list(item.key),
        "changes": changes,
        "parts": str(item.plan or ""),
        "errors": [list(error) for error in item.errors],
    }


def _keep_failed(run: Import, table: ImportTable, items: list[Item], raw: dict[int, reading.Cells]) -> None:
    failed = []
    for item in items:
        if item.kind is not Kind.FAILED:
            continue
        texts: dict[int, list[str]] = {number: [] for number, _row in item.rows}
        for number, name, text in item.errors:
            texts[number].append(f"{table.column(name)}: {text}" if name else text)
        for number, _row in item.rows:
            cells = [_plain(value) for value in raw[number]]
            failed.append(FailedRow(run=run, number=number, cells=cells, error="; ".join(texts[number])))
    FailedRow.objects.bulk_create(failed, ignore_conflicts=True)


def _plain(value: Any) -> Any:
    """A cell as JSON holds it, read back as the same."""
    return value if isinstance(value, str | int | float | bool) else as_text(value)


def keep_newest(user_id: Any) -> None:
    """A person cannot fill the disk: of what he has not confirmed the newest are kept."""
    unconfirmed = Import.objects.filter(user_id=user_id, state__in=(Import.State.MAPPING, Import.State.CHECKED))
    with transaction.atomic():  # locked, as one of them may be confirmed right now
        known = list(unconfirmed.select_for_update().order_by("-id").values_list("pk", flat=True))
        unconfirmed.filter(pk__in=known[UNCONFIRMED_AT_ONCE:]).delete()


def old(_before: datetime) -> Iterable[models.QuerySet]:
    """What nobody confirmed, and results that were there long enough: the worker deletes them, with their files."""
    now = timezone.now()
    ends = (Import.State.DONE, Import.State.FAILED)
    yield Import.objects.filter(
        state__in=(Import.State.MAPPING, Import.State.CHECKED), created_at__lt=now - UNCONFIRMED
    )
    yield Import.objects.filter(state__in=ends, created_at__lt=now - KEPT)
