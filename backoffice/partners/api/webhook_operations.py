"""What the endpoints of webhooks take and answer (see `webhooks`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backoffice.partners.api.operations import (
    FLAG,
    MOMENT,
    NUMBER,
    PAGE,
    TEXT,
    WRITE,
    Operation,
    Parameter,
    Plain,
    Value,
    values,
)
from backoffice.partners.descriptions import ENVELOPES, NOTES, SUMMARIES
from backoffice.partners.descriptions.webhooks import DELIVERY, REPLAY, WEBHOOK
from backoffice.partners.models import Delivery, Webhook

ID: Mapping[str, Any] = {"type": ["integer", "string"], "minimum": 0, "pattern": r"^\d{1,15}$"}
URL: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": 2000}
SET_FLAG: Mapping[str, Any] = {"enum": [0, 1, "0", "1", True, False]}
KIND: Mapping[str, Any] = {"type": "string", "enum": Webhook.Kind.values}

HOOK_VALUES = values(
    WEBHOOK,
    webhookId=NUMBER,
    kind=KIND,
    url=TEXT,
    isActive=FLAG,
    isDocumented=FLAG,
    isPaused=FLAG,
    pauseReason=TEXT,
    failures=NUMBER,
    lastSuccessAt=MOMENT,
    createdAt=MOMENT,
)
DELIVERY_VALUES = values(
    DELIVERY,
    deliveryId=NUMBER,
    webhookId=NUMBER,
    eventId={"type": "string", "format": "uuid"},
    state={"type": "string", "enum": Delivery.State.values},
    attempts=NUMBER,
    status={"type": ["integer", "null"]},
    error=TEXT,
    durationMs=NUMBER,
    createdAt=MOMENT,
    sentAt=MOMENT,
    doneAt=MOMENT,
    nextAttemptAt=MOMENT,
    replayOf={"type": ["integer", "null"]},
)
HOOK = Plain("Webhook", HOOK_VALUES)
NEW_HOOK = Plain("WebhookWithSecret", {**HOOK_VALUES, **values(WEBHOOK, secret=TEXT)})
TOLD = Plain("Delivery", DELIVERY_VALUES)
WHOLE = Plain("DeliveryWithBody", {**DELIVERY_VALUES, **values(DELIVERY, body=TEXT, response=TEXT)})
SECRET = Plain("WebhookSecret", values(WEBHOOK, secret=TEXT, previousUntil=MOMENT))
REPLAYED = Plain("Replayed", values(REPLAY, replayed=NUMBER))

_WRITTEN = values(WEBHOOK, url=URL, isActive=SET_FLAG)
_DOCUMENTED = {
    name: Value(value.schema, ENVELOPES[name].text, ENVELOPES[name].line) for name, value in _WRITTEN.items()
}
CREATE = Plain("WebhookCreate", {**values(WEBHOOK, kind=KIND), **_WRITTEN}, required=("url",))
UPDATE = Plain("WebhookUpdate", _WRITTEN, required=())
REPLAY_SOME = Plain(
    "ReplayDeliveries",
    values(REPLAY, deliveryIds={"type": "array", "minItems": 1, "maxItems": 500, "items": dict(ID)}),
)
REPLAY_FAILED = Plain(
    "ReplayFailed",
    values(REPLAY, webhookId=ID, failedSince={"type": ["string", "null"]}),
    required=("webhookId",),
)

NAMED = Parameter("webhookId", "number", is_required=True, text=WEBHOOK["webhookId"])
NOTE = (NOTES["webhooks"],)


def callback(line: int) -> Operation:
    """The documented call, of orders or of licences."""
    body = Plain("Callback", _DOCUMENTED, required=("url",), example="set_callback")
    return Operation(SUMMARIES["callback"], line, 201, bodies=(body,), fails=WRITE, notes=(NOTES["callback"], *NOTE))


WEBHOOKS = {
    "GET": Operation(
        SUMMARIES["read"],
        parameters=(Parameter("webhookId", "number", text=WEBHOOK["webhookId"]),),
        answers=(HOOK, HOOK.many()),
        fails=(400, 404),
        notes=NOTE,
    ),
    "POST": Operation(
        SUMMARIES["create"],
        status=201,
        bodies=(CREATE,),
        answers=(NEW_HOOK,),
        fails=WRITE,
        notes=(NOTES["webhooks/most"], *NOTE),
    ),
    "PUT": Operation(
        SUMMARIES["update"], status=204, parameters=(NAMED,), bodies=(UPDATE,), fails=(400, 404, 413, 415)
    ),
    "DELETE": Operation(SUMMARIES["delete"], status=204, parameters=(NAMED,), fails=(400, 404)),
}
COMMANDS = {
    "rotate": Operation(
        SUMMARIES["webhooks/rotate"], status=201, parameters=(NAMED,), answers=(SECRET,), fails=(404, *WRITE)
    ),
    "resume": Operation(SUMMARIES["webhooks/resume"], status=204, parameters=(NAMED,), fails=(404, *WRITE)),
    "test": Operation(
        SUMMARIES["webhooks/test"], status=201, parameters=(NAMED,), answers=(TOLD,), fails=(404, *WRITE)
    ),
}
DELIVERIES = {
    "GET": Operation(
        SUMMARIES["webhooks/deliveries"],
        parameters=(
            Parameter("deliveryId", "number", text=DELIVERY["deliveryId"]),
            Parameter("webhookId", "number", text=WEBHOOK["webhookId"]),
            Parameter("state", "text", text=DELIVERY["state"]),
            Parameter("createdSince", "moment", text=REPLAY["failedSince"]),
            *PAGE,
        ),
        answers=(WHOLE, TOLD.many()),
        fails=(400, 404),
    )
}
REPLAYS = {
    "POST": Operation(
        SUMMARIES["webhooks/replay"],
        status=201,
        bodies=(REPLAY_SOME, REPLAY_FAILED),
        answers=(REPLAYED,),
        fails=(404, *WRITE),
    )
}
