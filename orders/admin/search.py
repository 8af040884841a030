"""Search in a table of a million orders: a few small queries, each on an index, instead of one that reads everything.

Each arm answers with at most LIMIT keys of the list as it is filtered already. What has no index of its own (addresses,
names written on the order) is looked for among recent orders only, on the index of windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from orders.models import Client, Order
from orders.phones import e164

LIMIT = 1000
RECENT = timedelta(days=60)
MIN_PHONE_DIGITS = 7
LAST_CHARACTER = "\U0010ffff"


def orders(queryset: QuerySet[Order], term: str) -> QuerySet[Order]:
    """Orders by number, iRECA id, phone, client or address."""
    found = _keys(queryset, _order_arms(term))
    # In the order of the index of windows, so that the engine walks that one.
    recent = queryset.filter(_written(term), delivery_time_from__gte=timezone.now() - RECENT)
    found.update(recent.order_by("-delivery_time_from", "-pk").values_list("pk", flat=True)[:LIMIT])
    return queryset.filter(pk__in=found)


def clients(queryset: QuerySet[Client], term: str) -> QuerySet[Client]:
    """Clients by phone, name, company, INN or iRECA id."""
    return queryset.filter(pk__in=_client_ids(queryset, term, inn=True))


def _order_arms(term: str) -> Iterator[Q]:
    yield prefix("number", term)
    yield Q(ireca_id=term)
    if phone := as_phone(term):
        yield Q(phone_e164=phone)
    if clients := _client_ids(Client.objects.all(), term):
        yield Q(client__in=clients)


def _written(term: str) -> Q:
    """What is written on the order itself: the address, with the house at the end of the term, and the name."""
    written = Q()
    for name in ("to_street", "to_city", "to_line", "client_lastname"):
        written |= _prefix_any_case(name, term)
    street, _space, home = term.rpartition(" ")
    if street and home[:1].isdigit():
        written |= _prefix_any_case("to_street", street.rstrip(", ")) & Q(to_home__iexact=home)
    return written


def _client_ids(queryset: QuerySet[Client], term: str, *, inn: bool = False) -> set[int]:
    arms = [_prefix_any_case(name, term) for name in ("lastname", "firstname", "title")]
    lastname, _space, firstname = term.partition(" ")
    if firstname:
        arms.append(_prefix_any_case("lastname", lastname) & _prefix_any_case("firstname", firstname))
    if inn:
        arms += [Q(inn=term), Q(ireca_id=term)]
    if phone := as_phone(term):
        arms.append(Q(phone_e164=phone))
    return _keys(queryset, arms)


def _keys(queryset: QuerySet, arms: Iterable[Q]) -> set[int]:
    found: set[int] = set()
    for arm in arms:
        found.update(queryset.filter(arm).order_by("-pk").values_list("pk", flat=True)[:LIMIT])
    return found


def as_phone(term: str) -> str:
    """The number in E.164 where the term looks like one, otherwise an empty text."""
    digits = sum(character.isdigit() for character in term)
    return e164(term) if digits >= MIN_PHONE_DIGITS and not any(c.isalpha() for c in term) else ""


def prefix(name: str, term: str) -> Q:
    """`name` starts with `term`, in the form that the engine's index can answer: SQLite's LIKE cannot use one."""
    if connection.vendor == "sqlite":
        return Q(**{f"{name}__gte": term, f"{name}__lt": term + LAST_CHARACTER})
    return Q(**{f"{name}__startswith": term})


def _prefix_any_case(name: str, term: str) -> Q:
    """As people type it: all in small letters, too."""
    return prefix(name, term) | prefix(name, term[:1].upper() + term[1:])
