"""`manage.py rotate_secrets`: a new secret while the one before still counts, and stored secrets under the new key."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice import rotation
from backoffice.secrets import UnknownKey, reencrypt_all
from backoffice.sync import connection

NEXT = {
    "SECRET_KEY": "Restart all processes. When SESSION_HOURS are over: rotate_secrets SECRET_KEY --drop, and restart.",
    "FIELD_KEYS": "Restart all processes, run rotate_secrets, then rotate_secrets FIELD_KEYS --drop, and restart.",
    "CALLBACK_SECRET": (
        "Restart the web processes, run register_callbacks, and tell whoever else posts to /callbacks/. "
        "Then rotate_secrets CALLBACK_SECRET --drop, and restart."
    ),
    "METRICS_TOKEN": "Restart, give the scraper the new one, then rotate_secrets METRICS_TOKEN --drop, and restart.",
}


class Command(BaseCommand):
    help = (
        "Without a name: encrypt every stored secret anew with the first of FIELD_KEYS (safe to repeat). With one: put "
        "a fresh value into the file of settings, where the one before stays valid until --drop."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", choices=rotation.NAMES, help="the secret to renew")
        parser.add_argument(
            "--in",
            dest="place",
            type=Path,
            metavar="PATH",
            help="the file of settings, or a directory with a file for each variable (default: where ours were read)",
        )
        parser.add_argument("--drop", action="store_true", help="take away what is not in use any more")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name is None and (options["drop"] or options["place"]):
            # Without one everything would be encrypted anew, which was not asked for.
            raise CommandError(f"--drop and --in need the name of a secret: one of {', '.join(rotation.NAMES)}.")
        try:
            if name is None:
                for label, count in reencrypt_all():
                    self.stdout.write(f"{label}: {count} rows")
                return
            place = options["place"] or _read_from(name)
            if options["drop"]:
                self._check_nothing_needs_it(name, place)
                rotation.drop(place, name)
                self.stdout.write(f"{name}: only the value in use is left. Restart all processes.")
            else:
                rotation.renew(place, name)
                self.stdout.write(f"{name} in {place}: renewed, the value before is still taken. {NEXT[name]}")
        except (UnknownKey, rotation.NotThere, OSError) as error:
            raise CommandError(str(error)) from error

    def _check_nothing_needs_it(self, name: str, place: Path) -> None:
        """A key that is taken away too early takes all that it encrypted along."""
        if name == "SECRET_KEY":
            if rotation.in_use(place, name) != settings.SECRET_KEY:
                raise CommandError(f"The {name} in {place} is not the one that is in use: restart first.")
            connection.renew_fingerprint()
        if name != rotation.LISTED:
            return
        if settings.FIELD_KEYS[0] != rotation.in_use(place, name):
            raise CommandError(f"The first of {name} in {place} is not the one that is in use: restart first.")
        for label, count in reencrypt_all():
            self.stdout.write(f"{label}: {count} rows")


def _read_from(name: str) -> Path:
    """Where the value in force stands: where it does not, renewing it would change nothing."""
    value = settings.FIELD_KEYS[0] if name == rotation.LISTED else getattr(settings, name)
    places = [Path(place) for place in (settings.ENV_FILE, settings.SECRETS_DIR) if place]
    for place in places:
        if rotation.in_use(place, name) == value:
            return place
    raise CommandError(
        f"The value of {name} in force stands in no file of settings. Restart, if it was renewed before;"
        " or name the place with --in."
    )
