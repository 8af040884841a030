"""`manage.py rotate_webhook`: a new signing secret for a webhook; the one before signs as well for a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice.partners.models import Webhook
from backoffice.partners.webhooks import manage


class Command(BaseCommand):
    help = (
        "Give a webhook a new secret. It is the last line of the output, alone, and is shown this once. Every event is "
        "signed with both for a day, so the partner changes over when he likes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "webhook", type=int, metavar="KEY", help="the webhook's number, as its page in the admin has it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        hook = Webhook.objects.select_related("source").filter(pk=options["webhook"]).first()
        if hook is None:
            raise CommandError(f"There is no webhook {options['webhook']}.")
        secret = manage.rotate(hook)
        self.stderr.write(f"{hook}: the previous secret signs until {hook.previous_until:%Y-%m-%d %H:%M} UTC.")
        self.stdout.write(secret)
