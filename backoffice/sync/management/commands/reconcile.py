"""`manage.py reconcile`: compare iRECA with our tables, field by field, and mend what differs when asked."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backoffice import arguments
from backoffice.remotes.http import RemoteError
from backoffice.sync import connection, reconcile
from backoffice.sync.management import ireca_client
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.reconcile import Finding

WIDTH = 60  # characters of a value in a line


class Command(BaseCommand):
    help = (
        "Compare everything that iRECA lists with our tables, field by field, changing nothing: what is only there, "
        "only here, and what differs (ours, then theirs). Exit status 0 only when nothing differs. With --fix, what "
        "changed there is merged, what is ours is put into the outbox for the worker, and what both sides changed "
        "becomes a conflict for a person; the exit status is then 0 when no conflict and nothing only here is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        known = ", ".join(mirror.entity for mirror in registry.ranked())
        parser.add_argument("entities", nargs="*", metavar="ENTITY", help=f"any of: {known}; all when none")
        narrowed = ", ".join(reconcile.WINDOWS)
        parser.add_argument(
            "--days",
            type=arguments.days,
            metavar="N",
            help=f"of {narrowed}: only what is to be delivered, was made or changed in the last N days, or is open",
        )
        parser.add_argument("--fix", action="store_true", help="merge and enqueue what differs")

    def handle(self, *args: Any, **options: Any) -> None:
        known = {mirror.entity: mirror for mirror in registry.ranked()}
        if unknown := set(options["entities"]) - known.keys():
            raise CommandError(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
        client = ireca_client()
        since = timezone.now() - timedelta(days=options["days"]) if options["days"] is not None else None
        chosen = [mirror for mirror in known.values() if mirror.entity in (options["entities"] or known)]
        bad = [mirror.entity for mirror in chosen if not self._run(mirror, client, since, fix=options["fix"])]
        if bad:
            what = "not everything could be settled" if options["fix"] else "the two sides differ"
            raise CommandError(f"{what}: {', '.join(bad)}")

    def _run(self, mirror: Mirror, client: Any, since: Any, *, fix: bool) -> bool:
        """Print what differs of one entity. Returns whether all is well."""
        unreadable: list[Any] = []
        client.api.on_bad_row = unreadable.append
        run = reconcile.Reconciliation(mirror, client, since=since, fix=fix)
        try:
            for finding in run.findings():
                self._print(finding)
        except RemoteError as error:
            if connection.is_outage(error):
                connection.failed(client.session.remote, error)
            raise CommandError(f"{mirror.entity}: {type(error).__name__}: {error}") from error
        for row in unreadable:
            self.stdout.write(f"  {mirror.entity:<20} unreadable: {row}")
        counts = run.counts
        self.stdout.write(
            f"{mirror.entity}: {counts.compared} compared, {counts.only_there} only there, {counts.only_here} only "
            f"here, {counts.differ} differ" + (f", {len(unreadable)} unreadable" if unreadable else "")
        )
        if counts.by_field:
            by_field = sorted(counts.by_field.items(), key=lambda item: (-item[1], item[0]))
            self.stdout.write("  by field: " + ", ".join(f"{name} {count}" for name, count in by_field))
        if fix and not counts.is_same:
            self.stdout.write(
                f"  {counts.merged} merged, {counts.enqueued} put into the outbox, {counts.conflicts} in conflict"
            )
        if fix:
            return not (counts.conflicts or counts.only_here or unreadable)
        return counts.is_same and not unreadable

    def _print(self, finding: Finding) -> None:
        head = f"  {finding.entity:<20} {finding.ireca_id:<12} "
        state = f" ({finding.state})" if finding.state else ""
        if finding.kind != Finding.DIFFERS:
            self.stdout.write(f"{head}{finding.kind}{state}")
        for path, (ours, theirs) in finding.fields.items():
            self.stdout.write(f"{head}{path:<32} {_cut(ours)} | {_cut(theirs)}{state}")


def _cut(value: Any) -> str:
    text = "–" if value is None or value == "" else str(value)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
