"""Taxes, payment types, corrections and settings of fiscalisation as partners see them (seed 002:1243-1315, 2572-2736).

The receipts of orders and the errors of devices are told in `orders/api`, for they name an order.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction
from django.http import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api.access import source_of
from backoffice.partners.api.checks import check_of
from backoffice.partners.api.errors import ApiError, Problem, reworded
from backoffice.partners.api.filters import ChangedSince
from backoffice.partners.api.idempotency import once
from backoffice.partners.api.operations import PAGE, WRITE, Answer, Body, Operation, Parameter, Shape
from backoffice.partners.api.projection import Column, Projection, columns_of
from backoffice.partners.api.views import ApiView, Resource, endpoints, listed
from backoffice.partners.api.writing import Writable
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.partners.models import Scope, Source
from backoffice.remotes.ireca import contract
from backoffice.sync.mirror import registry
from fiscal.commands import push_settings
from fiscal.models import AtolSettings, CorrectionReceipt, PaymentType, Pechka54, Tax

SCOPES = (Scope.FISCAL,)


def _directory(model: type[Any], **columns: Column) -> Resource:
    mirror = registry.for_model(model)
    assert mirror is not None, model
    return Resource(
        Writable(mirror),
        {mirror.key: "ireca_id", **columns_of(mirror.fields, model, {}), **columns},
        read=(Scope.CATALOGUE_READ, Scope.ORDERS_READ),
        write=(Scope.CATALOGUE_WRITE,),
        filters=ChangedSince,
    )


CORRECTIONS = Projection(
    CorrectionReceipt,
    contract.CorrectionReceipt,
    "list",
    {
        "correction_receipt_id": "ireca_id",
        "courier_id": "courier__ireca_id",
        **{name: name for name in ("serial_number", "amount", "command_executed_at")},
    },
)


class CorrectionReceiptsView(ApiView):
    """Corrections that couriers printed (1243-1258)."""

    scopes = {"GET": SCOPES}
    operations = {
        "GET": Operation(
            SUMMARIES["correctionReceipts"],
            1244,
            parameters=(Parameter("courierId", "id", of=(contract.CorrectionReceipt, "courier_id")), *PAGE),
            answers=(Answer.of(CORRECTIONS),),
            fails=(400,),
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        rows = CorrectionReceipt.objects.all()
        if courier := request.query_params.get("courierId"):
            rows = rows.filter(courier__ireca_id=courier)
        return listed(request, CORRECTIONS, rows)


REQUIRED = ("settingId", "login", "password", "kktGroup", "company.inn", "company.taxSystem")


class AtolSettingsReplaceView(ApiView):
    """Settings of ATOL Online (1259-1305); they are never told again (T40)."""

    scopes = {"POST": SCOPES}
    operations = {
        "POST": Operation(
            SUMMARIES["atolOnlineSettings"],
            1261,
            201,
            bodies=(Body(contract.AtolSettings, "replace", Shape.SETTINGS, required=REQUIRED),),
            fails=WRITE,
            notes=(NOTES["atol"],),
        )
    }

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.replace(request))

    def replace(self, request: Request) -> Response:
        said = _told(request.data)
        _store(source_of(request), said)
        return Response(status=201)


def _told(body: Any) -> contract.AtolSettings:
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # T08
    try:
        said = contract.decode(contract.AtolSettings, body)
    except contract.ContractError as error:
        raise ApiError(400, problems=[Problem(None, error.path, reworded(error))]) from None
    company, agent = said.company or contract.AtolCompany(), said.agent or contract.AtolAgent()
    values = (said.setting_id, said.login, said.password, said.kkt_group, company.inn, company.tax_system)
    given = zip(REQUIRED, values, strict=True)
    problems = [Problem(None, name, _("is required")) for name, value in given if not value]
    # No checksum: the examples of the seed have none that is right, and what iRECA takes is for it to say.
    if company.inn and not re.fullmatch(r"\d{10}|\d{12}", company.inn):
        problems.append(Problem(None, "company.inn", _("An INN has 10 or 12 digits.")))
    if company.tax_system and company.tax_system not in AtolSettings.TaxSystem.values:
        problems.append(_not_among("company.taxSystem", AtolSettings.TaxSystem.values))
    if agent.type and agent.type not in AtolSettings.AgentType.values:
        problems.append(_not_among("agent.type", AtolSettings.AgentType.values))
    for name, value in (("login", said.login), ("password", said.password)):
        if value and len(value) > 100:
            problems.append(Problem(None, name, _("is longer than %(limit)s characters") % {"limit": 100}))
    try:
        check_of(AtolSettings, "kkt_group")(said.kkt_group or "")
    except ValueError as error:
        problems.append(Problem(None, "kktGroup", str(error)))
    if problems:
        raise ApiError(400, problems=problems)
    return said


def _not_among(name: str, values: list[str]) -> Problem:
    return Problem(None, name, _("must be one of: %(values)s") % {"values": ", ".join(values)})


def _store(source: Source, said: contract.AtolSettings) -> None:
    """Keep the settings, which were found to be whole, under the partner's own id, and send them."""
    company: Any = said.company
    agent: Any = said.agent
    values: dict[str, Any] = {
        "login": said.login,
        "password": said.password,
        "kkt_group": said.kkt_group,
        "is_production": bool(said.is_production),
        "inn": company.inn,
        "tax_system": company.tax_system,
        "agent_type": (agent.type or "") if agent else "",
    }
    with transaction.atomic():
        row = AtolSettings.objects.filter(source=source, external_id=said.setting_id).first()
        if row is None:
            row = AtolSettings(source=source, external_id=said.setting_id, setting_id=AtolSettings.next_setting_id())
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
        push_settings(row)


class Pechka54View(ApiView):
    """The address for a shop's print server (1306-1315)."""

    scopes = {"GET": SCOPES}
    operations = {
        "GET": Operation(
            SUMMARIES["pechka54Settings"], 1309, answers=(Answer(contract.Pechka54Settings, "get", many=False),)
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        row = Pechka54.objects.order_by("-pulled_at").first()
        return Response({"url": row.url if row else ""})


urlpatterns = [
    *endpoints("taxes", _directory(Tax)),
    *endpoints("paymentTypes", _directory(PaymentType, updated_at="updated_at")),
    path("correctionReceipts", CorrectionReceiptsView.as_view(), name="api-correction-receipts"),
    path("atolOnlineSettings/replace", AtolSettingsReplaceView.as_view(), name="api-atol-replace"),
    path("pechka54Settings", Pechka54View.as_view(), name="api-pechka54"),
]
