"""Webhooks through the API: the documented callbacks (seed 002:1040-1048, 2425-2434), and more than they promise.

    POST   /orders/callback, /licenses/callback     the one address of the contract, {"url", "isActive"}
    GET    /webhooks, /webhooks?webhookId=          what there is; POST adds one and tells its secret, this once
    PUT    /webhooks?webhookId=                     changes url or isActive; DELETE takes it away
    POST   /webhooks/rotate, /resume, /test         each with ?webhookId=
    GET    /webhooks/deliveries                     the log, newest first; ?deliveryId= one of it, with its body
    POST   /webhooks/replay                         {"deliveryIds": […]} or {"webhookId": 1, "failedSince": "…"}

A source sees its own webhooks only, of the kinds that it has the scope for; a scope taken away hides them and their
log. It may have `manage.MOST`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.urls import path
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api import errors
from backoffice.partners.api import webhook_operations as told
from backoffice.partners.api.access import source_of
from backoffice.partners.api.errors import ApiError, bad_request, reworded
from backoffice.partners.api.idempotency import once
from backoffice.partners.api.operations import Operation, Operations
from backoffice.partners.api.views import ANY_TOKEN, ApiView, Scopes, moment_of, page_of
from backoffice.partners.models import Delivery, Scope, Source, Webhook
from backoffice.partners.webhooks import manage
from backoffice.remotes.values import read_moment
from backoffice.values import whole_number

COUNT = 100  # of a list without page and count: a log may be long
REPLAYED = 500  # deliveries in one request


def _moment(value: datetime | None) -> str | None:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value is not None else None


def _told(hook: Webhook) -> dict[str, Any]:
    return {
        "webhookId": hook.pk,
        "kind": hook.kind,
        "url": hook.url,
        "isActive": int(hook.is_active),
        "isDocumented": int(hook.is_documented),
        "isPaused": int(hook.paused_at is not None),
        "pauseReason": hook.pause_reason,
        "failures": hook.failures,
        "lastSuccessAt": _moment(hook.last_ok_at),
        "createdAt": _moment(hook.created_at),
    }


def _told_delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "deliveryId": delivery.pk,
        "webhookId": delivery.webhook_id,
        "eventId": str(delivery.event),
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status,
        "error": delivery.error,
        "durationMs": delivery.duration_ms,
        "createdAt": _moment(delivery.created_at),
        "sentAt": _moment(delivery.sent_at),
        "doneAt": _moment(delivery.done_at),
        "nextAttemptAt": _moment(delivery.due_at) if delivery.state == Delivery.State.QUEUED else None,
        "replayOf": delivery.replay_of_id,
    }


# what is asked for


def _body(request: Request) -> Mapping[str, Any]:
    if not isinstance(request.data, Mapping):
        raise bad_request("", _("must be an object"))
    return request.data


def _url(body: Mapping[str, Any]) -> str:
    url = body.get("url")
    if not isinstance(url, str) or not url.strip():
        raise bad_request("url", _("is required"))
    if len(url) > 2000:
        raise bad_request("url", _("must be at most 2000 characters"))
    try:
        manage.check_url(url.strip())
    except ValidationError as error:
        raise bad_request("url", error.messages[0]) from None
    return url.strip()


def _is_active(body: Mapping[str, Any]) -> bool:
    value = body.get("isActive", 1)
    if value in (0, 1, "0", "1"):  # True and False too
        return bool(int(value))
    raise bad_request("isActive", _("must be 0 or 1"))


def _number(value: Any, name: str) -> int:
    number = whole_number(str(value))
    if number is None:
        raise bad_request(name, _("must be a whole number"))
    return number


def _mine(source: Source, id_: Any) -> Webhook:
    hook = manage.readable(source).filter(pk=_number(id_, "webhookId")).first()
    if hook is None:
        raise errors.not_found()
    return hook


def _made(make: Callable[[], Webhook]) -> Webhook:
    try:
        return make()
    except ValidationError as error:
        if error.code != manage.TOO_MANY:
            raise
        raise ApiError(409, error.messages[0]) from None


class CallbackView(ApiView):
    """The documented call: sets the one address for this kind of events, and switches it on and off."""

    kind: Webhook.Kind = Webhook.Kind.ORDERS

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.set(request))

    def set(self, request: Request) -> Response:
        body = _body(request)
        source = source_of(request)
        _made(lambda: manage.set_documented(source, self.kind, _url(body), is_active=_is_active(body)))
        return Response(status=201)


class OrdersCallbackView(CallbackView):
    scopes: ClassVar[Scopes] = {"POST": (Scope.ORDERS_WRITE,)}
    operations: ClassVar[Operations] = {"POST": told.callback(1041)}


class LicencesCallbackView(CallbackView):
    kind = Webhook.Kind.LICENSES
    scopes: ClassVar[Scopes] = {"POST": (Scope.LICENCES,)}
    operations: ClassVar[Operations] = {"POST": told.callback(2426)}


class WebhooksView(ApiView):
    """`/webhooks` and `/webhooks?webhookId=`."""

    scopes = ANY_TOKEN
    operations = told.WEBHOOKS

    def get(self, request: Request) -> Response:
        source, id_ = source_of(request), request.query_params.get("webhookId")
        if id_:
            return Response(_told(_mine(source, id_)))
        return Response([_told(hook) for hook in manage.readable(source).order_by("pk")])

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.create(request))

    def create(self, request: Request) -> Response:
        body, source = _body(request), source_of(request)
        kind = body.get("kind", Webhook.Kind.ORDERS)
        if kind not in Webhook.Kind.values:
            raise bad_request("kind", _("must be one of: %(values)s") % {"values": ", ".join(Webhook.Kind.values)})
        needed = Webhook.SCOPES[Webhook.Kind(kind)]
        if not source.may(needed):
            raise ApiError(403, _("This needs the scope %(scopes)s.") % {"scopes": _(" or ").join(needed)})
        hook = _made(lambda: manage.create(source, kind, _url(body), is_active=_is_active(body)))
        return Response({**_told(hook), "secret": str(hook.secret)}, status=201)

    def put(self, request: Request) -> Response:
        hook, body = _mine(source_of(request), self.required(request, "webhookId")), _body(request)
        changes: dict[str, Any] = {}
        if "url" in body:
            changes["url"] = _url(body)
        if "isActive" in body:
            changes["is_active"] = _is_active(body)
        if changes:
            Webhook.objects.filter(pk=hook.pk).update(**changes)
        return Response(status=204)

    def delete(self, request: Request) -> Response:
        _mine(source_of(request), self.required(request, "webhookId")).delete()
        return Response(status=204)


class CommandView(ApiView):
    """`/webhooks/rotate`, `/webhooks/resume` and `/webhooks/test`, each with `?webhookId=`."""

    command = ""

    def operation(self, method: str) -> Operation | None:
        return told.COMMANDS[self.command]

    scopes = ANY_TOKEN

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.run(request))

    def run(self, request: Request) -> Response:
        hook = _mine(source_of(request), self.required(request, "webhookId"))
        if self.command == "rotate":
            secret = manage.rotate(hook)
            return Response({"secret": secret, "previousUntil": _moment(hook.previous_until)}, status=201)
        if self.command == "test":
            return Response(_told_delivery(manage.send_test(hook)), status=201)
        manage.resume(hook)
        return Response(status=204)


class DeliveriesView(ApiView):
    """The log. Filters: webhookId, state, createdSince; `page` from 0 and `count` up to 500."""

    scopes = ANY_TOKEN
    operations = told.DELIVERIES

    def get(self, request: Request) -> Response:
        rows = manage.deliveries(source_of(request))
        if id_ := request.query_params.get("deliveryId"):
            delivery = rows.filter(pk=_number(id_, "deliveryId")).first()
            if delivery is None:
                raise errors.not_found()
            return Response({**_told_delivery(delivery), "body": delivery.payload, "response": delivery.response})
        rows = self.filtered(request, rows).defer("payload", "response", "sent_headers")
        return Response([_told_delivery(delivery) for delivery in rows[page_of(request) or slice(0, COUNT)]])

    def filtered(self, request: Request, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if id_ := request.query_params.get("webhookId"):
            rows = rows.filter(webhook=_number(id_, "webhookId"))
        if state := request.query_params.get("state"):
            if state not in Delivery.State.values:
                values = {"values": ", ".join(Delivery.State.values)}
                raise bad_request("state", _("must be one of: %(values)s") % values)
            rows = rows.filter(state=state)
        if since := moment_of(request, "createdSince"):
            rows = rows.filter(created_at__gte=since)
        return rows


class ReplayView(ApiView):
    scopes = ANY_TOKEN
    operations = told.REPLAYS

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.replay(request))

    def replay(self, request: Request) -> Response:
        body, source = _body(request), source_of(request)
        if "deliveryIds" in body:
            ids = body["deliveryIds"]
            if not isinstance(ids, list) or not ids or len(ids) > REPLAYED:
                raise bad_request("deliveryIds", _("must be an array of 1 to %(most)s ids") % {"most": REPLAYED})
            numbers = {_number(id_, "deliveryIds") for id_ in ids}
            chosen = manage.deliveries(source).filter(pk__in=numbers)
            if chosen.count() < len(numbers):
                raise errors.not_found()
            return Response({"replayed": manage.replay(chosen)}, status=201)
        if "webhookId" not in body:
            raise bad_request("deliveryIds", _("is required"))
        since = body.get("failedSince")
        try:
            moment = read_moment(since or None)
        except ValueError as error:
            raise bad_request("failedSince", reworded(error)) from None
        return Response({"replayed": manage.replay_failed(_mine(source, body["webhookId"]), moment)}, status=201)


urlpatterns = [
    path("orders/callback", OrdersCallbackView.as_view(), name="api-orders-callback"),
    path("licenses/callback", LicencesCallbackView.as_view(), name="api-licenses-callback"),
    path("webhooks", WebhooksView.as_view(), name="api-webhooks"),
    *(
        path(f"webhooks/{command}", CommandView.as_view(command=command), name=f"api-webhooks-{command}")
        for command in ("rotate", "resume", "test")
    ),
    path("webhooks/deliveries", DeliveriesView.as_view(), name="api-webhooks-deliveries"),
    path("webhooks/replay", ReplayView.as_view(), name="api-webhooks-replay"),
]
