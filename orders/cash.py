"""The cash that couriers have in hand, and acts by which they hand it in.

In hand is collected − returned − handed in, over all years (`cash_entries.py`, `fiscal.CashHandover`); what a return is
to give back later is in hand until then. What is handed in is recorded under a lock on the courier's row, so that two
accountants at once do not record the same money twice, and once for a form (its key). Acts are numbered within a year
without gaps. Money is `Decimal` roubles.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db import connection, transaction
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from couriers.models import Courier
from fiscal.models import CashActNumber, CashHandover
from orders.models import CashEntry

CACHE_SECONDS = 30
cache = caches["process"]  # adding up years of entries is too much for each refresh of each open board


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
    return in_hands([courier_id])[courier_id]


def in_hands(courier_ids: Collection[int]) -> dict[int, Decimal]:
    """The cash that each of these couriers should have now. Two queries."""
    found = dict.fromkeys(courier_ids, Decimal("0.00"))
    entries = CashEntry.objects.filter(courier__in=courier_ids).order_by().values_list("courier")
    given_back = Sum("returned", filter=Q(at__lte=timezone.now()))
    for key, came, went in entries.annotate(came=Sum("collected"), went=given_back):
        found[key] += kopecks(came) - kopecks(went)
    acts = CashHandover.objects.filter(courier__in=courier_ids).order_by().values_list("courier")
    for key, handed in acts.annotate(sum=Sum("amount")):
        found[key] -= kopecks(handed)
    return found


def in_hands_lately(courier_ids: Collection[int]) -> dict[int, Decimal]:
    """What each of these couriers should have, as of half a minute ago at most; to look at, not to decide by."""
    keys = {_key(courier_id): courier_id for courier_id in courier_ids}
    known = {keys[key]: sum_ for key, sum_ in cache.get_many(keys).items()}
    if unknown := [courier_id for courier_id in courier_ids if courier_id not in known]:
        fresh = in_hands(unknown)
        cache.set_many({_key(courier_id): sum_ for courier_id, sum_ in fresh.items()}, CACHE_SECONDS)
        known |= fresh
    return known


def _key(courier_id: int) -> str:
    return f"cash-in-hand:{courier_id}"


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
            more = {"amount": written(said.amount), "left": written(left), "more": written(said.amount - left)}
            raise MoreThanInHand(_("%(amount)s is %(more)s more than the %(left)s that he should have in hand.") % more)
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


def _numbered(*, courier: Courier, user: Any, **fields: Any) -> CashHandover:
    year = timezone.localdate().year
    CashActNumber.objects.bulk_create([CashActNumber(year=year)], ignore_conflicts=True)
    CashActNumber.objects.filter(year=year).update(last=F("last") + 1)  # its lock is held until the act is stored
    number = CashActNumber.objects.values_list("last", flat=True).get(year=year)
    # Once others can read the act, or a board opened in between would keep the sum without it.
    transaction.on_commit(partial(cache.delete, _key(courier.pk)))
    return CashHandover.objects.create(year=year, number=number, courier=courier, recorded_by=user, **fields)


def written(value: Decimal) -> str:
    """A sum as people read it, in the active language."""
    return number_format(value, 2, use_l10n=True, force_grouping=True)


def kopecks(value: Decimal | None) -> Decimal:
    """SQLite adds money up in binary."""
    return (value or Decimal(0)).quantize(Decimal("0.01"))
