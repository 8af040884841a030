"""Couriers, roles and permissions as iRECA has them; sessions (licences) and locations are read, and a session can be
closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from msgspec import UNSET

from backoffice.partners.webhooks.events import happened
from backoffice.remotes.ireca import contract
from backoffice.sync import callbacks, enqueue, pull
from backoffice.sync.apply import Applied
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.mirror import Field, Mirror, Owner, Reference, registry
from backoffice.sync.mirrored import keys_by_ireca_id
from backoffice.sync.models import Push
from couriers.models import Courier, License, LicenseUsage, Location, Permission, Role


@registry.register
class RoleMirror(Mirror):
    entity, resource, rank = "userRoles", "user_roles", 0
    model, struct = Role, contract.Role
    created_in_cabinet_only = True
    fields = (Field("title"), Field("is_active", owner=Owner.THEIRS))


class Password(Field):
    """A secret: sent when we know it, and left out when we do not, so that an edit never wipes it."""

    def read(self, row: Courier) -> Any:
        return str(row.source_password) if row.source_password else UNSET


@registry.register
class CourierMirror(Mirror):
    entity, resource, rank = "couriers", "couriers", 1
    model, struct = Courier, contract.Courier
    created_in_cabinet_only = True
    fields = (
        Field("title"),
        Field("email"),
        Field("phone"),
        Reference("role_id", "role"),
        Password("source_password", owner=Owner.OURS),
        Field("inn"),
        Field("updated_at", "remote_updated_at", Owner.THEIRS),
    )


@registry.register
class PermissionMirror(Mirror):
    """iRECA knows a permission by role and action together, and lists only the one that is asked for (T55, T56)."""

    entity, resource, rank = "permissions", "permissions", 1
    model, struct = Permission, contract.Permission
    can_create = can_delete = False
    is_shared = False  # it says yes or no and nothing else: who changed it there has said what we say
    fields = (
        Reference("role_id", "role"),
        Field("action_id"),
        Field("is_allowed"),
        Field("description", owner=Owner.THEIRS),
        Field("updated_at", "remote_updated_at", Owner.THEIRS),
    )

    def ireca_id(self, obj: Any) -> str:
        return f"{obj.role_id}:{obj.action_id}"

    def identify(self, ireca_id: str) -> dict[str, str]:
        role, _, action = ireca_id.partition(":")
        return {"roleId": role, "actionId": action}

    def build(self, row: Permission) -> contract.Permission:
        return contract.Permission(role_id=row.role.ireca_id, action_id=row.action_id, is_allowed=row.is_allowed)

    def fetch(self, client: Any, ireca_id: str) -> contract.Permission | None:
        role, _, action = ireca_id.partition(":")
        return client.permissions.get(role, action)

    def list(self, client: Any, **params: Any) -> Iterator[contract.Permission]:
        actions = [entry.code for entry in client.dictionary("permissions")]
        for role in list(client.user_roles.list()):
            for action in actions:
                if (permission := client.permissions.get(role.role_id, action)) is not None:
                    yield permission


def _keep_sessions(pool: contract.LicensePool) -> Applied:
    """What iRECA lists is open; an open session of ours that it does not list any more was closed."""
    now = timezone.now()
    applied = Applied()
    sessions = {(s.device_id, s.session_start_at or None): s for s in pool.licenses or [] if s.device_id}
    with transaction.atomic():
        couriers = keys_by_ireca_id(Courier, [s.courier_id for s in sessions.values() if s.courier_id is not UNSET])
        for (device, started), session in sessions.items():
            _row, created = License.objects.update_or_create(
                device_id=device,
                session_start_at=started,
                defaults={
                    "device_title": session.device_title or "",
                    "courier_id": couriers.get(session.courier_id or ""),
                    "is_open": True,
                    "seen_at": now,
                },
            )
            applied.created += created
            applied.updated += not created
        closed = list(License.objects.filter(is_open=True).exclude(seen_at=now).values_list("pk", flat=True))
        License.objects.filter(pk__in=closed).update(is_open=False)
        happened("licenses", closed)
        if isinstance(pool.license_use, int) and isinstance(pool.license_total, int):
            LicenseUsage.objects.create(at=now, used=pool.license_use, total=pool.license_total)
    return applied


@pull.reader("licenses", rank=2, every=300)
def read_licenses(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    pool = client.licenses.list()
    if isinstance(pool.license_use, int) or pool.licenses:
        # An answer that says nothing at all closes no session.
        progress.add(_keep_sessions(pool), len(pool.licenses or []))


def session_closed(payload: Any) -> str:
    """Handle the callback that a session was closed (seed 002:2436-2440). Idempotent."""
    closed = contract.decode(contract.SessionClosed, payload)
    if not closed.device_id:
        raise contract.ContractError("deviceId", "a closed session without its device")
    with transaction.atomic():
        courier = keys_by_ireca_id(Courier, [closed.courier_id or ""]).get(closed.courier_id or "")
        where: dict[str, Any] = {"device_id": closed.device_id, "session_start_at": closed.session_start_at or None}
        known = License.objects.filter(**where, is_open=False, session_finish_at__isnull=False).exists()
        session, _created = License.objects.update_or_create(
            **where,
            defaults={
                "device_title": closed.device_title or "",
                "session_id": closed.session_id or "",
                "courier_id": courier,
                "session_finish_at": closed.session_finish_at or None,
                "is_open": False,
            },
        )
        if not known:  # else partners were told already, and told the time
            happened("licenses", [session.pk])
    return f"session of {closed.device_id} closed"


callbacks.HANDLERS["licenses"] = session_closed


def release(session: License) -> Push:
    """Ask iRECA to close a session, which frees its licence."""
    return enqueue.command(
        "ireca",
        "licenses",
        "close",
        {"device_id": session.device_id, "session": session.pk},
        object_id=session.pk,
        remote_id=session.device_id,
    )


def _payload(push: Push) -> dict[str, Any]:
    """A command always has its payload."""
    assert push.payload is not None
    return push.payload


def _is_closed_there(client: Any, push: Push) -> bool:
    """Whether a close whose answer was lost has been carried out: the device is not in the list any more."""
    return all(session.device_id != _payload(push)["device_id"] for session in client.licenses.list().licenses or [])


def _closed(push: Push) -> None:
    session = License.objects.filter(pk=_payload(push)["session"], is_open=True)
    with transaction.atomic():
        if session.update(is_open=False, session_finish_at=timezone.now()):
            happened("licenses", [_payload(push)["session"]])
    pull.request("licenses")


COMMANDS["licenses", "close"] = Command(
    send=lambda client, push: client.licenses.close(_payload(push)["device_id"]), exists=_is_closed_there, done=_closed
)

LOCATIONS_EVERY = 60  # seconds; iRECA allows no more (seed 002:33)


@pull.reader("locations", rank=3, every=LOCATIONS_EVERY)
def read_locations(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """Where the couriers with an open session have been since we looked last."""
    day_ago = timezone.now() - timedelta(days=1)
    couriers = Courier.objects.filter(pk__in=License.objects.filter(is_open=True).values("courier"))
    for courier in couriers:
        latest = courier.locations.order_by("-created_at").values_list("created_at", flat=True).first()
        places = list(client.locations(courier.ireca_id, max(latest or day_ago, day_ago)))
        progress.add(_keep_places(courier, places), len(places))


def _keep_places(courier: Courier, places: Sequence[contract.Location]) -> Applied:
    rows = [
        Location(
            courier=courier,
            order_ireca_id=place.order_id or "",
            delivery_status=place.delivery_status_id if isinstance(place.delivery_status_id, int) else None,
            return_reason_ireca_id=place.return_reason_id or "",
            longitude=place.longitude or None,
            latitude=place.latitude or None,
            accuracy=place.accuracy or None,
            created_at=place.created_at,
        )
        for place in places
        if place.created_at
    ]
    before = courier.locations.count()
    Location.objects.bulk_create(rows, ignore_conflicts=True)
    created = courier.locations.count() - before
    return Applied(created=created, unchanged=len(rows) - created)
