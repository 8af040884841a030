"""What commands for iRECA have in common."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.utils import translation

from backoffice.sync import clients, connection


def ireca_client() -> Any:
    """iRECA's client, which is tried at once whatever it failed at before.

    Raises CommandError where iRECA is off, a person has paused it, or it has asked for a wait itself.
    """
    client = clients.client()
    if client is None:
        raise CommandError("iRECA is off: IRECA_URL or IRECA_TOKEN is not set.")
    connection.unblock()
    if connection.is_blocked(connection.IRECA):
        with translation.override("en"):  # as the rest of what commands say
            raise CommandError(f"iRECA is paused: {connection.why_blocked(connection.IRECA)}")
    return client
