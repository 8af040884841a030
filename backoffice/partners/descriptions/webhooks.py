"""What the endpoints of webhooks tell and take; but for the documented callbacks none of it is in the seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from .common import UTC, joined
from .requests import ENVELOPES

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

WEBHOOK: Mapping[str, StrPromise] = {
    "webhookId": _("Our number of the webhook."),
    "kind": _(
        "What it tells of: `orders` that changed, or `licenses` whose sessions were closed. Left out of a request:"
        " `orders`."
    ),
    "url": ENVELOPES["url"].text,
    "isActive": ENVELOPES["isActive"].text,
    "isDocumented": _("`1`: it was set by `orders/callback` or `licenses/callback`. `0`: it is one of your own."),
    "isPaused": _("`1`: it failed so often that it waits for somebody to resume it. `0`: it does not."),
    "pauseReason": _("Why it is paused. Empty: it is not."),
    "failures": _("How often it has failed in a row. One object that alone is refused, however often, counts once."),
    "lastSuccessAt": joined(_("When you last answered 201. Null: never yet."), UTC),
    "createdAt": joined(_("When it was set up."), UTC),
    "secret": _("The secret that signatures are made with. It is told in this answer only."),
    "previousUntil": joined(_("Until when signatures are made with the old secret, too."), UTC),
}

DELIVERY: Mapping[str, StrPromise] = {
    "deliveryId": _("Our number of the delivery."),
    "webhookId": WEBHOOK["webhookId"],
    "eventId": _("The event, as the header `webhook-id` names it. A replay has that of the first delivery."),
    "state": _(
        "`new`: its body is being built. `queued`: it waits or is tried again. `done`: you answered 201. `failed`: it"
        " was given up."
    ),
    "attempts": _("How often it was tried."),
    "status": _("What you answered last. Null: nothing yet, or you could not be reached."),
    "error": _("What went wrong last. Empty: nothing."),
    "durationMs": _("How long your last answer took, in milliseconds."),
    "createdAt": joined(_("When it happened."), UTC),
    "sentAt": joined(_("When it was last sent. Null: not yet."), UTC),
    "doneAt": joined(_("When it was delivered or given up. Null: not yet."), UTC),
    "nextAttemptAt": joined(_("When it is tried next. Null: not any more."), UTC),
    "replayOf": _("The delivery that it repeats. Null: it repeats none."),
    "body": _("What was sent, as text."),
    "response": _("The beginning of your last answer, as text."),
}

REPLAY: Mapping[str, StrPromise] = {
    "deliveryIds": _("The deliveries to send again, 500 at most."),
    "webhookId": _("The webhook whose failed deliveries are sent again."),
    "failedSince": joined(_("Only what happened at this moment or later. Left out: all."), UTC),
    "replayed": _("How many are sent again."),
}
