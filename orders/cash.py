"""The cash that couriers have in hand, and acts by which they hand it in.

In hand is collected − returned − handed in, over all years (`cash_entries.py`, `fiscal.CashHandover`). What is handed
in is recorded under a lock on the courier's row, so that two accountants at once do not record the same money twice,
and once for a form (its key). Acts are numbered within a year without gaps. Money is `Decimal` roubles.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from couriers.models import Courier
from fiscal.models import CashActNumber, CashHandover
from orders.models import CashEntry


class NotRecorded(Exception):
    """An act cannot be made; the text says why, in the active language."""


class MoreThanInHand(NotRecorded):
    """More than the courier should have: a person may confirm it."""


@dataclass(frozen=True)
class HandIn:
    """What an accountant says. `key` stands for the form that was filled in."""

    key: uuid.UUID
    amount: Decimal
    at: datetime
    note: str = ""
    is_confirmed: bool = False  # that it is more than the courier should have


def limit(courier: Courier) -> Decimal:
    """How much cash he may have in hand."""
    return courier.cash_limit if courier.cash_limit is not None else Decimal(settings.CASH_LIMIT)


def in_hand(courier_id: int) -> Decimal:
    """The cash that a courier should have now. Two queries."""
    gathered = CashEntry.objects.filter(courier=courier_id).aggregate(sum=Sum(F("collected") - F("returned")))["sum"]
    handed = CashHandover.objects.filter(courier=courier_id).aggregate(sum=Sum("amount"))["sum"]
    return kopecks(gathered) - kopecks(handed)


def record(courier_id: int, said: HandIn, user: Any) -> CashHandover:
    """Record that a courier handed cash in. The same key gives the act that it made before. Raises NotRecorded."""
    with transaction.atomic():
        courier = _locked(courier_id)
        if (made := CashHandover.objects.filter(key=said.key).first()) is not None:
            if (made.courier_id, made.amount, made.reverses_id) != (courier.pk, said.amount, None):
                raise NotRecorded(_("This form has made act %(act)s already.") % {"act": made})
            return made
        if said.amount <= 0:
            raise NotRecorded(_("The amount must be more than zero."))
        if said.at > timezone.now():
            raise NotRecorded(_("It cannot have been handed in later than now."))
        left = in_hand(courier.pk)
        if said.amount > left and not said.is_confirmed:
            raise MoreThanInHand(_("He should have %(left)s in hand, which is less.") % {"left": left})
        return _numbered(courier=courier, amount=said.amount, at=said.at, note=said.note, key=said.key, user=user)


def reverse(act_id: int, key: uuid.UUID, why: str, user: Any) -> CashHandover:
    """Take an act back by a counter entry of today; both stay. An act is reversed once, a counter entry never.

    Raises NotRecorded.
    """
    act = CashHandover.objects.filter(pk=act_id).first()
    if act is None:
        raise NotRecorded(_("There is no such act."))
    with transaction.atomic():
        courier = _locked(act.courier_id)
        if (made := CashHandover.objects.filter(reverses=act).first()) is not None:
            if made.key == key:
                return made
            raise NotRecorded(_("Act %(act)s was reversed by act %(by)s already.") % {"act": act, "by": made})
        if act.reverses_id is not None:
            raise NotRecorded(_("This is a counter entry. Record what was handed in anew."))
        if not why.strip():
            raise NotRecorded(_("Say why."))
        return _numbered(
            courier=courier, amount=-act.amount, at=timezone.now(), note=why.strip(), key=key, user=user, reverses=act
        )


def _locked(courier_id: int) -> Courier:
    couriers = Courier._base_manager.filter(pk=courier_id)
    # SQLite's transactions are immediate: whoever is in one is alone.
    if connection.features.has_select_for_update:
        couriers = couriers.select_for_update()
    courier = couriers.first()
    if courier is None:
        raise NotRecorded(_("The courier is not there any more."))
    return courier


def _numbered(*, user: Any, **fields: Any) -> CashHandover:
    year = timezone.localdate().year
    CashActNumber.objects.bulk_create([CashActNumber(year=year)], ignore_conflicts=True)
    CashActNumber.objects.filter(year=year).update(last=F("last") + 1)  # its lock is held until the act is stored
    number = CashActNumber.objects.values_list("last", flat=True).get(year=year)
    return CashHandover.objects.create(year=year, number=number, recorded_by=user, **fields)


def kopecks(value: Decimal | None) -> Decimal:
    """SQLite adds money up in binary."""
    return (value or Decimal(0)).quantize(Decimal("0.01"))
