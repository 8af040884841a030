"""The database: does it answer, may it be written, is it up to date, does it need care, is its clock ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.doctor.findings import Finding, check, error, warning
from backoffice.sync.models import Exchange

SKEW = 5.0  # seconds between two clocks of ours
LARGE_WAL = 256 * 2**20  # bytes; a checkpoint resets it, unless some reader never ends
DEAD = 100_000  # rows that nothing has cleared away yet, of one table
FULL = 0.8  # of all connections
UNPRUNED = timedelta(days=2)


@check(is_gate=True)
def answers(now: datetime) -> Iterator[Finding]:
    name = str(connection.settings_dict["NAME"])
    ours: Any = connection
    if ours.vendor == "sqlite" and not ours.is_in_memory_db() and not Path(name).exists():
        # to ask it would make an empty one
        yield error(
            _("There is no such database: %(name)s") % {"name": name},
            _("Correct DATABASE_URL, or make it with: manage.py migrate"),
        )
        return
    try:
        connection.ensure_connection()
        _row("SELECT 1")
    except Error as failure:
        yield error(
            _("The database does not answer: %(error)s") % {"error": str(failure).strip().splitlines()[0]},
            _("Start it, or correct DATABASE_URL; nothing works until then, and nothing is lost."),
        )


@check(reads=True, is_gate=True)
def migrations(now: datetime) -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _backwards in plan[:5])
        yield error(
            ngettext(
                "%(count)d migration is missing: %(names)s",
                "%(count)d migrations are missing: %(names)s",
                len(plan),
            )
            % {"count": len(plan), "names": names},
            _("Run: manage.py migrate"),
        )


@check(reads=True)
def may_be_written(now: datetime) -> Iterator[Finding]:
    if connection.vendor == "sqlite":
        path = Path(connection.settings_dict["NAME"])
        # its journals lie beside it
        is_open = not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
    else:
        is_open = _row("SHOW transaction_read_only")[0] == "off"
    if not is_open:
        yield error(
            _("The database can be read only, so no change can be saved."),
            _("On SQLite give this user the file and its directory; on PostgreSQL connect to the primary server."),
        )


@check(reads=True)
def care(now: datetime) -> Iterator[Finding]:
    yield from _care_of_sqlite() if connection.vendor == "sqlite" else _care_of_postgresql()


def _care_of_sqlite() -> Iterator[Finding]:
    name = str(connection.settings_dict["NAME"])
    if (mode := _row("PRAGMA journal_mode")[0]) not in ("wal", "memory"):
        yield warning(
            _("The journal of the SQLite database is %(mode)s instead of wal, so that readers wait for writers.")
            % {"mode": mode},
            _("Keep the file on a local disk, where WAL works, and restart."),
        )
    journal = Path(f"{name}-wal")
    if journal.is_file() and (size := journal.stat().st_size) > LARGE_WAL:
        yield warning(
            _("The journal of the SQLite database has grown to %(size)s.") % {"size": filesizeformat(size)},
            _("Restart the worker and the web process: one of them holds a reading that never ends."),
        )


def _care_of_postgresql() -> Iterator[Finding]:
    bloated = _rows(
        "SELECT relname, n_dead_tup FROM pg_stat_user_tables "
        "WHERE n_dead_tup > %s AND n_dead_tup > n_live_tup / 2 ORDER BY n_dead_tup DESC LIMIT 3",
        [DEAD],
    )
    for table, dead in bloated:
        yield warning(
            _("The table %(table)s holds %(count)d dead rows, which slow it down.") % {"table": table, "count": dead},
            _("Run VACUUM ANALYZE on it, and see whether autovacuum is on and no transaction is open for hours."),
        )
    used, most = _row("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
    if used > FULL * most:
        yield warning(
            _("%(used)d of %(most)d connections of the database are used.") % {"used": used, "most": most},
            _("Lower the number of web threads and workers, use a pool, or raise max_connections."),
        )
    (idle,) = _row(
        "SELECT max(extract(epoch FROM now() - xact_start)) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    )
    if idle is not None and idle > 600:
        yield warning(
            _("A transaction has been open and idle for %(minutes)d minutes.") % {"minutes": idle // 60},
            _("Find it in pg_stat_activity and end it: it keeps locks, and dead rows cannot be cleared."),
        )


@check(reads=True)
def clock(now: datetime) -> Iterator[Finding]:
    if connection.vendor == "sqlite":
        return  # it has none but ours
    (theirs,) = _row("SELECT clock_timestamp()")
    skew = (theirs - timezone.now()).total_seconds()
    if abs(skew) > SKEW:
        yield error(
            _("The clock of the database differs from this machine's by %(seconds)d seconds.")
            % {"seconds": round(skew)},
            _("Let both follow a time server (NTP): leases of workers and due times depend on it."),
        )


@check(reads=True)
def old_rows_go(now: datetime) -> Iterator[Finding]:
    oldest = Exchange.objects.order_by("started_at").values_list("started_at", flat=True).first()
    if oldest is not None and oldest < now - timedelta(days=settings.EXCHANGE_DAYS) - UNPRUNED:
        yield warning(
            _("The log of exchanges goes back to %(day)s, further than EXCHANGE_DAYS: old rows are not removed.")
            % {"day": timezone.localdate(oldest).isoformat()},
            _("A worker that runs all day removes them a few at a time; see whether one does."),
        )


def _rows(sql: str, params: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params or [])
        return list(cursor.fetchall())


def _row(sql: str) -> Any:
    return _rows(sql)[0]
