"""`manage.py migrate`, impatient: a change of a table that waits for a lock keeps all who come later waiting behind it.

So on PostgreSQL it gives up after MIGRATE_LOCK_TIMEOUT, and is run again.
"""

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [settings.MIGRATE_LOCK_TIMEOUT])
        super().handle(*args, **options)
