"""What is exchanged about an order, and what devices say meanwhile: random, but the same for the same order."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from django.utils import timezone

from backoffice.sync.models import Callback, Exchange, Pull, Push
from couriers.models import LicenseUsage
from fiscal.models import RegistrarError, TerminalError

REMOTES = ("ireca", "ireca", "bifit", "virtpos")
ERRORS = ("", "", "", "refused: no such courier", "x" * 250, "x" * 260, "x" * 199)


def talk(world: Any, nth: int) -> None:
    """Rows of every table of synchronisation and devices."""
    chance = random.Random(nth)
    at = timezone.now() - timedelta(minutes=chance.randint(0, 40 * 24 * 60))
    later = at + timedelta(milliseconds=chance.randint(1, 5_000_000))
    remote, error = chance.choice(REMOTES), chance.choice(ERRORS)
    for _each in range(chance.randint(1, 3)):
        Exchange.objects.create(
            remote=remote,
            method=chance.choice(("GET", "POST", "PUT")),
            path=f"/api/v1/orders/{nth}",
            status=chance.choice((200, 200, 201, 404, 500, None)),
            error=error,
            duration_ms=chance.randint(1, 12_000),
            started_at=at,
        )
    state = chance.choice(Push.State.values)
    Push.objects.create(
        remote=remote,
        entity=chance.choice(("orders", "clients", "neverHeardOf")),
        action=chance.choice(Push.Action.values),
        object_id=nth,
        remote_id=str(nth),
        state=state,
        attempts=chance.randint(0, 5),
        error=error,
        created_at=at,
        done_at=later if state == Push.State.DONE else None,
    )
    Pull.objects.create(
        remote=remote,
        what=chance.choice(("orders", "clients", "journal")),
        state=chance.choice(Pull.State.values),
        read=chance.randint(0, 500),
        created_count=chance.randint(0, 9),
        updated_count=chance.randint(0, 9),
        conflict_count=chance.randint(0, 9),
        bad_count=chance.randint(0, 9),
        error=error,
        created_at=at,
        started_at=chance.choice((None, at)),
        finished_at=chance.choice((None, later)),
    )
    Callback.objects.create(
        remote=remote,
        kind=chance.choice(("orders", "online_orders")),
        body="{}",
        digest=str(nth),
        state=chance.choice(Callback.State.values),
        error=error,
        received_at=at,
        processed_at=chance.choice((None, later)),
    )
    for model, more in ((RegistrarError, {}), (TerminalError, {"payment_system": chance.choice(("", "MIR"))})):
        model.objects.create(
            ireca_id=f"told-{nth}",
            courier=chance.choice([None, *world.couriers]),
            order_ireca_id=chance.choice(("", f"o{nth}", "o1")),
            error_code=chance.choice(("", "3807", "12")),
            error_text=chance.choice(("", "No paper", "No link")),
            serial_number=chance.choice(("", "0001", "0002")),
            **{model.TIME: at},
            **more,
        )
    total = chance.randint(5, 10)
    LicenseUsage.objects.create(at=at, used=chance.randint(0, total), total=total)
