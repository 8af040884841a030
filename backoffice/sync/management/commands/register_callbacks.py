"""`manage.py register_callbacks`: tell iRECA where to report changes."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from backoffice.remotes.http import RemoteError
from backoffice.secrets import fingerprint
from backoffice.sync import clients
from backoffice.sync.connection import IRECA
from backoffice.sync.models import RemoteState
from backoffice.sync.views import KINDS


class Command(BaseCommand):
    help = (
        "Tell iRECA the addresses (PUBLIC_URL with CALLBACK_SECRET) at which it reports changed orders and closed "
        "sessions."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        client = clients.client()
        if client is None:
            raise CommandError("iRECA is off: IRECA_URL or IRECA_TOKEN is not set.")
        if not settings.CALLBACK_SECRET:
            raise CommandError("CALLBACK_SECRET is not set: without it anybody could post to us.")
        for kind in KINDS:
            path = reverse("ireca-callback", kwargs={"secret": settings.CALLBACK_SECRET, "kind": kind})
            try:
                getattr(client, kind).set_callback(settings.PUBLIC_URL + path)
            except RemoteError as error:
                raise CommandError(f"{kind}: {type(error).__name__}: {error}") from error
            self.stdout.write(f"{kind}: registered at {settings.PUBLIC_URL}")
        told = {"callbacks_url": settings.PUBLIC_URL, "callbacks_secret": fingerprint(settings.CALLBACK_SECRET)}
        RemoteState.objects.update_or_create(pk=IRECA, defaults=told)
