"""Couriers, their roles, permissions and device sessions, and clients (seed 1898-2285, 2398-2447)."""

from typing import Annotated

from msgspec import UNSET, UnsetType

from .codec import Entity
from .common import ClientAddress
from .kinds import Code, Day, Flag, FlagText, Moment, Ref, RefNumber, Secret, Text, Wire


class Courier(Entity, kw_only=True):
    """A courier (1904-1911, 1931-1940).

    T53: `source_password` comes in clear text; it is never printed nor dumped. It is required on creation only, so
    that an edit need not know it. T54: `updated_at` is only read, though the seed's PUT echoes it.
    """

    courier_id: Ref = UNSET
    title: Text = UNSET
    email: Text = UNSET
    phone: Text = UNSET
    role_id: Ref = UNSET
    source_password: Secret = UNSET
    inn: Text = UNSET
    updated_at: Moment = UNSET

    wire_id = "courier_id"
    writes = {
        "create": "courier_id! title! email! phone! role_id source_password! inn",
        **dict.fromkeys(("update", "replace"), "courier_id! title! email! phone! role_id source_password inn"),
    }
    answers = dict.fromkeys(("get", "list"), "courier_id title email phone role_id source_password inn updated_at")


class Role(Entity, kw_only=True):
    """A role of the app's users (2013-2015, 2030-2034); its id is a number in every example."""

    role_id: RefNumber = UNSET
    title: Text = UNSET
    is_active: Flag = UNSET

    wire_id = "role_id"
    writes = dict.fromkeys(("create", "update", "replace"), "role_id! title!")
    answers = dict.fromkeys(("get", "list"), "role_id:number title is_active")


class Permission(Entity, kw_only=True):
    """What a role may do (2099-2119). T55: the wire says actionId in bodies and permissionId elsewhere."""

    role_id: RefNumber = UNSET
    action_id: Annotated[Ref, Wire(also=("permissionId",))] = UNSET
    is_allowed: FlagText = UNSET
    role_title: Text = UNSET
    description: Text = UNSET
    updated_at: Moment = UNSET

    writes = {"replace": "role_id! action_id! is_allowed!"}
    answers = {"list": "role_id:number action_id role_title is_allowed:text description updated_at"}


class Client(Entity, kw_only=True):
    """A client (2127-2141, 2169-2189); its id is a number in every example.

    T59: title, names and birthday are called required, yet "" is a value: they must be given and may be empty.
    """

    client_id: RefNumber = UNSET
    title: Text = UNSET
    firstname: Text = UNSET
    lastname: Text = UNSET
    birthday: Day = UNSET
    address_entity: ClientAddress | UnsetType | None = UNSET
    inn: Text = UNSET
    phone: Text = UNSET
    email: Text = UNSET
    description: Text = UNSET
    updated_at: Moment = UNSET

    wire_id = "client_id"
    writes = dict.fromkeys(
        ("create", "update", "replace"),
        "client_id! title! firstname! lastname! birthday* address_entity inn phone email description",
    )
    answers = dict.fromkeys(
        ("get", "list"),
        "client_id:number title firstname lastname birthday address_entity inn phone email description updated_at",
    )


class License(Entity, kw_only=True):
    """A device session that uses a licence (2408-2414); `device_id` is hex text (T61)."""

    courier_id: Ref = UNSET
    device_id: Ref = UNSET
    device_title: Text = UNSET
    session_start_at: Moment = UNSET

    wire_id = "device_id"
    answers = {"list": "courier_id:number device_id device_title session_start_at"}


class LicensePool(Entity, kw_only=True):
    """How many licences there are and who uses them (2405-2416)."""

    license_use: Code = UNSET
    license_total: Code = UNSET
    licenses: list[License] | UnsetType = UNSET

    answers = {"list": "license_use license_total licenses"}


class SessionClosed(Entity, kw_only=True):
    """The callback that a courier's session was closed (2439-2446)."""

    session_id: Ref = UNSET
    courier_id: Ref = UNSET
    device_id: Ref = UNSET
    device_title: Text = UNSET
    session_start_at: Moment = UNSET
    session_finish_at: Moment = UNSET

    wire_id = "session_id"
    answers = {
        "callback": "session_id:number courier_id:number device_id device_title session_start_at session_finish_at"
    }
