"""`manage.py pull`: read entities from a remote now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from backoffice.sync import connection, lease, pull
from backoffice.sync.models import Pull


class Command(BaseCommand):
    help = "Read from iRECA now, with progress. Reading twice changes nothing. Exit status 0 only when all was read."

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(r.name for r in pull.readers())
        parser.add_argument("what", nargs="+", metavar="WHAT", help=f"all, or any of: {names}")

    def handle(self, *args: Any, **options: Any) -> None:
        known = [r.name for r in pull.readers()]
        names = known if "all" in options["what"] else options["what"]
        if unknown := [name for name in names if name not in known]:
            raise CommandError(f"unknown: {', '.join(unknown)}. Known: all, {', '.join(known)}")
        client = connection.client()
        if client is None:
            raise CommandError("iRECA is off: IRECA_URL or IRECA_TOKEN is not set.")
        connection.unblock()
        lease.release_dead((Pull,))
        results = [self._run(name, client) for name in names]
        if failed := [row.what for row in results if row.state != Pull.State.DONE or row.bad_count]:
            raise CommandError(f"not everything was read: {', '.join(failed)}")

    def _run(self, name: str, client: Any) -> Pull:
        wanted = pull.request(name)
        claimed = lease.claim(Pull.objects.filter(pk=wanted.pk), lease.owner("pull"), 1)
        if not claimed:
            self.stdout.write(f"{name}: a worker is reading this already, see it in the admin")
            return wanted
        with tqdm(desc=name, unit="", disable=None, leave=False) as bar:

            def show(row: Pull) -> None:
                bar.update(row.read - bar.n)

            row = pull.run(claimed[0], client, lease.owner("pull"), show)
        self.stdout.write(f"{name}: {pull.summary(row)}")
        if row.error:
            self.stderr.write(f"  {row.error}")
        return row
