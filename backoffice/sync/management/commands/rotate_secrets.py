"""`manage.py rotate_secrets`: encrypt every stored secret with the first of FIELD_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backoffice.secrets import UnknownKey, reencrypt_all


class Command(BaseCommand):
    help = (
        "Encrypt every stored secret anew with the first of FIELD_KEYS. Put the new key in front, run this, then "
        "take the old key away. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            for label, count in reencrypt_all():
                self.stdout.write(f"{label}: {count} rows")
        except UnknownKey as error:
            raise CommandError(str(error)) from error
