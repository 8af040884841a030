"""What endpoints do, in a line (`SUMMARIES`) and in the sentences below it (`NOTES`), and what lists are chosen by.

The usual endpoints of entities are named by what they do, the others by their wire name. `FILTERS` are parameters that
the seed does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from .common import UTC, joined

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

_INCLUSIVE = _("Inclusive: ask again from a minute before your last request, and what you know already comes twice.")
_SEVERAL = _("Several are separated by commas.")

SUMMARIES: Mapping[str, StrPromise] = {
    "read": _("Read one, or a list"),
    "create": _("Create"),
    "update": _("Change one"),
    "delete": _("Delete one"),
    "replace": _("Create or change"),
    "multipleUpdate": _("Change the same attributes of many orders"),
    "journalStatuses": _("How the delivery status of an order changed, and where"),
    "syncStates": _("Which orders the couriers do not have as they are here, and why"),
    "journal": _("What changed in an order, and who changed it"),
    "orderReceipts": _("Receipts of an order's payments"),
    "orderReturnReceipts": _("Receipts of an order's returns"),
    "correctionReceipts": _("Correction receipts"),
    "atolOnlineSettings": _("Save settings of ATOL Online"),
    "pechka54Settings": _("The address for a shop's print server Pechka54"),
    "bankTerminalLogs": _("Errors of bank terminals with your orders"),
    "fiscalRegistratorLogs": _("Errors of cash registers with your orders"),
    "locations": _("Where a courier was"),
    "permissions": _("What roles may do"),
    "permissions/replace": _("Allow or forbid roles what they may do"),
    "licenses": _("How many licences are used, and by whom"),
    "licenses/close": _("Release the licence of a device"),
    "callback": _("Say where changes are posted"),
    "webhooks/rotate": _("Give a webhook a new secret"),
    "webhooks/resume": _("End the pause of a webhook"),
    "webhooks/test": _("Send a trial"),
    "webhooks/deliveries": _("What was sent: one delivery, or the log"),
    "webhooks/replay": _("Send again"),
    "orderStatuses": _("Payment statuses"),
    "orderDeliveryStatuses": _("Delivery statuses"),
    "closeTypes": _("Kinds of payment types"),
    "taxTypes": _("Usual titles of VAT rates"),
    "goodCalcTypes": _("What is sold, for receipts"),
    "dictionary/permissions": _("What may be permitted"),
}

NOTES: Mapping[str, StrPromise] = {
    "read": _("With `{id}`: that one, an object. Without: a list, an array. A list can be of all or of a page."),
    "filters": _(
        "Parameters that do not exist, are empty or are given twice are refused: ignored, they would give you"
        " everything."
    ),
    "create": _("All or none: if one cannot be created, none is, and the answer names each that cannot."),
    "delete/kept/orders": _("Answered 409 once the order was paid at a register, and while its receipt is missing."),
    "delete/kept/clients": _("Answered 409 while the client has orders that are neither closed nor cancelled."),
    "update": _("What the body leaves out stays as it is. The id is that of the query; the body need not repeat it."),
    "replace": _(
        "Those whose id is known are changed, the others are created; what an object leaves out stays as it is."
        " All or none: if one cannot be written, none is, and the answer names each that cannot."
    ),
    "references": _(
        "What an id refers to need not exist yet: the object waits for it here, and goes to the couriers when it comes."
    ),
    "codes": _(
        "A status that is in no dictionary is refused: read `dictionary/orderStatuses` and"
        " `dictionary/orderDeliveryStatuses`."
    ),
    "refund": _(
        "With `isRefund=1` refunds are created: each needs `isRefund: true` and its payments. A refund is an order with"
        " a number of its own."
    ),
    "201": _("PUT and replace of orders answer 201, those of everything else 204, as at iRECA."),
    "secret": _("It is never told: it is empty in every answer here."),
    "multiple": _("Only these seven attributes. All or none: an unknown order changes nothing."),
    "mine": _("Of your own orders only."),
    "atol": _("The password is never told again. A `settingId` is your own number of the settings."),
    "once a minute": _("iRECA records a place once a minute at most: do not ask more often."),
    "locations": _("Orders of others are not named: their `orderId`, status and reason are null."),
    "license": _("iRECA is asked to end the session; the answer tells that it will be asked."),
    "callback": _(
        "One address for each kind of events; each call sets it anew, and `isActive` switches it on and off."
    ),
    "webhooks/most": _(
        "A source has 10 webhooks at most, those of the documented calls among them: one more is a 409."
    ),
    "webhooks": _("What is posted, how it is signed and how often it is tried: see the page on webhooks."),
    "syncStates": _(
        "Without parameters: all that are `pending`, `failed` or `conflict`. With `orderId` or `state`: those, however"
        " they stand; a number that you have no order for is left out. Without `page` and `count`: the first 500."
    ),
    "open": _("New entries may come: read this at run time, do not compile it into a program."),
}

FILTERS: Mapping[str, StrPromise] = {
    "updatedSince": joined(_("Only what changed at this moment or later."), UTC, _INCLUSIVE),
    "createdSince": joined(_("Only orders created at this moment or later."), UTC),
    "windowFrom": joined(_("Only orders whose delivery window ends at this moment or later."), UTC),
    "windowTo": joined(_("Only orders whose delivery window begins at this moment or earlier."), UTC),
    "statusId": joined(_("Only orders with this payment status."), _SEVERAL),
    "deliveryStatusId": joined(_("Only orders with this delivery status."), _SEVERAL),
    "courierId": joined(_("Only orders of this courier."), _SEVERAL),
    "parentId": joined(_("Only goods in this group."), _SEVERAL),
    "orderId": joined(_("Only these orders."), _SEVERAL),
    "state": joined(_("Only orders in this state."), _SEVERAL),
    "codeAlias": _("Only the order with this number, as people read it."),
    "article": _("Only goods with this article number."),
    "phone": _("Only those with this phone, however it is spelled."),
    "hasReceipt": _("`1`: only orders that have a fiscal receipt. `0`: only those that have none."),
    "isRefund": _("`1`: only refunds. `0`: only orders that are none."),
    "isActive": _("`1`: only what is active. `0`: only what is deleted."),
}
