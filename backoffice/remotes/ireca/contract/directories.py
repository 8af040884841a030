"""Directories: return reasons, payment types, taxes, and the six fixed dictionaries (seed 2492-2862)."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET

from .codec import Entity
from .kinds import Code, Moment, Ref, Text, Wire


class ReturnReason(Entity, kw_only=True):
    """Why an order or a line came back (2492-2571). T64: `type` is text, "standard" is built in. T65: an edit names
    the id in the query only."""

    reason_id: Ref = UNSET
    title: Text = UNSET
    type: Text = UNSET

    wire_id = "reason_id"
    writes = {**dict.fromkeys(("create", "replace"), "reason_id! title!"), "update": "title!"}
    answers = dict.fromkeys(("get", "list"), "reason_id title type")


class PaymentType(Entity, kw_only=True):
    """A payment type (2572-2660). T67: `close_type_id` 3 is a prepayment, though the dictionary ends at 2. T65, T66:
    the id is not in the body of an edit, nor in the answer to a read by id."""

    payment_type_id: Ref = UNSET
    title: Text = UNSET
    close_type_id: Code = UNSET
    updated_at: Moment = UNSET

    wire_id = "payment_type_id"
    writes = {
        **dict.fromkeys(("create", "replace"), "payment_type_id! close_type_id! title!"),
        "update": "close_type_id! title!",
    }
    answers = dict.fromkeys(("get", "list"), "payment_type_id title close_type_id updated_at")


class Tax(Entity, kw_only=True):
    """A tax rate (2661-2736). T68: the title is free text, suggestions are in dictionary/taxTypes. T65, T66 as in
    PaymentType."""

    tax_id: Ref = UNSET
    title: Text = UNSET

    wire_id = "tax_id"
    writes = {**dict.fromkeys(("create", "replace"), "tax_id! title"), "update": "title"}
    answers = dict.fromkeys(("get", "list"), "tax_id title")


DICTIONARIES = (
    "orderStatuses",
    "orderDeliveryStatuses",
    "closeTypes",
    "taxTypes",
    "goodCalcTypes",
    "permissions",
)
"""The wire names of the six dictionaries (2737-2862)."""


class DictionaryEntry(Entity, kw_only=True):
    """An entry of any of the six dictionaries: its code and what people read.

    T30: statusId is a payment status in orderStatuses and a delivery status in orderDeliveryStatuses. T55:
    permissions are coded by permissionId and titled by their description. Entries of taxTypes have no code but
    their title.
    """

    code: Annotated[Ref, Wire(also=("statusId", "closeTypeId", "calcId", "permissionId", "actionId"))] = UNSET
    title: Annotated[Text, Wire(also=("description",))] = UNSET

    wire_id = "code"

    @classmethod
    def settle(cls, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        if values.get("code") is None or values["code"] is UNSET:
            values["code"] = values.get("title") or None
