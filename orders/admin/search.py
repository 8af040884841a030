"""Search in a table of a million orders: a few small queries, each on an index, instead of one that reads everything.

Each arm answers with at most LIMIT keys of the list as it is filtered already. Words of addresses and names are found
in any order on PostgreSQL, which has an index of them. SQLite finds how a street or a name begins, and of what is
written on orders only that of recent ones, on the index of windows.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import nlargest
from typing import Any

from django.db import connection
from django.db.models import Case, Exists, Max, OuterRef, Q, QuerySet, When
from django.utils import timezone

from backoffice.sync import words
from backoffice.sync.mirrored import ONLY_NAMED
from backoffice.sync.personal import is_hidden
from catalog.models import Good
from orders import marking
from orders.models import Client, Order
from orders.phones import e164

LIMIT = 1000
NEWEST = 2000
MANY = 20_000
RECENT = timedelta(days=60)
MIN_PHONE_DIGITS = 7
MIN_PHONE_START = 4  # digits with which a number begins
MIN_END = 3  # digits with which one ends, as people tell it at the phone
LAST_CHARACTER = "\U0010ffff"


def orders(queryset: QuerySet[Order], term: str) -> QuerySet[Order]:
    """Orders by number, iRECA id, phone, client or address."""
    with words.bounded():
        found = _keys(queryset, _order_arms(term)) | _by_endings(queryset, term)
        if not is_hidden():
            found |= _by_words(queryset, term) if words.are_indexed() else _by_beginnings(queryset, term)
    return queryset.filter(pk__among=found)


def _by_endings(queryset: QuerySet[Order], term: str) -> set[int]:
    """Of the newest orders those whose number ends with these digits, behind its prefix, or whose phone does."""
    digits = _digits(term)
    if len(digits) < MIN_END:
        return set()
    ends = Q(number__endswith=term.lstrip("№# "))
    if not is_hidden():
        ends |= Q(phone_e164__endswith=digits) | Q(client__phone_e164__endswith=digits)
    return _of_newest(queryset, ends)


def _of_newest(queryset: QuerySet[Order], condition: Any) -> set[int]:
    """The newest are looked through, one by one: no index has what the condition asks for.

    Those without a window are not among them: PostgreSQL would take them for the newest of all.
    """
    newest = queryset.filter(delivery_time_from__isnull=False).annotate(
        is_found=Case(When(condition, then=True), default=False)
    )
    rows = newest.order_by("-delivery_time_from", "-pk").values_list("pk", "is_found")[:NEWEST]
    return {pk for pk, is_found in rows if is_found}


def _by_words(queryset: QuerySet[Order], term: str) -> set[int]:
    """Orders with these words: the newest are looked through, for what many orders have; the index finds the rest."""
    found = _of_newest(queryset, words.ReadsWords(*Order.WORDS, term=term))
    if len(found) < LIMIT:
        has_words = words.HasWords(*Order.WORDS, term=term)
        found.update(queryset.filter(has_words).order_by().values_list("pk", flat=True)[:LIMIT])
    return found


def _by_beginnings(queryset: QuerySet[Order], term: str) -> set[int]:
    """Recent orders, in the order of the index of windows, so that the engine walks that one."""
    recent = queryset.filter(_written(term), delivery_time_from__gte=timezone.now() - RECENT)
    return set(recent.order_by("-delivery_time_from", "-pk").values_list("pk", flat=True)[:LIMIT])


def clients(queryset: QuerySet[Client], term: str) -> QuerySet[Client]:
    """Clients by phone, name, company, INN or iRECA id."""
    with words.bounded():
        return queryset.filter(pk__among=_client_ids(queryset, term, inn=True))


def _order_arms(term: str) -> Iterator[Q]:
    yield prefix("number", term)
    yield Q(ireca_id=term)
    if (phone := as_phone(term)) and not is_hidden():
        yield Q(phone_e164=phone)
    if clients := _client_ids(Client.objects.all(), term):
        yield Q(client__among=clients)


def _written(term: str) -> Q:
    """What is written on the order itself: the address, with the house at the end of the term, and the name."""
    written = Q()
    for name in ("to_street", "to_city", "to_line", "client_lastname", "client_firstname"):
        written |= _prefix_any_case(name, term)
    street, _space, home = term.rpartition(" ")
    if street and home[:1].isdigit():
        written |= _prefix_any_case("to_street", street.rstrip(", ")) & Q(to_home__iexact=home)
    return written


def _client_ids(queryset: QuerySet[Client], term: str, *, inn: bool = False) -> set[int]:
    if is_hidden():  # who may not see names and phones may not guess at them
        return _keys(queryset, [Q(ireca_id=term)])
    arms = _named(term)
    if inn:
        arms += [Q(inn=term), Q(ireca_id=term)]
    if phone := as_phone(term):
        arms.append(Q(phone_e164=phone))
    return _keys(queryset, arms)


def _named(term: str) -> list[Q]:
    """Clients whose names begin so, those with both names first."""
    if words.are_indexed():
        return [Q(words.HasWords(*Client.WORDS, term=term))]
    arms = [_prefix_any_case(name, term) for name in Client.WORDS]
    lastname, _space, firstname = term.partition(" ")
    if firstname:
        arms.insert(0, _prefix_any_case("lastname", lastname) & _prefix_any_case("firstname", firstname.strip()))
    return arms


def _keys(queryset: QuerySet, arms: Iterable[Q]) -> set[int]:
    """Of each arm the newest LIMIT, of MANY that are found. They are sorted here: PostgreSQL, asked for the newest,
    would rather walk the table backwards until it has met enough of them.
    """
    found: set[int] = set()
    for arm in arms:
        rows = queryset.filter(arm).order_by().values_list("pk", flat=True)
        keys = set(rows[:MANY])
        if len(keys) == MANY:  # whichever those are
            last = queryset.model._base_manager.aggregate(last=Max("pk"))["last"]
            keys.update(rows.filter(pk__gt=last - NEWEST))
        found.update(nlargest(LIMIT, keys))
    return found


def as_phone(term: str) -> str:
    """The number in E.164 where the term looks like one, otherwise an empty text."""
    return e164(term) if len(_digits(term)) >= MIN_PHONE_DIGITS else ""


def _digits(term: str) -> str:
    """The digits of a term that holds no letter, otherwise an empty text."""
    return "" if any(c.isalpha() for c in term) else "".join(c for c in term if c in string.digits)


def prefix(name: str, term: str) -> Q:
    """`name` starts with `term`, in the form that the engine's index can answer: SQLite's LIKE cannot use one."""
    if connection.vendor == "sqlite":
        return Q(**{f"{name}__gte": term, f"{name}__lt": term + LAST_CHARACTER})
    return Q(**{f"{name}__startswith": term})


def _prefix_any_case(name: str, term: str) -> Q:
    """As people type it: all in small letters, too."""
    return prefix(name, term) | prefix(name, term[:1].upper() + term[1:])


# while one types: the first few, best first

SHOWN = 12
MOST_WORDS = 12  # of a title that are looked for
MIN_TITLE = 2  # letters; fewer are in half of all titles
GTIN_LENGTHS = (8, 12, 13, 14)


@dataclass(frozen=True)
class FoundGoods:
    """`is_exact`: a barcode or an article named one good, so a scanner needs no choice. `mark`: the marking code that
    was scanned, empty where it was none.
    """

    goods: Sequence[Good]
    is_exact: bool = False
    mark: str = ""


def goods(term: str) -> FoundGoods:
    """Goods that can be sold, by barcode, marking code, article or title; each arm is along an index but the last."""
    term = term.strip()
    mark = marking.parse(term)
    codes = _barcodes(mark.gtin or term)
    rows = _sold().select_related("tax")
    exact = _first(rows, [Q(barcode__in=codes), *([] if mark.gtin else [Q(article=term)])])
    if exact or mark.gtin:
        return FoundGoods(exact, len(exact) == 1, term if mark.gtin else "")
    arms = [prefix("article", term), prefix("article", term.upper())]
    if len(term) >= MIN_TITLE:
        # Each by itself: two ranges at once are sorted whole before the first row comes.
        arms += [prefix("title", term), prefix("title", term[:1].upper() + term[1:]), _contains("title", term)]
    return FoundGoods(_first(rows, arms))


def clients_as_typed(term: str) -> list[Client]:
    """Clients whose name begins so, or whose phone does, in any spelling."""
    if is_hidden():
        return []
    arms = _named(term)
    if starts := _phone_starts(term):
        arms = [prefix("phone_e164", start) for start in starts]
    with words.bounded():
        return _first(Client.objects.filter(merged_into=None).exclude(ONLY_NAMED), arms)


def clients_at(phone: str) -> list[Client]:
    """Clients who have this very phone, in any spelling."""
    number = e164(phone)
    if not number or is_hidden():
        return []
    return list(Client.objects.filter(phone_e164=number, merged_into=None).exclude(ONLY_NAMED).order_by("pk")[:SHOWN])


def _sold() -> QuerySet[Good]:
    """Goods that are active and no folder."""
    inside = Good._base_manager.filter(parent=OuterRef("pk"))
    return Good.objects.filter(~Exists(inside), is_active=True).exclude(remote_data={}, title="").exclude(ONLY_NAMED)


def _first(queryset: QuerySet, arms: Iterable[Q]) -> list[Any]:
    found: dict[int, Any] = {}
    for arm in arms:
        if len(found) < SHOWN:
            found |= {row.pk: row for row in queryset.filter(arm)[:SHOWN] if row.pk not in found}
    return list(found.values())[:SHOWN]


def _barcodes(code: str) -> set[str]:
    """A code as it may be written: the same number has leading zeros as GTIN-14, one less as EAN-13."""
    if not (code.isascii() and code.isdigit() and len(code) in GTIN_LENGTHS):
        return {code}
    bare = code.lstrip("0")
    return {code, *(bare.zfill(length) for length in GTIN_LENGTHS if len(bare) <= length)}


def _contains(name: str, term: str) -> Q:
    """All words, in any order; the first few of many, for an engine takes but so many conditions. SQLite knows no small
    and large letters but the Latin ones.
    """
    found = Q()
    for word in term.split()[:MOST_WORDS]:
        found &= (
            Q(**{f"{name}__contains": word})
            | Q(**{f"{name}__icontains": word.lower()})
            | Q(**{f"{name}__contains": word.capitalize()})
        )
    return found


def _phone_starts(term: str) -> list[str]:
    """How E.164 numbers begin that a person may be typing; none where it is no number."""
    digits = _digits(term)
    if len(digits) < MIN_PHONE_START:
        return []
    if term.strip().startswith("+"):
        return [f"+{digits}"]
    national = digits[1:] if digits[0] in "78" else digits
    return [f"+7{national}", f"+{digits}"]
