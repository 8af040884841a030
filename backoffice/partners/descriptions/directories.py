"""Directories, which all partners share: reasons, payment types, VAT rates, dictionaries (seed 2492-2862)."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import Entity

from .common import CHANGED_AT, OPEN_CODES, SHARED_ID, Described, at

_ID_IN_QUERY = _("An edit names it in the address only.")

ENTITIES: Mapping[type[Entity], Described] = {
    contract.ReturnReason: at(2492, _("A reason to cancel an order or a line, or to take goods back."), SHARED_ID),
    contract.PaymentType: at(2572, _("A payment type: how an order can be paid."), SHARED_ID),
    contract.Tax: at(2661, _("A VAT rate of goods and lines."), SHARED_ID),
    contract.DictionaryEntry: at(2737, _("An entry of a dictionary: a code, and what it means.")),
}

FIELDS: Mapping[type[Entity], Mapping[str, Described]] = {
    contract.ReturnReason: {
        "reason_id": at(2495, _("The reason's number, which orders name as `returnReasonId`."), _ID_IN_QUERY),
        "title": at(2504, _("The reason, for people.")),
        "type": at(2515, _("Where the reason comes from: `standard` is built in."), OPEN_CODES),
    },
    contract.PaymentType: {
        "payment_type_id": at(2575, _("The payment type's number, which orders name as `paymentId`."), _ID_IN_QUERY),
        "title": at(2587, _("Name of the payment type.")),
        "close_type_id": at(
            2579, _("What the cash register prints: `1` cash, `2` bank card, `3` prepayment."), OPEN_CODES
        ),
        "updated_at": at(2598, CHANGED_AT),
    },
    contract.Tax: {
        "tax_id": at(2667, _("The VAT rate's number."), _ID_IN_QUERY),
        "title": at(
            2668, _("The rate, such as `20%` or `20%/120%`: any text; `dictionary/taxTypes` has the usual ones.")
        ),
    },
    contract.DictionaryEntry: {
        # Each dictionary has a name of its own for it: 2746, 2785, 2812, 2825; the contract's attribute is none of them
        "code": at(
            2746,
            _(
                "The code: `statusId` in `orderStatuses` (of payment) and in `orderDeliveryStatuses` (of delivery),"
                " `closeTypeId` in `closeTypes`, `calcId` in `goodCalcTypes`, `permissionId` in `permissions`."
                " Entries of `taxTypes` have none."
            ),
        ),
        "title": at(2747, _("What the code means, for people; in `permissions` it is called `description`.")),
    },
}
