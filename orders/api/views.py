"""Endpoints of orders beyond those that every entity has (seed 002:204-350, 936-965, 1181-1206, 1316-1441)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.db import connection
from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api import errors, writing
from backoffice.partners.api.access import source_of
from backoffice.partners.api.errors import ApiError, Problem, bad_request, reworded
from backoffice.partners.api.idempotency import whole
from backoffice.partners.api.operations import PAGE, Answer, Body, Operation, Parameter, Shape, required
from backoffice.partners.api.projection import Projection
from backoffice.partners.api.references import SourceKeys
from backoffice.partners.api.views import ApiView, EntityView, moment_of, page_of
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.partners.models import Source
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import names
from backoffice.sync import history
from orders.actions import by_line
from orders.api import refunds
from orders.api.journal import ENTRIES, entries_of
from orders.api.resources import ORDERS, READ, WRITE
from orders.models import JournalEntry, Order, StatusChange


class OrdersView(EntityView):
    """`/orders`, and with `isRefund=1` refunds (T26)."""

    def operation(self, method: str) -> Operation | None:
        told = super().operation(method)
        if told is None or method not in ("POST", "PUT"):
            return told
        if method == "PUT":
            return replace(told, notes=(*told.notes, NOTES["201"], NOTES["references"]))
        return replace(
            told,
            parameters=(Parameter("isRefund", "flag"),),
            bodies=(
                *told.bodies,
                Body(
                    contract.Order, "refund", writable=ORDERS.writable, required=("payments", *ORDERS.writable.required)
                ),
            ),
            notes=(*told.notes, NOTES["references"], NOTES["refund"]),
        )

    def create(self, request: Request) -> Response:
        asked = request.query_params.get("isRefund", "").strip().lower()
        if asked not in ("", "0", "false", "1", "true"):
            raise bad_request("isRefund", _("must be 0 or 1"))
        is_refund = asked in ("1", "true")
        rows = writing.elements(request.data)
        _check_that_both_say_so(rows, is_refund)
        if not is_refund:
            return super().create(request)
        refunds.create(source_of(request), rows)
        return Response(status=201)


def _check_that_both_say_so(rows: Sequence[Any], is_refund: bool) -> None:
    """Address and body must not contradict each other (T26): one is a sale, the other gives money back."""
    problems = []
    for index, row in enumerate(rows):
        said = row.get("isRefund") if isinstance(row, dict) else None
        if said not in (None, "") and (said in (1, True, "1", "true")) != is_refund:
            problems.append(Problem(index, "isRefund", _("differs from the address")))
    if problems:
        raise ApiError(400, problems=problems)


# Of many orders at once: a courier and a reason can be taken away.
MAY_BE_NOTHING = ("courier_id", "return_reason_id")


class MultipleUpdateView(ApiView):
    """The same few attributes of many orders (936-965)."""

    scopes = {"PUT": WRITE}
    operations = {
        "PUT": Operation(
            SUMMARIES["multipleUpdate"],
            937,
            204,
            bodies=(Body(contract.Order, "multiple_update", Shape.ATTRIBUTES, ORDERS.writable),),
            fails=(400, 404, 413, 415),
            notes=(NOTES["multiple"], NOTES["codes"]),
        )
    }

    def put(self, request: Request) -> Response:
        ids, said = _told(request.data)
        source = source_of(request)

        def perform() -> Response:
            with history.by(reason=source.title):
                _update(source, ids, said)
            return Response(status=204)

        return whole(perform)


def _told(body: Any) -> tuple[list[str], contract.Order]:
    """The ids and the attributes of a body. Raises ApiError."""
    if not isinstance(body, dict):
        raise ApiError(400, _("Expected one object."))
    numbers, attributes = body.get("orderIds"), body.get("attributes")
    if not isinstance(numbers, list) or not numbers:
        raise bad_request("orderIds", _("must be an array of ids"))
    if len(numbers) > writing.AT_ONCE:
        raise ApiError(413, _("At most %(count)s objects fit into one request.") % {"count": writing.AT_ONCE})
    if not isinstance(attributes, dict) or not attributes:
        raise bad_request("attributes", _("must be an object with at least one attribute"))
    allowed = {
        names.wire_name(contract.Order, attr): attr for attr in names.attributes(contract.Order, "multiple_update")
    }
    if unknown := sorted(attributes.keys() - allowed.keys()):
        text = _("can not be changed here; there are: %(names)s") % {"names": ", ".join(sorted(allowed))}
        raise ApiError(400, problems=[Problem(None, f"attributes.{name}", text) for name in unknown])
    try:
        said = contract.decode(contract.Order, attributes)
    except contract.ContractError as error:
        raise bad_request(f"attributes.{error.path}", reworded(error)) from None
    ids, problems = [], []
    for index, number in enumerate(numbers):
        try:
            order = contract.decode(contract.Order, {"orderId": number})
            ids.append(order.order_id or "")
        except contract.ContractError as error:
            problems.append(Problem(index, "orderIds", reworded(error)))
    if problems:
        raise ApiError(400, problems=problems)
    return ids, said


def _update(source: Source, ids: list[str], said: contract.Order) -> None:
    mirror = ORDERS.writable.mirror
    rows = ORDERS.writable.rows(source).filter(external_id__in=ids)
    known = dict(rows.values_list("external_id", "pk"))
    if problems := [
        Problem(index, "orderIds", _("There is no such object.")) for index, id_ in enumerate(ids) if id_ not in known
    ]:
        raise ApiError(404, problems=problems)
    values = _columns(mirror, source, said)
    orders = Order.objects.filter(pk__in=known.values())
    if connection.features.has_select_for_update:
        list(orders.order_by("pk").select_for_update().values_list("pk"))
    # What an order has already is no change of it.
    changed = [pk for pk, *has in orders.values_list("pk", *values) if has != list(values.values())]
    Order.objects.filter(pk__in=changed).update(**values)


def _columns(mirror: Any, source: Source, said: contract.Order) -> dict[str, Any]:
    """The attributes as columns of every order."""
    attrs = [attr for attr in names.attributes(contract.Order, "multiple_update") if getattr(said, attr) is not UNSET]
    if nothing := sorted(attr for attr in attrs if attr not in MAY_BE_NOTHING and getattr(said, attr) in (None, "")):
        wire = [f"attributes.{names.wire_name(contract.Order, attr)}" for attr in nothing]
        raise ApiError(400, problems=[Problem(None, name, _("is required")) for name in wire])
    writing.check_values(ORDERS.writable, [mirror.by_attr[attr] for attr in attrs], said, "attributes")
    keys = SourceKeys(source, ())
    for attr in attrs:
        mirror.by_attr[attr].want(Order, getattr(said, attr), keys)
    keys.resolve()
    row = Order()
    values: dict[str, Any] = {}
    for attr in attrs:
        spec = mirror.by_attr[attr]
        spec.write(row, getattr(said, attr), keys)
        values |= {column: getattr(row, column) for column in spec.columns()}
    if "address_to" in attrs:
        values |= by_line(values["to_line"])
    return values


def order_of(request: Request, parameter: str, source: Source) -> Order:
    """The partner's order that a required parameter names. Raises ApiError."""
    number = ApiView.required(request, parameter)
    order = ORDERS.writable.rows(source).filter(external_id=number).only("pk", "external_id", "source").first()
    if order is None:
        raise errors.not_found()
    return order


STATUS_CHANGES = Projection(
    StatusChange,
    contract.StatusChange,
    "list",
    {
        "delivery_status_id": "delivery_status",
        "return_reason_id": "return_reason__ireca_id",
        **{name: name for name in ("longitude", "latitude", "accuracy", "created_at")},
    },
)


class JournalStatusesView(ApiView):
    """How the delivery status of an order changed, and where (1181-1206)."""

    scopes = {"GET": READ}
    operations = {
        "GET": Operation(
            SUMMARIES["journalStatuses"],
            1182,
            parameters=(required("orderId", of=(contract.Order, "order_id")),),
            answers=(Answer.of(STATUS_CHANGES),),
            fails=(400, 404),
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        order = order_of(request, "orderId", source_of(request))
        changes = STATUS_CHANGES.rows(order.status_changes.order_by("created_at", "pk"))
        return Response([row for _key, row in changes])


class JournalView(ApiView):
    """What changed in an order, by whom (1316-1441)."""

    scopes = {"GET": READ}
    operations = {
        "GET": Operation(
            SUMMARIES["journal"],
            1319,
            parameters=(required("entityId"), Parameter("startedAt", "moment"), *PAGE),
            answers=(Answer.of(ENTRIES),),
            fails=(400, 404),
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        source = source_of(request)
        order = order_of(request, "entityId", source)
        rows = JournalEntry.objects.filter(order=order)
        if (since := moment_of(request, "startedAt")) is not None:
            rows = rows.filter(created_at__gte=since)
        page = page_of(request)
        return Response(entries_of(source, rows.order_by("created_at", "pk")[page or slice(None)]))
