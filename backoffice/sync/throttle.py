"""How often a remote is asked, counted in the database, so that all workers on all machines keep to it together.

`pace` is the rate of a remote: a token bucket whose level is one number, the moment until which its tokens are spent.
`take_turn` is for what a remote allows only once in a while (a courier's places, seed 002:33). Both are one
conditional UPDATE on the database's own clock, which machines share where their own clocks differ. Nobody waits inside
a transaction.
"""

from __future__ import annotations

import random
import time
from typing import Any

from django.db import transaction
from django.db.models import F, FloatField, Func, Value
from django.db.models.functions import Greatest

from backoffice.sync.models import RemoteState, Turn

BURST = 0.25  # seconds' worth of requests that may leave at once after a pause
PATIENCE = 1.0  # seconds between two looks at a bucket that is far overdrawn


class DatabaseClock(Func):
    """Seconds since 1970 by the database's clock, within a transaction too."""

    output_field = FloatField()
    arity = 0

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[str | int, ...]]:
        return "((julianday('now') - 2440587.5) * 86400.0)", ()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, tuple[str | int, ...]]:
        return "EXTRACT(EPOCH FROM clock_timestamp())::double precision", ()


def pace(remote: str, rate: float) -> float:
    """Wait until one more request fits into `rate` requests a second (0: no limit). Returns the seconds waited.

    In any span of n seconds at most rate * (n + BURST) + 1 requests leave.
    """
    if rate <= 0:
        return 0.0
    started = time.monotonic()
    while not _take_token(remote, 1 / rate):
        left = RemoteState.objects.filter(pk=remote).values_list(F("paced_until") - DatabaseClock(), flat=True).first()
        if left is None:
            with transaction.atomic():
                RemoteState.objects.get_or_create(pk=remote)
            continue
        # Those who wait for the same moment do not all come at once.
        time.sleep(min(PATIENCE, max(0.0, left - BURST)) + random.uniform(0, 0.5 / rate))  # noqa: S311  # spreads the waiting, keeps no secret
    return time.monotonic() - started


def _take_token(remote: str, interval: float) -> bool:
    spent = Greatest(F("paced_until"), DatabaseClock()) + Value(interval)
    return bool(
        RemoteState.objects.filter(pk=remote, paced_until__lte=DatabaseClock() + Value(BURST)).update(paced_until=spent)
    )


def take_turn(name: str, every: float) -> bool:
    """Whether `name` may be asked now, because nobody has taken that turn for `every` seconds. Who is told True has
    taken it.
    """
    Turn.objects.bulk_create([Turn(name=name)], ignore_conflicts=True)
    free = Turn.objects.filter(pk=name, taken_at__lte=DatabaseClock() - Value(every))
    return bool(free.update(taken_at=DatabaseClock()))
