"""`manage.py backup`: the whole database as one file, while everybody works on."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection


class Command(BaseCommand):
    help = (
        "Write a consistent copy of the database to FILE, which must not exist. SQLite: a database file; "
        "PostgreSQL: pg_dump's custom format, for pg_restore. Nobody has to stop for it. docs/operations.md: restoring."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if file.exists():
            raise CommandError(f"{file} is there already.")
        part = file.with_name(f"{file.name}.part")
        try:
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)  # it holds personal data
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}") from error
        try:
            _sqlite(part) if connection.vendor == "sqlite" else _postgresql(part)
            with part.open("rb") as written:
                os.fsync(written.fileno())
        except (sqlite3.Error, subprocess.CalledProcessError, OSError) as error:
            part.unlink(missing_ok=True)
            raise CommandError(f"No backup was made: {error}") from error
        part.rename(file)
        self.stdout.write(f"{file}: {file.stat().st_size} bytes")


def _sqlite(to: Path) -> None:
    """A snapshot: VACUUM INTO reads in one transaction, and in WAL mode writers go on beside it."""
    to.unlink()
    with closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=60)) as source:
        source.execute("VACUUM INTO ?", [str(to)])
    to.chmod(0o600)
    with closing(sqlite3.connect(to)) as copy:
        (said,) = copy.execute("PRAGMA quick_check").fetchone()
    if said != "ok":
        raise sqlite3.DatabaseError(said)


def _postgresql(to: Path) -> None:
    """The password is told in the environment: arguments are seen by everyone on the machine."""
    arguments, environment = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    command = ["pg_dump", "--format=custom", f"--file={to}", *arguments[1:]]
    subprocess.run(command, env={**os.environ, **(environment or {})}, check=True)  # noqa: S603  # without a shell; the names are those of our settings
