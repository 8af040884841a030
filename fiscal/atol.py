"""What is checked in settings of ATOL Online before they are believed (CONTRACT, "ATOL Online settings")."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from stdnum.exceptions import ValidationError as NotValid
from stdnum.ru import inn as russian_inn

from fiscal.models import AtolSettings

TEST_GROUP = "v4-online-atol-ru_4179"


def check_inn(value: str) -> None:
    """10 digits for companies, 12 for persons, with their checksums. Raises Django's ValidationError."""
    if not re.fullmatch(r"\d{10}|\d{12}", value):
        raise ValidationError(_("An INN has 10 or 12 digits."))
    try:
        russian_inn.validate(value)
    except NotValid as error:
        raise ValidationError(_("The checksum of this INN is wrong: there is a typing error.")) from error


def warnings(row: AtolSettings) -> list[str]:
    """What is allowed and yet hardly meant."""
    found = []
    if row.tax_system == AtolSettings.TaxSystem.ENVD:
        found.append(
            _("The imputed income tax system was abolished on 1 January 2021: receipts with it break the law.")
        )
    if row.is_production and row.kkt_group == TEST_GROUP:
        found.append(_("Real receipts are on, but %(group)s is ATOL's test group.") % {"group": TEST_GROUP})
    return found
