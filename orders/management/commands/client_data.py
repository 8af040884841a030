"""`manage.py client_data`: give out, or erase, all that is held of one client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from backoffice.accounts import audit
from backoffice.accounts.models import Event
from orders.client_data import erase, gather
from orders.client_data.held import Held, NotThere
from orders.models import Erasure

NOT_TOLD = 3  # the exit status while the remotes are to be told
OPEN = "{} orders are not closed yet. Close or cancel them first."


class Command(BaseCommand):
    help = (
        "All that is held of one client, as JSON into a file (--export), or erased (--erase). CLIENT is our key or "
        "iRECA's id. Erasing keeps receipts and sums, tells the remotes by the outbox, and can be repeated: it goes on "
        "where it stopped, and changes nothing when it is done. Exit status 0 when it is done, 3 while the remotes are "
        "still to be told. docs/security.md says what is in the file and what stays."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("client", metavar="CLIENT")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--export", metavar="FILE", help="write all of it to this file, which must not exist")
        what.add_argument("--erase", action="store_true", help="erase it")
        parser.add_argument("--dry-run", action="store_true", help="with --erase: only say what would be changed")
        parser.add_argument("--yes", action="store_true", help="with --erase: do not ask")

    def handle(self, *args: Any, client: str, export: str | None, **options: Any) -> None:
        if export is not None and (given := [name for name in ("dry_run", "yes") if options[name]]):
            raise CommandError(f"--{given[0].replace('_', '-')} is for --erase, not for --export.")
        try:
            held = Held.of(client)
        except NotThere as error:
            raise CommandError(f"There is no client {client}, by our key or by iRECA's id.") from error
        if export is not None:
            self._export(held, Path(export))
        elif options["dry_run"]:
            self._tell(erase.preview(held))
            if count := erase.still_open(held):
                raise CommandError(OPEN.format(count))
        else:
            self._erase(held, options["yes"])

    def _export(self, held: Held, path: Path) -> None:
        data = gather.everything(held)
        try:
            # Nobody else reads it, from the first byte on.
            with open(path, "x", encoding="utf-8", opener=_private) as file:
                json.dump(data, file, ensure_ascii=False, indent=1, cls=DjangoJSONEncoder)
        except FileExistsError as error:
            raise CommandError(f"{path} is there already.") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        counts = {name: len(rows) for name, rows in data["tables"].items()}
        audit.note(Event.Kind.CLIENT_EXPORTED, held.client, rows=counts)
        self._tell(counts)

    def _erase(self, held: Held, is_sure: bool) -> None:
        if not is_sure:
            self._tell({"orders.client": len(held.clients), "orders.order": len(held.orders)})
            try:
                typed = input(f"Erase client {held.client.pk} for good? Type the key to go on: ")
            except EOFError as error:
                raise CommandError("Nothing was erased: where nobody can be asked, --yes is needed.") from error
            if typed != str(held.client.pk):
                raise CommandError("Nothing was erased.")
        try:
            row = erase.advance(erase.ask(held))
        except erase.UnderWay as still_open:
            raise CommandError(OPEN.format(still_open)) from still_open
        self._tell(row.counts)
        if row.step != Erasure.Step.DONE:
            raise CommandError(
                "The remotes are to be told: it is in the outbox. The worker finishes when they were, and so does this "
                "command when it is repeated.",
                returncode=NOT_TOLD,
            )
        self.stdout.write("Done.")

    def _tell(self, counts: dict[str, int]) -> None:
        for name, count in sorted(counts.items()):
            self.stdout.write(f"{name}: {count} rows")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
