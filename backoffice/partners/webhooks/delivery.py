"""Sends what is queued: one webhook at a time, held by a lease, its events of one object in their order.

1. Claim a webhook that has something to send and is not waiting after a failure; commit.
2. Send one event after another until nothing is left, the turn's time is over, or one fails.
3. Record each answer as soon as it is there. Only HTTP 201 is a success (seed 002:1180).
4. After a failure the event waits, longer each time, and with it the later ones of its object. The webhook waits a
   little too, longer with every object that fails before anything is delivered: one that is always refused holds up no
   other, and a dead receiver, which refuses them all, is left alone and at last paused.

A crash between an answer and its record sends an event twice, under the same `webhook-id`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from itertools import chain, zip_longest
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.partners.models import Delivery, Webhook
from backoffice.partners.webhooks import events
from backoffice.partners.webhooks.signature import sign
from backoffice.remotes.guarded import Answer, BadAddress, Network, Poster, Unanswered
from backoffice.remotes.redact import redact
from backoffice.sync import lease

THREADS = 2  # of each worker: while one waits for a slow receiver, the other serves the rest
TURN = 5.0  # seconds until a webhook with much to send lets another go first
BATCH = 100
CREATED = 201
ANSWER_BYTES = 4000  # of an answer's body that are kept
LONGEST_WAIT = 900.0  # seconds between two attempts
USER_AGENT = "courier-backoffice-webhooks"


def work(holder: str) -> int:
    """One turn of one webhook, and what was left unbuilt. Returns how much was handled; 0 when nothing is due."""
    return events.build_due() + deliver(holder)


def deliver(holder: str) -> int:
    """Claim the webhook that waits longest and send. Returns how many events were tried."""
    claimed = lease.claim(sendable().order_by("due_at", "pk"), holder, 1)
    return _Turn(claimed[0]).run() if claimed else 0


def sendable(now: datetime | None = None) -> QuerySet[Webhook]:
    """Webhooks that have something to send now."""
    now = now or timezone.now()
    hooks = Webhook.objects.filter(is_active=True, paused_at__isnull=True, source__is_active=True)
    return hooks.filter(Exists(_due(OuterRef("pk"), now)), due_at__lte=now)


def _due(hook: Any, now: datetime) -> QuerySet[Delivery]:
    """What may be sent now: due, and with nothing before it, of the same object, that waits or has failed."""
    queue = Delivery.objects.filter(webhook=hook, state=Delivery.State.QUEUED)
    earlier = Delivery.objects.filter(
        Q(due_at__gt=now) | Q(attempts__gt=0),
        webhook=OuterRef("webhook"),
        object_key=OuterRef("object_key"),
        pk__lt=OuterRef("pk"),
        state=Delivery.State.QUEUED,
    )
    return queue.filter(~Exists(earlier), due_at__lte=now)


def allowed_networks() -> tuple[Network, ...]:
    """Networks that may be called although they are not of the public internet."""
    return tuple(ip_network(text) for text in settings.WEBHOOK_ALLOWED_NETWORKS)


REASONS = {
    "unreadable": gettext_lazy("The address cannot be read."),
    "scheme": gettext_lazy("The address begins neither with http:// nor with https://."),
    "host": gettext_lazy("The address names no host."),
    "credentials": gettext_lazy("The address holds a user name or a password."),
    "port": gettext_lazy("The port of the address is that of another kind of service."),
    "network": gettext_lazy("The address leads into a network that is not allowed."),
}


def bad_address(error: BadAddress) -> str:
    """Why an address is not called, for people."""
    return str(REASONS[error.reason])


def wait_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row: doubling, with jitter, capped."""
    longest = min(settings.WEBHOOK_FIRST_WAIT * 2 ** min(failures - 1, 30), LONGEST_WAIT)
    return timedelta(seconds=longest * random.uniform(0.5, 1.0))  # noqa: S311  # spreads the waiting, keeps no secret


class _Turn:
    """What one holder of the lease sends of one webhook."""

    def __init__(self, hook: Webhook) -> None:
        self.hook = hook
        self.until = time.monotonic() + TURN

    def run(self) -> int:
        tried = 0
        poster = Poster(
            self.hook.url,
            allowed=allowed_networks(),
            timeout=settings.WEBHOOK_TIMEOUT / 2,
            deadline=settings.WEBHOOK_TIMEOUT,
            max_bytes=ANSWER_BYTES,
        )
        try:
            for delivery in self._queue():
                tried += 1
                if not self._send(poster, delivery) or time.monotonic() > self.until:
                    break
        except Exception:
            # A fault of ours: it is told in the log, and must not be tried twice a second.
            self.hook.failures += 1
            self._wait(self.hook.failures)
            raise
        finally:
            poster.close()
            self._let_go()
        return tried

    def _queue(self) -> Iterator[Delivery]:
        """What is due, as long as there is something: sending takes time, and more may come.

        New ones and ones that have failed take turns, new ones first: what fails again must not hide that others pass.
        """
        while True:
            due = _due(self.hook.pk, timezone.now())
            new, failed = due.filter(attempts=0).order_by("pk"), due.filter(attempts__gt=0).order_by("due_at", "pk")
            batch = [one for one in chain(*zip_longest(new[:BATCH], failed[:BATCH])) if one is not None]
            if not batch:
                return
            yield from batch

    def _wait(self, failing: int) -> None:
        """Let the webhook rest after a failure, the longer the more objects fail."""
        self.hook.due_at = timezone.now() + wait_after(failing)

    def _failing(self) -> int:
        """How many objects have failed since something was delivered, or since a person resumed the webhook."""
        if self.hook.failures <= 1:
            return self.hook.failures
        tried = Delivery.objects.filter(webhook=self.hook, state=Delivery.State.QUEUED, attempts__gt=0)
        if self.hook.last_ok_at is not None:
            tried = tried.filter(sent_at__gt=self.hook.last_ok_at)
        return max(1, min(self.hook.failures, tried.values("object_key").distinct().count()))

    def _send(self, poster: Poster, delivery: Delivery) -> bool:
        """Whether it was delivered, and so the next may go."""
        body = delivery.payload.encode()
        now = timezone.now()
        stamp = int(now.timestamp())
        delivery.sent_at = now
        delivery.sent_headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": str(delivery.event),
            "webhook-timestamp": str(stamp),
            "webhook-signature": sign(self._keys(), str(delivery.event), stamp, body),
        }
        delivery.attempts += 1
        started = time.perf_counter()
        delivery.status, delivery.response, delivery.error = None, "", ""
        try:
            answer = poster.post(body, delivery.sent_headers)
        except BadAddress as error:
            delivery.error = bad_address(error)
        except Unanswered as error:
            delivery.error = str(error)[:2000]
        else:
            self._read(delivery, answer)
        delivery.duration_ms = round((time.perf_counter() - started) * 1000)
        return self._delivered(delivery) if not delivery.error else self._failed(delivery)

    def _keys(self) -> Iterable[str]:
        yield str(self.hook.secret)
        if self.hook.previous_until is not None and self.hook.previous_until > timezone.now():
            yield str(self.hook.previous_secret)

    def _read(self, delivery: Delivery, answer: Answer) -> None:
        delivery.status = answer.status
        # PostgreSQL stores no NUL.
        delivery.response = redact(answer.body.decode("utf-8", errors="replace").replace("\x00", "\ufffd"))
        if answer.status != CREATED:
            delivery.error = _("The answer was HTTP %(status)s; only 201 counts as delivered.") % {
                "status": answer.status
            }

    def _delivered(self, delivery: Delivery) -> bool:
        delivery.state, delivery.done_at = Delivery.State.DONE, timezone.now()
        self._record(delivery)
        self.hook.failures, self.hook.last_ok_at = 0, delivery.done_at
        return True

    def _failed(self, delivery: Delivery) -> bool:
        now = timezone.now()
        if delivery.expires_at is None:
            delivery.expires_at = now + timedelta(seconds=settings.WEBHOOK_RETRY_FOR)
        if now >= delivery.expires_at:
            delivery.state, delivery.done_at = Delivery.State.FAILED, now
        delivery.due_at = now + wait_after(delivery.attempts)
        self._record(delivery)
        self.hook.failures += 1
        failing = self._failing()
        if failing == 1 and delivery.status is not None:
            # However often: a pause would hold up all others for the sake of one. Who answers nobody holds up all.
            self.hook.failures = 1
        self._wait(failing)
        if self.hook.failures >= settings.WEBHOOK_PAUSE_AFTER:
            self.hook.paused_at, self.hook.pause_reason = now, delivery.error
        return False

    def _record(self, delivery: Delivery) -> None:
        """Write down what came of it, unless the lease ran out: then another worker has sent it, and knows better."""
        names = (
            *("state", "attempts", "due_at", "expires_at", "done_at"),
            *("sent_at", "sent_headers", "status", "response", "error", "duration_ms"),
        )
        mine = Delivery.objects.filter(pk=delivery.pk, webhook__lease_owner=self.hook.lease_owner)
        mine.update(**{name: getattr(delivery, name) for name in names})

    def _let_go(self) -> None:
        """Give the webhook back; a person may have paused, resumed or rotated it meanwhile."""
        hook = self.hook
        values: dict[str, Any] = {"failures": hook.failures, "last_ok_at": hook.last_ok_at, "due_at": hook.due_at}
        if not hook.failures:
            values["due_at"] = timezone.now()  # behind those that have waited
        mine = Webhook.objects.filter(pk=hook.pk, lease_owner=hook.lease_owner)
        if hook.paused_at is not None:
            mine.filter(paused_at__isnull=True).update(paused_at=hook.paused_at, pause_reason=hook.pause_reason)
        mine.update(**values, **lease.RELEASED)
