"""`manage.py pull`: read entities from a remote now."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from tqdm import tqdm

from backoffice import arguments, garbage
from backoffice.sync import clients, connection, lease, pull
from backoffice.sync.models import Pull


class Command(BaseCommand):
    help = (
        "Read from a remote now, with progress. Reading twice changes nothing. Exit status 0 only when all was read. "
        "A run that is interrupted goes on at its page the next time, where iRECA's list has pages (goods, "
        "specificities, suppliers, warehouses; the journal by order); other lists are read from the start again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(r.name for r in pull.readers())
        parser.add_argument("what", nargs="+", metavar="WHAT", help=f"all (that is switched on), or any of: {names}")
        parser.add_argument(
            "--ids",
            metavar="1,2,…",
            default="",
            help=f"for {', '.join(r.name for r in pull.readers() if r.ids)}: which ones to read",
        )
        parser.add_argument(
            "--since",
            type=arguments.moment,
            metavar="DATE|DATETIME",
            help=(
                f"for {', '.join(_takes_since())}. iRECA's list of orders has no filter, so all of it is read, but "
                "only those are merged that are to be delivered since then, are unknown here, are still open here or "
                "have changes on their way. Of the journal, entries since then are read for such orders. Local "
                "time unless the moment says otherwise."
            ),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        known = {r.name: r for r in pull.readers()}
        if unknown := [name for name in options["what"] if name not in known and name != "all"]:
            raise CommandError(f"unknown: {', '.join(unknown)}. Known: all, {', '.join(known)}")
        chosen = pull.active_readers() if "all" in options["what"] else [known[name] for name in options["what"]]
        since, ids = options["since"], [id_ for id_ in options["ids"].replace(",", " ").split() if id_]
        if since and (whole := [r.name for r in chosen if r.name in options["what"] and not r.since]):
            raise CommandError(f"--since is for {', '.join(_takes_since())}, not for {', '.join(whole)}")
        if ids and (whole := [r.name for r in chosen if not r.ids]):
            raise CommandError(f"--ids is not for {', '.join(whole)}")
        for remote in sorted({r.remote for r in chosen}):
            if not connection.is_on(remote):
                with translation.override("en"):  # as the rest of what commands say
                    raise CommandError(connection.why_off(remote))
            connection.unblock(remote)
        lease.release_dead((Pull,))
        garbage.settle()
        results = [self._run(r, since if r.since else None, ids) for r in chosen]
        if failed := [row.what for row in results if row.state != Pull.State.DONE or row.bad_count]:
            raise CommandError(f"not everything was read: {', '.join(failed)}")

    def _run(self, reader: pull.Reader, since: datetime | None, ids: list[str]) -> Pull:
        name, remote = reader.name, reader.remote
        wanted = pull.request(name, since=since, ids=ids)
        if connection.is_blocked(remote):
            with translation.override("en"):
                self.stderr.write(f"{name}: {connection.TITLES[remote]} is paused: {connection.why_blocked(remote)}")
            return wanted
        claimed = lease.claim(Pull.objects.filter(pk=wanted.pk), lease.owner("pull"), 1)
        if not claimed:
            self.stdout.write(f"{name}: a worker is reading this already, see it in the admin")
            return wanted
        done = claimed[0].read if claimed[0].cursor else 0
        with tqdm(desc=name, unit="", disable=None, leave=False, initial=done) as bar:

            def show(row: Pull) -> None:
                bar.total = row.total
                bar.update(row.read - bar.n)

            row = pull.run(claimed[0], clients.client(remote), lease.owner("pull"), show)
        # The row keeps the language of its readers; here it is English, as the rest of what commands say.
        error, how = row.error, pull.how_it_goes_on(row)
        with translation.override("en"):
            self.stdout.write(f"{name}: {pull.summary(row)}")
            if error.endswith(how):
                error = error.removesuffix(how) + pull.how_it_goes_on(row)
        if error:
            self.stderr.write(f"  {error}")
        return row


def _takes_since() -> list[str]:
    return [r.name for r in pull.readers() if r.since]
