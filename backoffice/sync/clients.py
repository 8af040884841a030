"""From settings to clients. A client knows neither settings nor tables: here it gets its address, its secrets, its rate
and the observer that writes the exchange log.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from backoffice.remotes.bifit.client import BifitClient
from backoffice.remotes.http import Session
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.client import IrecaClient
from backoffice.remotes.virtpos.client import VirtposClient, session_arguments
from backoffice.sync import connection, lease, throttle
from backoffice.sync.connection import BIFIT, IRECA, VIRTPOS
from backoffice.sync.tokens import SharedTokens

LOCATIONS_EVERY = 60  # seconds between two reads of one courier's places, the only limit that is documented (T70)


class ModerateClient(IrecaClient):
    """iRECA's client, asking no oftener than iRECA allows, whoever asks and from whatever machine."""

    def locations(self, courier_id: str, created_at: datetime | None = None) -> Iterator[contract.Location]:
        """The courier's places, or none when somebody has asked within the last minute: a reader asks from the last
        place that it knows, so the next one gets them.
        """
        if throttle.take_turn(f"{self.session.remote}:locations:{courier_id}", LOCATIONS_EVERY):
            yield from super().locations(courier_id, created_at)


def client(remote: str = IRECA) -> Any | None:
    """A client for the calling thread, or None when the remote is off."""
    return _MAKERS[remote]() if connection.is_on(remote) else None


def _session(remote: str, url: str, rate: float, **options: Any) -> Session:
    return Session(
        remote,
        url,
        timeout=(5, settings.HTTP_TIMEOUT),
        observer=connection.record_exchange,
        before=lambda: throttle.pace(remote, rate),
        **options,
    )


def _ireca() -> IrecaClient:
    return ModerateClient(_session(IRECA, settings.IRECA_URL, settings.IRECA_RATE, token=settings.IRECA_TOKEN))


def _bifit() -> BifitClient:
    account = f"{settings.BIFIT_URL} {settings.BIFIT_USERNAME} {settings.BIFIT_PASSWORD}"
    return BifitClient(
        _session(BIFIT, settings.BIFIT_URL, settings.BIFIT_RATE),
        SharedTokens(BIFIT, account, lease.owner(f"login-{uuid.uuid4().hex[:8]}")),
        username=settings.BIFIT_USERNAME,
        password=settings.BIFIT_PASSWORD,
        organization_id=settings.BIFIT_ORGANIZATION_ID,
        trade_object_id=settings.BIFIT_TRADE_OBJECT_ID,
        items_key=settings.BIFIT_ITEMS_KEY,
        status_path=settings.BIFIT_STATUS_PATH,
        status_key=settings.BIFIT_STATUS_KEY,
    )


def _virtpos() -> VirtposClient:
    cards = settings.VIRTPOS_CARDS_PATH
    return VirtposClient(
        _session(VIRTPOS, settings.VIRTPOS_URL, settings.VIRTPOS_RATE, **session_arguments(settings.VIRTPOS_API_KEY)),
        settings.VIRTPOS_API_KEY,
        format=settings.VIRTPOS_FORMAT,
        write_method=settings.VIRTPOS_WRITE_METHOD,
        customers_path=settings.VIRTPOS_CUSTOMERS_PATH,
        insert_card_path=f"{cards}/insertCard",
        update_card_path=f"{cards}/updateCard",
        delete_card_path=f"{cards}/deleteCard",
    )


_MAKERS: dict[str, Callable[[], Any]] = {IRECA: _ireca, BIFIT: _bifit, VIRTPOS: _virtpos}
