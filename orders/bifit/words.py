"""What BIFIT Kassa says, in words (seed 000:49-72). Codes that the document does not know are shown as they are."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backoffice.remotes.bifit import contract
from backoffice.remotes.bifit.contract import DeliveryType, Status, TaxSystem

STATUSES: dict[str, Any] = {
    Status.NEW: pgettext_lazy("BIFIT", "NEW"),
    Status.ACCEPTED: pgettext_lazy("BIFIT", "ACCEPTED"),
    Status.DISTRIBUTED: pgettext_lazy("BIFIT", "DISTRIBUTED"),
    Status.ISSUED: pgettext_lazy("BIFIT", "ISSUED"),
    Status.REFUSED: pgettext_lazy("BIFIT", "REFUSED"),
    Status.DELETED: pgettext_lazy("BIFIT", "DELETED"),
    Status.FINISHED: pgettext_lazy("BIFIT", "FINISHED"),
}
TAX_SYSTEMS: dict[str, Any] = {
    TaxSystem.COMMON: _("general taxation"),
    TaxSystem.SIMPLIFIED: _("simplified taxation, 6 % of income"),
    TaxSystem.SIMPLIFIED_WITH_EXPENSE: _("simplified taxation, 15 % of income less expenses"),
    TaxSystem.ENVD: _("tax on imputed income (not used since 2020)"),
    TaxSystem.COMMON_AGRICULTURAL: _("agricultural tax"),
    TaxSystem.PATENT: _("patent taxation"),
}
DELIVERIES: dict[str, Any] = {
    DeliveryType.COURIER: _("delivered by a courier"),
    DeliveryType.SELF: _("picked up by the client"),
    DeliveryType.SERVICE: _("delivery service (not used, the document says)"),
}
REASONS = {
    contract.NOT_REFUSED: _("Only an accepted or distributed order can be refused; a new one is deleted instead."),
    contract.NOT_DELETED: _("Only a new order can be deleted; an accepted or distributed one is refused instead."),
    contract.CLOSED: _("The order is closed: refused, deleted and finished are final."),
    contract.NOT_CREATED_SO: _("An order cannot be created as refused or deleted."),
}


def status(code: str) -> str:
    return str(STATUSES.get(code, code))


def tax_system(code: str) -> str:
    return str(TAX_SYSTEMS.get(code, code))


def delivery(code: str) -> str:
    return str(DELIVERIES.get(code, code))


def reason(text: str) -> str:
    """Why a change of status is forbidden, from `contract.may_become`."""
    return str(REASONS.get(text, text))
