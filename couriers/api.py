"""Couriers, roles, permissions and licences as partners see them (seed 002:1898-2120, 2398-2447).

Where couriers are is told in `orders/api`, for a place names an order.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api import errors, writing
from backoffice.partners.api.access import source_of
from backoffice.partners.api.filters import ChangedSince
from backoffice.partners.api.idempotency import once
from backoffice.partners.api.operations import WRITE, Answer, Body, Operation, Parameter, required
from backoffice.partners.api.projection import Constant, Projection, columns_of
from backoffice.partners.api.views import ApiView, Resource, endpoints
from backoffice.partners.api.writing import Writable
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.partners.models import Scope
from backoffice.remotes.ireca import contract
from backoffice.sync.mirror import Mirror, registry
from backoffice.sync.mirrored import ONLY_NAMED
from backoffice.sync.models import Push
from couriers.mirror import release
from couriers.models import Courier, License, LicenseUsage, Permission, Role

SCOPES = (Scope.COURIERS,)


def _mirror(model: type[Any]) -> Mirror:
    mirror = registry.for_model(model)
    assert mirror is not None, model
    return mirror


COURIERS = Resource(
    Writable(_mirror(Courier)),
    {
        "courier_id": "ireca_id",
        **columns_of(_mirror(Courier).fields, Courier, {}),
        # iRECA tells it in clear text (T53); whoever set it knows it, and nobody else has to.
        "source_password": Constant(""),
        "updated_at": "updated_at",
    },
    read=SCOPES,
    write=SCOPES,
    filters=ChangedSince,
)
ROLES = Resource(
    Writable(_mirror(Role)),
    {"role_id": "ireca_id", **columns_of(_mirror(Role).fields, Role, {})},
    read=SCOPES,
    write=SCOPES,
    filters=ChangedSince,
)
PERMISSIONS = Writable(_mirror(Permission))
PERMISSION_LIST = Projection(
    Permission,
    contract.Permission,
    "list",
    {**columns_of(_mirror(Permission).fields, Permission, {}), "role_title": "role__title", "updated_at": "updated_at"},
)
LICENCES = Projection(
    License,
    contract.License,
    "list",
    {
        "courier_id": "courier__ireca_id",
        **{name: name for name in ("device_id", "device_title", "session_start_at")},
    },
)


class PermissionsView(ApiView):
    """What roles may do; the seed asks for one by role and action, and leaves either out in places (T55, T56)."""

    scopes = {"GET": SCOPES}
    operations = {
        "GET": Operation(
            SUMMARIES["permissions"],
            2091,
            parameters=(
                Parameter("roleId", "id", of=(contract.Permission, "role_id")),
                Parameter("permissionId", "id"),
                Parameter("actionId", "id", of=(contract.Permission, "action_id")),
            ),
            answers=(Answer.of(PERMISSION_LIST),),
        )
    }

    def get(self, request: Request) -> HttpResponseBase:
        rows = Permission.objects.exclude(ONLY_NAMED).filter(role__isnull=False)
        if role := request.query_params.get("roleId"):
            rows = rows.filter(role__ireca_id=role)
        if action := request.query_params.get("permissionId") or request.query_params.get("actionId"):
            rows = rows.filter(action_id=action)
        return Response([row for _key, row in PERMISSION_LIST.rows(rows.order_by("role", "action_id"))])


class PermissionsReplaceView(ApiView):
    scopes = {"POST": SCOPES}
    operations = {
        "POST": Operation(
            SUMMARIES["permissions/replace"],
            2110,
            204,
            bodies=(Body(contract.Permission, "replace", writable=PERMISSIONS),),
            fails=WRITE,
        )
    }

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.replace(request))

    def replace(self, request: Request) -> Response:
        writing.replace(PERMISSIONS, source_of(request), writing.elements(request.data))
        return Response(status=204)


class LicencesView(ApiView):
    """How many licences are used, by whom (2398-2416)."""

    scopes = {"GET": (Scope.LICENCES,)}
    operations = {
        "GET": Operation(SUMMARIES["licenses"], 2400, answers=(Answer(contract.LicensePool, "list", many=False),))
    }

    def get(self, request: Request) -> HttpResponseBase:
        sessions = [row for _key, row in LICENCES.rows(License.objects.filter(is_open=True).order_by("pk"))]
        usage = LicenseUsage.objects.order_by("-at").first()
        return Response(
            {"licenseUse": len(sessions), "licenseTotal": usage.total if usage else 0, "licenses": sessions}
        )


class LicenceCloseView(ApiView):
    """Release a licence (2417-2424): iRECA is asked to close the session of the device."""

    scopes = {"POST": (Scope.LICENCES,)}
    operations = {
        "POST": Operation(
            SUMMARIES["licenses/close"],
            2418,
            204,
            parameters=(required("deviceId", of=(contract.License, "device_id")),),
            fails=(404, *WRITE),
            notes=(NOTES["license"],),
        )
    }

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.close(request))

    def close(self, request: Request) -> Response:
        device = self.required(request, "deviceId")
        sessions = License.objects.filter(device_id=device, is_open=True)
        if not sessions:
            raise errors.not_found(_("This device has no open session."))
        asked = Push.objects.filter(entity="licenses", action=Push.Action.COMMAND, state__in=Push.OPEN)
        asked_for = set(asked.values_list("object_id", flat=True))
        for session in sessions:
            if session.pk not in asked_for:
                release(session)
        return Response(status=204)


urlpatterns = [
    *endpoints("couriers", COURIERS),
    *endpoints("userRoles", ROLES),
    path("permissions", PermissionsView.as_view(), name="api-permissions"),
    path("permissions/replace", PermissionsReplaceView.as_view(), name="api-permissions-replace"),
    path("licenses", LicencesView.as_view(), name="api-licenses"),
    path("licenses/close", LicenceCloseView.as_view(), name="api-licenses-close"),
]
