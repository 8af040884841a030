"""What names an order without being one: receipts, errors of devices, places of couriers.

A partner is told of its own orders only. Errors that no order is known for are left out, and a place names the order
that the courier had in hand to the partner whose order it is.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import CharField, F, OuterRef, Subquery
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api import errors
from backoffice.partners.api.access import source_of
from backoffice.partners.api.operations import PAGE, Answer, Operation, Parameter, required
from backoffice.partners.api.projection import Projection
from backoffice.partners.api.views import ApiView, listed, moment_of
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.partners.models import Scope, Source
from backoffice.remotes.ireca import contract
from backoffice.sync.mirrored import ONLY_NAMED
from couriers.models import Courier, Location
from fiscal.models import Receipt, RegistrarError, TerminalError
from orders.api.views import order_of
from orders.models import Order

RECEIPTS = Projection(
    Receipt,
    contract.Receipt,
    "list",
    {
        "order_id": "order__external_id",
        **{
            name: name
            for name in (
                *("serial_number", "shift_number", "fn", "fd_number", "receipt_number", "fiscal_sign"),
                "date_time_receipt",
            )
        },
    },
)


class ReceiptsView(ApiView):
    """The receipts of an order, of payment or of return by `kind` (1209-1242)."""

    scopes = {"GET": (Scope.FISCAL,)}
    kind: ClassVar[str] = Receipt.Kind.SALE

    def operation(self, method: str) -> Operation | None:
        name, line = ("orderReceipts", 1210) if self.kind == Receipt.Kind.SALE else ("orderReturnReceipts", 1227)
        return Operation(
            SUMMARIES[name],
            line,
            parameters=(required("orderId", of=(contract.Order, "order_id")),),
            answers=(Answer.of(RECEIPTS),),
            fails=(400, 404),
        )

    def get(self, request: Request) -> HttpResponseBase:
        order = order_of(request, "orderId", source_of(request))
        rows = order.receipts.filter(kind=self.kind).order_by("date_time_receipt", "pk")
        return Response([row for _key, row in RECEIPTS.rows(rows)])


def _errors_of(model: type[Any], struct: type[contract.Entity], id_: str, *also: str) -> Projection:
    names = ("error_code", "error_text", "serial_number", "amount", *also)
    columns = {
        id_: "ireca_id",
        "courier_id": "courier__ireca_id",
        "order_id": "order__external_id",
        **{name: name for name in names},
    }
    return Projection(model, struct, "list", columns)


class DeviceErrorsView(ApiView):
    """Errors that devices had with the partner's orders (2448-2491)."""

    scopes = {"GET": (Scope.FISCAL,)}
    model: ClassVar[type[Any]]
    projection: ClassVar[Projection]
    name: ClassVar[str]
    line: ClassVar[int]

    def operation(self, method: str) -> Operation | None:
        order = Parameter("orderId", "id", of=(self.projection.struct, "order_id"))
        courier = Parameter("courierId", "id", of=(self.projection.struct, "courier_id"))
        return Operation(
            SUMMARIES[self.name],
            self.line,
            parameters=(order, courier, *PAGE),
            answers=(Answer.of(self.projection),),
            fails=(400,),
            notes=(NOTES["mine"],),
        )

    def get(self, request: Request) -> HttpResponseBase:
        rows = self.model.objects.filter(order__source=source_of(request)).exclude(order__external_id="")
        if number := request.query_params.get("orderId"):
            rows = rows.filter(order__external_id=number)
        if courier := request.query_params.get("courierId"):
            rows = rows.filter(courier__ireca_id=courier)
        return listed(request, self.projection, rows)


class TerminalErrorsView(DeviceErrorsView):
    name, line = "bankTerminalLogs", 2450
    model = TerminalError
    projection = _errors_of(
        TerminalError,
        contract.TerminalError,
        "terminal_log_id",
        *("card_number", "payment_system", "transaction_created_at"),
    )


class RegistrarErrorsView(DeviceErrorsView):
    name, line = "fiscalRegistratorLogs", 2473
    model = RegistrarError
    projection = _errors_of(RegistrarError, contract.RegistrarError, "fr_id", "command_executed_at")


def _places(source: Source) -> Projection:
    """Places with the partner's number of the order; all that belongs to another partner's is left out."""
    mine = Order.objects.filter(ireca_id=OuterRef("order_ireca_id"), source=source).exclude(external_id="")

    def of_mine(value: Any, kind: Any = None) -> Subquery:
        return Subquery(mine.values(told=value)[:1], output_field=kind or CharField())

    columns = {
        "order_id": of_mine(F("external_id")),
        "delivery_status_id": of_mine(OuterRef("delivery_status"), Location._meta.get_field("delivery_status")),
        "return_reason_id": of_mine(OuterRef("return_reason_ireca_id")),
        **{name: name for name in ("longitude", "latitude", "accuracy", "created_at")},
    }
    return Projection(Location, contract.Location, "list", columns)


class LocationsView(ApiView):
    """Where a courier was (31-71)."""

    scopes = {"GET": (Scope.COURIERS,)}
    operations = {
        "GET": Operation(
            SUMMARIES["locations"],
            34,
            parameters=(
                required("courierId", of=(contract.Courier, "courier_id")),
                Parameter("createdAt", "moment"),
                *PAGE,
            ),
            answers=(Answer(contract.Location, "list"),),
            fails=(400, 404),
            notes=(NOTES["locations"], NOTES["once a minute"]),
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        id_ = self.required(request, "courierId")
        courier = Courier.objects.exclude(ONLY_NAMED).filter(ireca_id=id_).first()
        if courier is None:
            raise errors.not_found()
        rows = courier.locations.all()
        if (since := moment_of(request, "createdAt")) is not None:
            rows = rows.filter(created_at__gte=since)
        return listed(request, _places(source_of(request)), rows)
