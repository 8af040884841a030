"""`manage.py register_callbacks`: tell iRECA where to report changes."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from backoffice.remotes.http import RemoteError
from backoffice.secrets import fingerprint
from backoffice.sync.connection import IRECA
from backoffice.sync.management import ireca_client
from backoffice.sync.models import RemoteState
from backoffice.sync.views import KINDS, callback_path


class Command(BaseCommand):
    help = (
        "Tell iRECA the addresses (PUBLIC_URL with CALLBACK_SECRET) at which it reports changed orders and closed "
        "sessions."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        client = ireca_client()
        if not settings.CALLBACK_SECRET:
            raise CommandError("CALLBACK_SECRET is not set: without it anybody could post to us.")
        try:
            paths = {kind: callback_path(kind) for kind in KINDS}
        except ValueError as error:
            raise CommandError(f"{error}: make it of letters, digits, - and _ only.") from error
        for kind, path in paths.items():
            try:
                getattr(client, kind).set_callback(settings.PUBLIC_URL + path)
            except RemoteError as error:
                raise CommandError(f"{kind}: {type(error).__name__}: {error}") from error
            self.stdout.write(f"{kind}: registered at {settings.PUBLIC_URL}")
        told = {"callbacks_url": settings.PUBLIC_URL, "callbacks_secret": fingerprint(settings.CALLBACK_SECRET)}
        RemoteState.objects.update_or_create(pk=IRECA, defaults=told)
