"""What all workers know of a remote: whether it is on, what blocks it and until when; and the log of exchanges.

From settings to a client: `clients.py`.
"""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice import trace
from backoffice.remotes.http import Config, RemoteError, Retry
from backoffice.remotes.http import Exchange as HttpExchange
from backoffice.secrets import fingerprint, has_fingerprint
from backoffice.sync import bulk
from backoffice.sync.models import Exchange, ExchangeSubject, RemoteState

log = logging.getLogger(__name__)

IRECA, BIFIT, VIRTPOS = "ireca", "bifit", "virtpos"
TITLES = {IRECA: "iRECA", BIFIT: "BIFIT Kassa", VIRTPOS: "VirtPos"}  # how people know a remote
# Without these a remote is off.
NEEDED = {
    IRECA: ("IRECA_URL", "IRECA_TOKEN"),
    BIFIT: ("BIFIT_URL", "BIFIT_USERNAME", "BIFIT_PASSWORD"),
    VIRTPOS: ("VIRTPOS_URL", "VIRTPOS_API_KEY"),
}
MAX_SUBJECTS = 500
BACKOFF_FIRST, BACKOFF_CAP = 1.0, 300.0  # seconds
CONFIG_PROBE = 300.0  # seconds until a remote with wrong settings is tried again


def is_on(remote: str = IRECA) -> bool:
    """A remote without its settings is off, and one that there is no more."""
    return remote in NEEDED and not missing(remote)


def missing(remote: str) -> list[str]:
    """The settings that a remote lacks."""
    return [name for name in NEEDED[remote] if not getattr(settings, name)]


def why_off(remote: str) -> str:
    """For a person: what would switch the remote on."""
    return _("%(remote)s is off: %(settings)s is not set.") % {
        "remote": TITLES[remote],
        "settings": ", ".join(missing(remote)),
    }


def record_exchange(exchange: HttpExchange) -> None:
    """Observer of a Session. Never called inside a transaction: HTTP never happens in one."""
    with transaction.atomic():
        row = Exchange.objects.create(
            remote=exchange.remote,
            method=exchange.method,
            path=exchange.path[:500],
            query=exchange.query[:2000],
            status=exchange.status,
            request_body=exchange.request_body,
            response_body=exchange.response_body,
            error=exchange.error,
            duration_ms=exchange.duration_ms,
            started_at=exchange.started_at,
        )
        subjects = [*exchange.subjects[:MAX_SUBJECTS], *map(trace_subject, trace.carried()[:MAX_SUBJECTS])]
        bulk.insert(
            ExchangeSubject,
            [bulk.new(ExchangeSubject, exchange_id=row.pk, subject=subject[:240]) for subject in subjects],
        )


def trace_subject(request_id: str) -> str:
    """How an exchange that is of many requests names one of them among its objects."""
    return f"trace:{request_id}"


def backoff(failures: int, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures in a row: exponential with jitter, capped; a Retry-After is obeyed in
    full.
    """
    delay = min(BACKOFF_CAP, BACKOFF_FIRST * 2 ** min(failures, 16))
    return max(delay * random.uniform(0.5, 1.0), retry_after or 0.0)  # noqa: S311  # spreads the waiting, keeps no secret


def is_blocked(remote: str) -> bool:
    state = RemoteState.objects.filter(pk=remote).first()
    if state is None:
        return False
    return state.paused or (state.blocked_until is not None and state.blocked_until > timezone.now())


def has_stumbled(remote: str) -> bool:
    """Whether the last thing that was heard of it is a failure."""
    return RemoteState.objects.filter(pk=remote, failures__gt=0).exists()


def why_blocked(remote: str) -> str:
    """For a person: why `is_blocked` says so, and until when."""
    state = RemoteState.objects.get(pk=remote)
    if state.paused:
        return _("paused by a person")
    until = timezone.localtime(state.blocked_until).strftime("%H:%M:%S") if state.blocked_until else ""
    return _("%(why)s until %(until)s: %(reason)s") % {
        "why": state.get_block_display(),
        "until": until,
        "reason": state.reason,
    }


def worked(remote: str) -> None:
    """Note a success: whatever blocked the remote is over. Written at most once in some seconds, so that success
    costs nothing.
    """
    now = timezone.now()
    updated = (
        RemoteState.objects.filter(pk=remote)
        .exclude(block="", failures=0, last_ok_at__gt=now - timedelta(seconds=5))
        # An answer to what was in the air already takes back no wait that the remote has asked for.
        .exclude(block=RemoteState.Block.LIMIT, blocked_until__gt=now)
        .update(block="", blocked_until=None, reason="", failures=0, last_ok_at=now)
    )
    if not updated:
        RemoteState.objects.get_or_create(pk=remote, defaults={"last_ok_at": now})


def failed(remote: str, error: RemoteError) -> None:
    """Block the remote for all workers: for a while when it is down, until somebody mends the settings when they are
    wrong.
    """
    with transaction.atomic():
        RemoteState.objects.get_or_create(pk=remote)
        state = RemoteState.objects.select_for_update().get(pk=remote)
        state.last_error_at = timezone.now()
        blocked_until = state.blocked_until or state.last_error_at
        if blocked_until <= state.last_error_at:
            state.failures += 1  # an outage that two senders meet at once is one
        state.reason = str(error)[:2000]
        if isinstance(error, Config):
            state.block, delay = RemoteState.Block.CONFIG, CONFIG_PROBE
        else:
            retry_after = error.retry_after if isinstance(error, Retry) else None
            is_asked = retry_after or (state.block == RemoteState.Block.LIMIT and blocked_until > state.last_error_at)
            state.block = RemoteState.Block.LIMIT if is_asked else RemoteState.Block.DOWN
            delay = backoff(max(state.failures - 1, 0), retry_after)
        state.blocked_until = max(blocked_until, state.last_error_at + timedelta(seconds=delay))
        state.save()
    log.warning("%s blocked for %.0f s: %s", remote, delay, state.reason)


def unblock(remote: str = IRECA, *, impatiently: bool = False) -> None:
    """Forget a block that is not a person's pause: a worker that starts, or a person who asks, tries at once.

    A wait that the remote itself has asked for stays, unless a person does so `impatiently`.
    """
    states = RemoteState.objects.filter(pk=remote)
    if not impatiently:
        states = states.exclude(block=RemoteState.Block.LIMIT, blocked_until__gt=timezone.now())
    states.update(block="", blocked_until=None, failures=0)


def renew_fingerprint() -> None:
    """Keep what iRECA was told for callbacks under the SECRET_KEY of now: by the one before it cannot be known for much
    longer.
    """
    told = RemoteState.objects.filter(pk=IRECA).values_list("callbacks_secret", flat=True).first()
    for secret in filter(None, (settings.CALLBACK_SECRET, *settings.CALLBACK_SECRET_FALLBACKS)):
        if told and has_fingerprint(secret, told):
            RemoteState.objects.filter(pk=IRECA).update(callbacks_secret=fingerprint(secret))


def is_outage(error: RemoteError) -> bool:
    """Whether the remote as a whole is out of reach, in contrast to a request that it cannot stand."""
    return isinstance(error, Config) or (isinstance(error, Retry) and error.down)


def state_of(remote: str) -> dict[str, Any]:
    """For pages: is the remote on, and if it is blocked, why and until when."""
    state = RemoteState.objects.filter(pk=remote).first()
    return {"name": remote, "on": is_on(remote), "state": state, "blocked": is_blocked(remote)}
