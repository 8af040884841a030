"""`manage.py archive`: old rows of what is over into files, then out of the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backoffice import arguments
from backoffice.sync import archive, retention


class Command(BaseCommand):
    help = (
        "Write rows of what is over to DIR/<kind>-….jsonl.gz and delete them. What is open stays. "
        "Stopped in the middle, it goes on when it is run again. `loaddata FILE` brings a file back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = [kind.name for kind in retention.KINDS]
        parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"default: all of {', '.join(names)}")
        parser.add_argument(
            "--before", required=True, type=arguments.moment, help="a date or a moment: what is older goes"
        )
        parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="where the files are put")

    def handle(self, *args: Any, **options: Any) -> None:
        kinds = {kind.name: kind for kind in retention.KINDS}
        if unknown := sorted(set(options["kinds"]) - set(kinds)):
            raise CommandError(f"There is no {', '.join(unknown)}. There are {', '.join(kinds)}.")
        if options["before"] > timezone.now():
            raise CommandError("--before is in the future: all that is over would go, however new.")
        try:
            options["to"].mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{options['to']} cannot be written: {error.strerror}") from error
        for name in options["kinds"] or kinds:
            moved = archive.run(kinds[name], options["before"], options["to"], self.stdout.write)
            self.stdout.write(f"{name}: {moved} rows moved.")
