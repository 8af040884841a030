"""What a person, or a partner through the API, does with webhooks. None of it sends anything itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks.delivery import allowed_networks, bad_address
from backoffice.partners.webhooks.events import queued
from backoffice.partners.webhooks.signature import new_secret
from backoffice.remotes.guarded import BadAddress, parse
from backoffice.sync.enqueue import chunks

MOST = 10  # webhooks of a source: each change of its orders is told to every one of them
ROTATION = timedelta(hours=24)  # how long the previous secret signs as well

# Bodies that a receiver can tell from real ones: no order at all, and a session of no courier.
TESTS = {
    Webhook.Kind.ORDERS: '{"items":[]}',
    Webhook.Kind.LICENSES: (
        '{"sessionId":null,"courierId":null,"deviceId":"test","deviceTitle":"test",'
        '"sessionStartAt":null,"sessionFinishAt":null}'
    ),
}
TEST_OBJECT = "test"
TOO_MANY = "too_many"


def check_url(url: str) -> None:
    """Raise ValidationError where an address can never be called. A name is judged when it is called."""
    try:
        parse(url, allowed_networks())
    except BadAddress as error:
        raise ValidationError(bad_address(error), code=error.reason) from error


def check_room(source: Source) -> None:
    """Raise ValidationError where a source has as many webhooks as it may have."""
    if Webhook.objects.filter(source=source).count() >= MOST:
        raise ValidationError(
            _("This source has %(most)s webhooks already, and more are not possible. Delete one of them first."),
            code=TOO_MANY,
            params={"most": MOST},
        )


def create(source: Source, kind: str, url: str, *, is_active: bool = True, is_documented: bool = False) -> Webhook:
    """A webhook with a fresh secret, which `webhook.secret` holds.

    Raises ValidationError for a bad address, and with the code TOO_MANY for one more than MOST.
    """
    check_url(url)
    with transaction.atomic():
        if connection.features.has_select_for_update:
            # Two at once would both find room.
            list(Source.objects.filter(pk=source.pk).select_for_update(no_key=True).values_list("pk"))
        check_room(source)
        return Webhook.objects.create(
            source=source, kind=kind, url=url, is_active=is_active, is_documented=is_documented, secret=new_secret()
        )


def set_documented(source: Source, kind: str, url: str, *, is_active: bool) -> Webhook:
    """Set the one webhook of POST /orders/callback and /licenses/callback (seed 002:1040-1047, 2418-2427).

    Its secret stays. Raises ValidationError as `create` does.
    """
    check_url(url)
    where = Webhook.objects.filter(source=source, kind=kind, is_documented=True)
    if not where.update(url=url, is_active=is_active):
        try:
            with transaction.atomic():
                return create(source, kind, url, is_active=is_active, is_documented=True)
        except IntegrityError:  # set by another request this moment
            where.update(url=url, is_active=is_active)
    return where.get()


def rotate(webhook: Webhook) -> str:
    """Give it a new secret, which is returned. The old one signs as well for ROTATION."""
    webhook.previous_secret, webhook.secret = webhook.secret, new_secret()
    webhook.previous_until = timezone.now() + ROTATION
    webhook.save(update_fields=["previous_secret", "previous_until", "secret"])
    return str(webhook.secret)


def resume(webhook: Webhook) -> None:
    """Go on where a pause, or a failure, stopped it: all that is open is due at once and has its whole time again."""
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).update(paused_at=None, pause_reason="", failures=0, due_at=timezone.now())
        Delivery.objects.filter(webhook=webhook, state=Delivery.State.QUEUED).update(
            due_at=timezone.now(), expires_at=None
        )
    webhook.refresh_from_db()


def send_test(webhook: Webhook) -> Delivery:
    """Queue a body that holds nothing."""
    delivery = queued(webhook, TEST_OBJECT, TESTS[Webhook.Kind(webhook.kind)])
    delivery.save()
    return delivery


def readable(source: Source) -> QuerySet[Webhook]:
    """The webhooks of a source that tell what it may read. A right that is taken away takes the log with it."""
    kinds = [kind for kind, scopes in Webhook.SCOPES.items() if source.may(scopes)]
    return Webhook.objects.filter(source=source, kind__in=kinds)


def deliveries(source: Source) -> QuerySet[Delivery]:
    """The log of a source's webhooks, newest first, of what it may read."""
    # The webhooks are looked up first: a join would walk through the deliveries of all sources.
    hooks = list(readable(source).values_list("pk", flat=True))
    return Delivery.objects.filter(webhook__in=hooks).order_by("-pk")


def replay(chosen: QuerySet[Delivery]) -> int:
    """Send these events again, in their order, with the same body and `webhook-id`. Returns how many.

    What is not over yet is left alone: it will be sent anyhow.
    """
    over = chosen.filter(state__in=(Delivery.State.DONE, Delivery.State.FAILED)).order_by("pk")
    count = 0
    for batch in chunks(over.select_related("webhook").iterator(500)):
        Delivery.objects.bulk_create(
            queued(old.webhook, old.object_key, old.payload, event=old.event, replay_of=old) for old in batch
        )
        count += len(batch)
    return count


def replay_failed(webhook: Webhook, since: datetime | None = None) -> int:
    """Replay what was given up (since a moment) and has not been replayed. Returns how many."""
    failed = Delivery.objects.filter(webhook=webhook, state=Delivery.State.FAILED, replays__isnull=True)
    return replay(failed.filter(created_at__gte=since) if since is not None else failed)
