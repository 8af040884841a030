"""`manage.py migrate`, impatient: a change of a table that waits for a lock keeps all who come later waiting behind it.

So on PostgreSQL it gives up after MIGRATE_LOCK_TIMEOUT, and is run again. A database of SQLite begins here: its file is
for nobody else to read.
"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        """Django's checks, which go first, open the database."""
        connection: Any = connections[options["database"]]
        if connection.vendor == "sqlite" and not connection.is_in_memory_db():
            _make(Path(connection.settings_dict["NAME"]))
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [settings.MIGRATE_LOCK_TIMEOUT])
        super().handle(*args, **options)


def _make(file: Path) -> None:
    """An empty file, too, is a database that nobody has begun: whoever only asked for it has left it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        if not file.stat().st_size:
            file.chmod(0o600)
    except OSError as error:
        raise CommandError(f"{file} cannot be made: {error.strerror}") from error
