"""Customers of VirtPos become clients, and what both sides change is merged three ways.

A customer is a Client of VirtPos's source and a row of Customer beside it with what was agreed. One whom an order
names before any list has told of him is made by his id, so that the order can leave; the next reading describes him.
Telling VirtPos is in `enrolment.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.remotes.errors import Refused
from backoffice.remotes.virtpos import contract
from backoffice.sync import clock, enqueue, history
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.personal import real
from orders.arrivals import Arrived
from orders.models import Client, Customer, Feed
from orders.phones import e164
from orders.three_ways import decide
from orders.virtpos.arriving import Owner
from orders.virtpos.assumed import assumed

ENTITY = "customers"  # what the outbox calls them
SLICE = 100
LATE = timedelta(hours=3)  # for how long a request that nobody has answered may be carried out, and be read after that
TEXTS = {"firstname": "fname", "lastname": "lname", "phone": "phone", "email": "email"}
TEXTS["description"] = "custom_information"
BIRTHDAY = "birthday"
BIRTH = ("birth_day", "birth_month", "birth_year")


# the two spellings


def said_by(customer: contract.Customer) -> dict[str, Any]:
    """What VirtPos says, by our column, as JSON has it."""
    said: dict[str, Any] = {column: getattr(customer, name) or "" for column, name in TEXTS.items()}
    return {**said, BIRTHDAY: _birthday(customer)}


def held_by(client: Client) -> dict[str, Any]:
    """What our row says, likewise."""
    held: dict[str, Any] = {column: real(getattr(client, column)) for column in TEXTS}
    born = real(client.birthday)
    return {**held, BIRTHDAY: born.isoformat() if born else None}


def spelled(values: Mapping[str, Any]) -> dict[str, str]:
    """Some of these values as VirtPos takes them; an empty one empties the field. Never the age (seed 001:83)."""
    sent = {TEXTS[column]: value for column, value in values.items() if column in TEXTS}
    if BIRTHDAY in values:
        born = date.fromisoformat(values[BIRTHDAY]) if values[BIRTHDAY] else None
        parts = (born.day, born.month, born.year) if born else ("", "", "")
        sent |= {name: str(part) for name, part in zip(BIRTH, parts, strict=True)}
    return sent


def _birthday(customer: contract.Customer) -> str | None:
    """None also for a day without its year: we have no place for half a date."""
    try:
        return date(customer.birth_year or 0, customer.birth_month or 0, customer.birth_day or 0).isoformat()
    except ValueError:
        return None


def _to_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: date.fromisoformat(v) if name == BIRTHDAY and v else v for name, v in values.items()}


# reading


def listed(client: Any) -> Iterator[contract.Customer]:
    """VirtPos's customers. Refused also where it has no such list."""
    with assumed("VIRTPOS_CUSTOMERS_PATH"):
        yield from client.customers()


def apply(feed: Feed, customers: Iterable[contract.Customer], asked: datetime | None = None) -> Arrived:
    """Store customers. Idempotent; HTTP is over by now. One that cannot be stored harms no other.

    Whom VirtPos was told of since the list was `asked` for is left to the next reading: it may tell how he was before.
    OperationalError where the database is at fault and not a customer: whoever runs this runs it again.
    """
    result = Arrived()
    with history.by(reason=str(feed)):
        for some in chunks({customer.id or "": customer for customer in customers}.values(), SLICE):
            try:
                with transaction.atomic():
                    whole = _apply_slice(feed, some, asked)
            except OperationalError:
                raise
            except (DatabaseError, ValueError):
                for customer in some:
                    _alone(feed, customer, result, asked)
            else:
                result += whole
    return result


def _alone(feed: Feed, customer: contract.Customer, result: Arrived, asked: datetime | None) -> None:
    try:
        with transaction.atomic():
            result += _apply_slice(feed, [customer], asked)
    except OperationalError:
        raise
    except (DatabaseError, ValueError) as error:
        text = _("customer %(id)s: %(why)s")
        result.bad.append(text % {"id": customer.id, "why": f"{type(error).__name__}: {error}"})


def _apply_slice(feed: Feed, customers: Sequence[contract.Customer], asked: datetime | None) -> Arrived:
    result = Arrived()
    told = {customer.id or "": customer for customer in customers}
    lock_clients(Q(customer__key__in=told) | Q(customer__key="") | Q(source=feed.source, external_id__in=told))
    rows = {row.key: row for row in locked(Customer.objects.filter(key__in=told).select_related("client"))}
    quiet = {key for key, row in rows.items() if _is_known(row, told[key])} | _told_since(rows, asked)
    Customer.objects.filter(pk__in=[rows[key].pk for key in quiet]).update(read_at=timezone.now())
    result.unchanged = len(quiet)
    missing = {key: customer for key, customer in told.items() if key not in rows}
    for key, row in _met_before(feed, missing).items():
        rows[key] = row
        del missing[key]
    unanswered, over = unanswered_words([row.client_id for row in rows.values()]), []
    for key, row in rows.items():
        if key not in quiet:
            merge(row, told[key], unanswered.get(row.client_id, {}))
            result.updated += 1
            result.conflicts += bool(row.sync_conflict)
            if row.sync_state == SyncState.FAILED and not differing(row):
                over.append(row)
    settle(over)
    # An older word of ours that was carried out late: the newer one is said once more.
    note(Customer.objects.filter(key__in=rows.keys() - quiet, sync_state=SyncState.CLEAN))
    _create(feed, missing)
    result.created = len(missing)
    return result


def _is_known(row: Customer, customer: contract.Customer) -> bool:
    """Whether VirtPos says what it said last, and both sides still agree on it: we may have told otherwise since."""
    agrees = all(row.agreed.get(name, UNSET) == value for name, value in said_by(customer).items())
    return row.data == customer.raw and agrees and not row.sync_conflict


def _told_since(rows: Mapping[str, Customer], asked: datetime | None) -> set[str]:
    if asked is None:
        return set()
    by_client = {row.client_id: key for key, row in rows.items()}
    pushes = Push.objects.filter(remote=VIRTPOS, entity=ENTITY, object_id__in=by_client)
    # What was said, and is to be said again, is read right before.
    told = pushes.filter(Q(done_at__gte=asked) | Q(state=Push.State.QUEUED, attempts__gt=0))
    return {by_client[client] for client in told.values_list("object_id", flat=True) if client is not None}


def _met_before(feed: Feed, missing: Mapping[str, contract.Customer]) -> dict[str, Customer]:
    """Rows for customers whom we know otherwise: by the number of a client, or as one that we have sent ourselves."""
    if not missing:
        return {}
    clients = Client.objects.filter(source=feed.source, external_id__in=missing, customer=None)
    found = {client.external_id: Customer(client=client, key=client.external_id) for client in clients}
    sent = list(locked(Customer.objects.filter(key="").select_related("client")))
    for key, customer in missing.items():
        # Its answer was lost, or told no id.
        alike = [row for row in sent if row not in found.values() and is_same(customer, held_by(row.client))]
        if key not in found and len(alike) == 1:
            alike[0].key = key
            found[key] = alike[0]
    return found


def is_same(customer: contract.Customer, held: Mapping[str, Any]) -> bool:
    """Whether a customer bears the name and can be reached as one of ours."""
    return may_be_same(customer, held) and all(
        (getattr(customer, TEXTS[column]) or "").casefold() == held[column].casefold()
        for column in ("firstname", "lastname")
    )


def may_be_same(customer: contract.Customer, held: Mapping[str, Any]) -> bool:
    """Whether they share a phone or an e-mail address."""
    phone, email = e164(held["phone"]), held["email"].casefold()
    return bool(phone and e164(customer.phone or "") == phone) or bool(
        email and (customer.email or "").casefold() == email
    )


def _create(feed: Feed, customers: Mapping[str, contract.Customer]) -> None:
    clients = []
    for key, customer in customers.items():
        client = Client(source=feed.source, external_id=key, **_to_columns(said_by(customer)))
        client.phone_e164 = e164(client.phone)
        clients.append(client)
    Customer.objects.bulk_create(
        Customer(
            client=client,
            key=client.external_id,
            data=dict(customers[client.external_id].raw),
            agreed=said_by(customers[client.external_id]),
            read_at=timezone.now(),
        )
        for client in (Client.objects.bulk_create(clients) if clients else [])
    )


def unanswered_words(client_ids: Collection[int]) -> dict[int, dict[str, list[Any]]]:
    """By client and column, what VirtPos was told in requests that may have arrived, though nobody has answered."""
    keys = [Push.key(VIRTPOS, ENTITY, client_id) for client_id in client_ids]
    over = Q(object_id__in=client_ids, done_at__gte=timezone.now() - LATE)
    rows = Push.objects.filter(Q(open_key__in=keys) | over, remote=VIRTPOS, entity=ENTITY, action=Push.Action.SAVE)
    words: dict[int, dict[str, list[Any]]] = {}
    for push in rows.filter(payload__isnull=False):
        if push.object_id is not None and push.payload is not None:
            told = words.setdefault(push.object_id, {})
            for name, values in push.payload["said"].items():
                told[name] = _with(told.get(name, []), values)
    return words


def _with(words: Sequence[Any], more: Iterable[Any]) -> list[Any]:
    """Each word once: pushes take them over from one another."""
    return [*words, *(word for word in more if word not in words)]


def note_unanswered(client_id: int, said: Mapping[str, Any]) -> None:
    """Before a request leaves: what it says, so that what is found there later is known for our own word."""
    told = unanswered_words([client_id]).get(client_id, {})
    for name, value in said.items():
        told[name] = _with(told.get(name, []), [value])
    _keep_words(client_id, told)


def note_answered(client_id: int, said: Mapping[str, Any]) -> None:
    """The last request was answered; others that said something else may still be on their way."""
    words = unanswered_words([client_id]).get(client_id, {})
    left = {name: [value for value in values if value != said.get(name, UNSET)] for name, values in words.items()}
    _keep_words(client_id, {name: values for name, values in left.items() if values})


def _keep_words(client_id: int, words: Mapping[str, list[Any]]) -> None:
    payload = {"said": words} if words else None
    Push.objects.filter(open_key=Push.key(VIRTPOS, ENTITY, client_id)).update(payload=payload)


def merge(row: Customer, customer: contract.Customer, unanswered: Mapping[str, list[Any]]) -> None:
    """Merge what VirtPos says with our row: changed there only, theirs is taken; on both sides, a person decides."""
    client, said = row.client, said_by(customer)
    ours, agreed = held_by(client), dict(row.agreed)
    agreed |= {name: value for name, value in said.items() if value in unanswered.get(name, ())}
    conflicts: dict[str, Any] = {}
    taken = {name: value for name, value in said.items() if decide(name, ours[name], value, agreed, conflicts)}
    row.data, row.agreed, row.sync_conflict, row.read_at = dict(customer.raw), agreed, conflicts, timezone.now()
    if conflicts:
        row.sync_state = SyncState.CONFLICT
    elif row.sync_state == SyncState.CONFLICT:
        row.sync_state = SyncState.CLEAN
    # Before the client, so that who hears of his change finds nothing to tell VirtPos.
    row.save()
    write(client, taken)


def write(client: Client, values: Mapping[str, Any]) -> None:
    if values:
        for name, value in _to_columns(values).items():
            setattr(client, name, value)
        client.save(update_fields=list(values))


def note(rows: Any) -> None:
    """Open a push for each of these customers of whom VirtPos has to hear something."""
    stale, over = [], []
    for row in rows.select_related("client"):
        if differing(row):
            stale.append(row)
        elif row.sync_state == SyncState.FAILED:
            over.append(row)
    settle(over)
    if stale:
        # The rows before their pushes, and those in order: a worker locks them so, and so do other edits.
        state = Customer.objects.filter(pk__in=[row.pk for row in stale]).exclude(sync_state=SyncState.CONFLICT)
        state.update(sync_state=SyncState.PENDING)
        enqueue.open_pushes(VIRTPOS, ENTITY, sorted((row.client_id, row.key) for row in stale))


def settle(rows: Collection[Customer]) -> None:
    """Of these VirtPos was to be told something that it refused, and that is so by now, or is not wanted any more."""
    if not rows:
        return
    keys = [Push.key(VIRTPOS, ENTITY, row.client_id) for row in rows]
    Customer.objects.filter(pk__in=[row.pk for row in rows], sync_state=SyncState.FAILED).update(
        sync_state=SyncState.CLEAN, sync_error=""
    )
    Push.objects.filter(open_key__in=keys, state=Push.State.REFUSED).update(
        state=Push.State.DONE, open_key=None, error="", done_at=timezone.now()
    )


def differing(row: Customer) -> dict[str, Any]:
    """What VirtPos is to be told: columns that differ from what was agreed, without those that a person must settle."""
    return {
        name: value
        for name, value in held_by(row.client).items()
        if value != row.agreed.get(name, UNSET) and name not in row.sync_conflict
    }


# whose orders are


def owners(keys: Collection[str]) -> dict[str, Owner]:
    """Owners by their ids at VirtPos, as far as they are known here."""
    rows = Customer.objects.filter(key__in=keys).select_related("client__merged_into")
    found = {}
    for row in rows:
        client = row.client.merged_into or row.client
        found[row.key] = Owner(client.pk, client if row.data or client is not row.client else None)
    return found


def ensure(client: Any, feed: Feed, keys: Collection[str], on_error: Callable[[list[str]], None]) -> None:
    """See to it that all these customers are here: read the list where one is unknown, and make who is not in it.

    A list that VirtPos refuses holds up no order. Raises what the client raises where VirtPos is out.
    """
    if not (unknown := set(keys) - _known(keys)):
        return
    asked = clock.now()
    try:
        for some in chunks(listed(client), SLICE):
            on_error(apply(feed, some, asked).bad)
    except Refused as error:
        on_error([_("The customers could not be read: %(why)s") % {"why": error}])
    unknown -= _known(unknown)
    for some in chunks(sorted(unknown)):
        with transaction.atomic():
            _make_by_id(feed, some)


def _known(keys: Collection[str]) -> set[str]:
    return {key for some in chunks(keys) for key in Customer.objects.filter(key__in=some).values_list("key", flat=True)}


def _make_by_id(feed: Feed, keys: Sequence[str]) -> None:
    there = {client.external_id: client for client in Client.objects.filter(source=feed.source, external_id__in=keys)}
    # iRECA gets no client without a name, so he has one until VirtPos tells it.
    made = Client.objects.bulk_create(
        [Client(source=feed.source, external_id=key, lastname=_stand_in(key)) for key in keys if key not in there]
    )
    Customer.objects.bulk_create(
        Customer(
            client=client,
            key=client.external_id,
            agreed=held_by(client) if client.external_id not in there else {},
        )
        for client in (*there.values(), *made)
    )


def _stand_in(key: str) -> str:
    return f"VirtPos {key}"


def lock_clients(which: Q) -> None:
    """Lock clients before their rows of Customer, as an edit of a client does: the other way round the two would wait
    for each other."""
    list(locked(Client.objects.filter(which).order_by("pk")).values_list("pk", flat=True))


def locked(rows: Any) -> Any:
    return rows.select_for_update(of=("self",)) if connection.features.has_select_for_update else rows
