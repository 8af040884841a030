"""Couriers, their roles, permissions and sessions, and clients (seed 1898-2285, 2398-2447)."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Entity

from .common import ADDRESS, CHANGED_AT, COURIER, INN, IS_ACTIVE, SHARED_ID, UTC, Described, at, joined, placed

_ROLE = _("The role, by the id that all partners share.")
_SESSION = {
    "courier_id": COURIER,
    "device_id": _("The device, by its hexadecimal id. It is text, though the contract calls it a number."),
    "device_title": _("Maker and model of the device."),
    "session_start_at": joined(_("When the courier signed in on the device."), UTC),
}

ENTITIES: Mapping[type[Entity], Described] = {
    contract.Courier: at(1898, _("A courier, who signs in to the app and delivers orders."), SHARED_ID),
    contract.Role: at(2007, _("A role of the app's users, which permissions are given to."), SHARED_ID),
    contract.Permission: at(
        2084, _("Whether a role may do something in the app. Devices of Evotor do not obey permissions.")
    ),
    contract.Client: at(2121, _("A client. You see your own clients only, under your own numbers.")),
    contract.ClientAddress: at(2133, _("A client's address in parts. Coordinates and postal code may be absent.")),
    contract.LicensePool: at(2399, _("How many licences there are, and which devices use them.")),
    contract.License: at(2408, _("A device on which a courier is signed in: it uses a licence.")),
    contract.SessionClosed: at(
        2436, _("What is posted to your address when a courier's session is closed. Answer `201`.")
    ),
}

FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    contract.Courier: {
        "courier_id": at(1905, _("The courier's number, chosen by whoever creates him."), SHARED_ID),
        "title": at(1906, _("The courier's first and last name.")),
        "email": at(1907, _("The courier's e-mail.")),
        "phone": at(1908, _("The courier's phone.")),
        "role_id": at(1909, _ROLE, _("Null: no role.")),
        "source_password": at(
            1910, _("The courier's password for the app, as he types it: keep it secret. Required on creation only.")
        ),
        "inn": at(1911, INN, _("It is printed on receipts as the cashier's.")),
        "updated_at": at(1939, CHANGED_AT),
    },
    contract.Role: {
        "role_id": at(2014, _("The role's number, chosen by whoever creates it."), SHARED_ID),
        "title": at(2015, _("Name of the role.")),
        "is_active": at(2033, IS_ACTIVE),
    },
    contract.Permission: {
        "role_id": at(2088, _ROLE),
        # T55: actionId in bodies, permissionId in the addresses and in the dictionary
        "action_id": at(
            2097,
            _("What is permitted: a code of `dictionary/permissions`, where it is called `permissionId`."),
            _("For example, `registratorShiftOpen` opens a shift of the cash register."),
        ),
        "is_allowed": at(2104, _("`1`: allowed, `0`: forbidden; written as text.")),
        "role_title": at(2103, _("Name of the role.")),
        "description": at(2105, _("What the permission allows, for people.")),
        "updated_at": at(2106, CHANGED_AT),
    },
    contract.Client: {
        "client_id": at(2128, _("Your own number of the client, unique among your clients.")),
        "title": at(2129, _("Name of the client's company. It must be given; empty: a private person.")),
        "firstname": at(2130, _("The client's first name. It must be given and may be empty.")),
        "lastname": at(2131, _("The client's last name. It must be given and may be empty.")),
        "birthday": at(2132, _("Date of birth, `YYYY-MM-DD`. It must be given; null or empty: not known.")),
        "address_entity": at(2133, _("The client's address, in parts. Null: not known.")),
        "inn": at(2138, INN),
        "phone": at(2139, _("The client's phone, used for orders that have none.")),
        # The seed's label says "address", its examples are e-mails
        "email": at(2140, _("The client's e-mail.")),
        "description": at(2141, _("Notes on the client.")),
        "updated_at": at(2188, CHANGED_AT),
    },
    contract.ClientAddress: {
        **placed(
            ADDRESS,
            city=2134,
            street=2135,
            home=2136,
            apartment=2137,
            postindex=2176,
            latitude=2181,
            longitude=2182,
        ),
        # T58: it belongs to the addresses of orders, where line 113 is
        "is_use_google_geo": at(113, _("Of no use in a client's address: it is neither read nor answered.")),
    },
    contract.LicensePool: {
        "license_use": at(2406, _("How many licences are in use.")),
        "license_total": at(2407, _("How many licences there are in all.")),
        "licenses": at(2408, _("The devices that use a licence.")),
    },
    contract.License: placed(_SESSION, courier_id=2410, device_id=2411, device_title=2412, session_start_at=2413),
    contract.SessionClosed: {
        "session_id": at(2440, _("The session that was closed.")),
        **placed(_SESSION, courier_id=2441, device_id=2442, device_title=2443, session_start_at=2444),
        "session_finish_at": at(2445, _("When the session was closed."), UTC),
    },
}
