"""Clients who are one person: merged by somebody who looked at them, and taken apart again by the same.

Nothing is destroyed. A merge chooses a survivor; the others stay as rows with `merged_into`, always one step from whom
stands for them, and what hangs on them (`MOVES`) moves to the survivor as a change of ours, so that iRECA learns it and
the history tells who did it. What iRECA or a partner says later of a merged client changes its own row, and no merge.

**Partners.** Clients are numbered by each source for itself, and a merge may cross sources, so

* a partner goes on reading, editing and deleting its own client by its own number: that row is still there and its own;
* an order that names a merged client by the source's number belongs to the survivor (`Client.SUCCESSOR`, followed by
  `SourceKeys`), and an order tells its source the source's own number: that of the survivor where it is the source's,
  else that of the first merged client which is (`orders/api/resources.py`). Nobody is told another source's number;
* a survivor that belongs to a source takes over values of clients of that source only: its partner reads them, and
  would learn what another one's clients are like. A survivor of no source is read by no partner and may take all;
* a partner that deletes its merged client and uses the number again means somebody else: that ends the merge of this
  row (`partners/api/writing.py`), and what had moved stays. One that deletes a survivor loses sight of it; the row goes
  on without a source, for it stands for clients of others.

Orders that iRECA gives to a merged client, or that a partner's request under way during the merge gave to it, stay with
that client; its page and the survivor's tell how many, and merging the same clients again moves them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from backoffice.sync import history
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState, Tracked
from orders.models import Client, ClientMerge, DiscountCard, Order

# What moves with a client: the model, which has a history, and its reference to the client.
MOVES: list[tuple[type[Any], str]] = [(Order, "client"), (DiscountCard, "client")]

# What a client has that another may take over; an address is taken whole or not at all.
_ADDRESS = ("city", "street", "home", "apartment", "postindex", "latitude", "longitude")
_PLAIN = ("lastname", "firstname", "title", "inn", "phone", "email", "birthday", "description")
FIELDS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in _PLAIN},
    "address": tuple(f"address_{part}" for part in _ADDRESS),
}

MOST = 20  # clients in one merge
MOST_MOVED = 10_000  # rows; the client with more of them is the one to stay


class NotMergeable(Exception):
    """Why these clients are not merged, or not taken apart; for a person, in the active language."""


class Stale(NotMergeable):
    """Something that the preview showed is no more so."""

    def __init__(self) -> None:
        super().__init__(_("Something changed since this was shown. Nothing was done: look at it again."))


@dataclass(frozen=True)
class Option:
    """A value of a field, and whose it is. `allowed`: the survivor may take it."""

    client: Client
    text: str
    owners: Sequence[Client]
    allowed: bool


@dataclass(frozen=True)
class Difference:
    """A field in which the clients differ. `chosen`: the key of the client whose value is proposed."""

    name: str
    label: str
    options: Sequence[Option]
    chosen: int


@dataclass(frozen=True)
class Preview:
    """What a merge of these clients would do. `counts`: what hangs on each of them, in the order of `MOVES`."""

    clients: Sequence[Client]
    survivor: Client
    counts: Mapping[int, Sequence[int]]

    @property
    def candidates(self) -> list[Client]:
        """Who may be the survivor."""
        return list(filter(_may_stay, self.clients))

    @property
    def absorbed(self) -> list[Client]:
        return [client for client in self.clients if client.pk != self.survivor.pk]

    @property
    def moving(self) -> list[tuple[str, int]]:
        """How many rows move, by what they are."""
        sums = [sum(self.counts[client.pk][place] for client in self.absorbed) for place in range(len(MOVES))]
        names = [str(model._meta.verbose_name_plural) for model, _field in MOVES]
        return list(zip(names, sums, strict=True))

    @cached_property
    def differences(self) -> list[Difference]:
        return [found for name in FIELDS if (found := self._difference(name)) is not None]

    @cached_property
    def same(self) -> list[tuple[str, str]]:
        """The fields in which they all agree on something, and what it is."""
        differing = {difference.name for difference in self.differences}
        texts = [(label_of(name), text_of(self.survivor, name)) for name in FIELDS if name not in differing]
        return [(label, text) for label, text in texts if text]

    @cached_property
    def digest(self) -> str:
        """Changes with everything that the preview shows."""
        columns = ("pk", "merged_into_id", "source_id", "phone_e164", *(c for names in FIELDS.values() for c in names))
        rows = [[str(getattr(client, name)) for name in columns] for client in _by_key(self.clients)]
        counts = [list(self.counts[client.pk]) for client in _by_key(self.clients)]
        return hashlib.sha256(repr((rows, counts)).encode()).hexdigest()

    def _difference(self, name: str) -> Difference | None:
        owners: dict[tuple[Any, ...], list[Client]] = {}
        for client in (self.survivor, *self.absorbed):
            owners.setdefault(_values(client, name), []).append(client)
        if len(owners) < 2:
            return None
        options = []
        for clients in owners.values():
            givers = [client for client in clients if may_give(client, self.survivor)]
            giver = givers[0] if givers else clients[0]
            options.append(Option(giver, text_of(giver, name), clients, bool(givers)))
        # The survivor's own comes first. Where it has nothing, what another one has is proposed.
        proposed = next((option for option in options if option.allowed and option.text), options[0])
        return Difference(name, label_of(name), options, proposed.client.pk)


def may_give(client: Client, survivor: Client) -> bool:
    """Whether no partner learns what another source's client is like when `survivor` takes its values."""
    return survivor.source_id is None or client.source_id == survivor.source_id


def label_of(name: str) -> str:
    return _("Address") if name == "address" else capfirst(str(_column(name).verbose_name))


def text_of(client: Client, name: str) -> str:
    """The value of a field as people read it; empty where there is none."""
    return ", ".join(str(value) for value in _values(client, name) if value not in (None, ""))


def same_phone(client: Client) -> QuerySet[Client]:
    """The other clients with this one's phone who were not merged."""
    others = Client.objects.filter(phone_e164=client.phone_e164, merged_into=None).exclude(pk=client.pk)
    return others if client.phone_e164 else others.none()


def shared_phones() -> QuerySet[Any]:
    """The phones that several clients have who were not merged: one pass over the index `client_phone`."""
    phones = Client.objects.filter(merged_into=None).exclude(phone_e164="").order_by().values("phone_e164")
    return phones.annotate(clients=Count("*")).filter(clients__gt=1).values("phone_e164")


def preview(ids: Collection[int], survivor: int | None = None) -> Preview:
    """What a merge would do; the survivor is the one with most orders unless it is named. Raises NotMergeable."""
    clients = list(Client.objects.filter(pk__in=ids).select_related("source").order_by("pk"))
    _check(ids, clients)
    counts = _counts([client.pk for client in clients])
    clients.sort(key=lambda client: (-counts[client.pk][0], client.pk))
    chosen = next((client for client in clients if survivor in (None, client.pk) and _may_stay(client)), None)
    if chosen is None:
        raise NotMergeable(_("This client cannot be the one that stays."))
    return Preview(clients, chosen, counts)


def merge(ids: Collection[int], survivor: int, takes: Mapping[str, int], digest: str, user: Any) -> ClientMerge:
    """Merge as a preview showed it (`digest`). `takes`: by field, the key of the client whose value is taken.

    All of it or, with NotMergeable, nothing.
    """
    with transaction.atomic():
        _lock(Client.objects.filter(Q(pk__in=ids) | Q(merged_into__in=ids)))
        seen = preview(ids, survivor)
        if seen.digest != digest:
            raise Stale
        if sum(count for _name, count in seen.moving) > MOST_MOVED:
            text = _("More than %(most)s rows would move. Let the client who has most of them stay.")
            raise NotMergeable(text % {"most": MOST_MOVED})
        keys = [client.pk for client in seen.absorbed]
        gone = list(Client.objects.filter(Q(pk__in=keys) | Q(merged_into__in=keys)).order_by("pk"))
        before = {str(client.pk): client.merged_into_id for client in gone}
        with history.by(user, _("merged: %(client)s") % {"client": seen.survivor}):
            values = _take(seen, takes)
            for client in gone:
                client.merged_into = seen.survivor
            Client.objects.bulk_save(gone, ["merged_into"])
            moved = {_name_of(move): dict(_move(move, keys, survivor)) for move in MOVES}
        return ClientMerge.objects.create(
            survivor=seen.survivor, absorbed=before, values=values, moved=moved, made_by=user
        )


@dataclass(frozen=True)
class Undone:
    """What came of taking a merge back. `kept`: labels of fields that somebody changed since, and which stay so."""

    clients: Sequence[Client]
    moved: int
    kept: Sequence[str]


def undo(merge_id: int, user: Any) -> Undone:
    """Take a merge back: what moved and is still where it went returns, values that nobody changed since too.

    What came to the survivor later stays with it. Raises NotMergeable.
    """
    with transaction.atomic():
        _lock(ClientMerge.objects.filter(pk=merge_id))
        done = ClientMerge.objects.select_related("survivor").get(pk=merge_id)
        keys = [int(key) for key in done.absorbed]
        _lock(Client.objects.filter(pk__in=[*keys, done.survivor_id]))
        clients = list(Client.objects.filter(pk__in=keys).order_by("pk"))
        if why := why_not_undo(done, clients):
            raise NotMergeable(why)
        with history.by(user, _("merge undone: %(client)s") % {"client": done.survivor}):
            for client in clients:
                client.merged_into_id = done.absorbed[str(client.pk)]
            Client.objects.bulk_save(clients, ["merged_into"])
            moved = sum(_return(move, done) for move in MOVES)
            kept = _restore(done)
        done.undone_at, done.undone_by = timezone.now(), user
        done.save(update_fields=["undone_at", "undone_by"])
    return Undone(clients, moved, kept)


def why_not_undo(done: ClientMerge, clients: Collection[Client]) -> str:
    """Why a merge cannot be taken back any more; `clients` are those of it that are still there."""
    if done.undone_at is not None:
        return _("It was undone already.")
    if len(clients) < len(done.absorbed):
        return _("Not all of its clients are there any more.")
    later = ClientMerge.objects.filter(survivor=done.survivor_id, pk__gt=done.pk, undone_at=None)
    if any(client.merged_into_id != done.survivor_id for client in clients) or any(
        not done.absorbed.keys().isdisjoint(other.absorbed) for other in later
    ):
        return _("They were merged again since: undo that first.")
    return ""


def _check(ids: Collection[int], clients: Sequence[Client]) -> None:
    if len(ids) < 2:
        raise NotMergeable(_("Choose at least two clients."))
    if len(ids) > MOST:
        raise NotMergeable(_("At most %(most)s clients can be merged at a time.") % {"most": MOST})
    if len(clients) < len(set(ids)):
        raise NotMergeable(_("Not all of these clients are there any more."))
    if without := [str(client) for client in clients if not client.phone_e164]:
        raise NotMergeable(_("No phone that could be compared: %(clients)s") % {"clients": ", ".join(without)})
    if len({client.phone_e164 for client in clients}) > 1:
        raise NotMergeable(_("Only clients with the same phone can be merged; these have different ones."))
    there = {client.pk for client in clients}
    if elsewhere := [str(c) for c in clients if c.merged_into_id is not None and c.merged_into_id not in there]:
        raise NotMergeable(_("Merged into another client already: %(clients)s") % {"clients": ", ".join(elsewhere)})


def _may_stay(client: Client) -> bool:
    """Not one that was merged, nor one that its source has deleted: orders for that one would wait for ever."""
    is_described = client.remote_data is not None or client.sync_state != SyncState.CLEAN
    return client.merged_into_id is None and is_described


def _by_key(clients: Collection[Client]) -> list[Client]:
    return sorted(clients, key=lambda client: client.pk)


def _column(name: str) -> Any:
    return Client._meta.get_field(name)


def _values(client: Client, name: str) -> tuple[Any, ...]:
    return tuple(getattr(client, column) for column in FIELDS[name])


def _counts(keys: Sequence[int]) -> dict[int, list[int]]:
    counts = {key: [0] * len(MOVES) for key in keys}
    for place, (model, field) in enumerate(MOVES):
        found = model.objects.filter(**{f"{field}__in": keys}).order_by().values_list(field).annotate(Count("pk"))
        for key, count in found:
            counts[key][place] = count
    return counts


def counts_of(clients: Collection[Client]) -> dict[int, int]:
    """How many rows hang on each of the clients, by key."""
    return {key: sum(counts) for key, counts in _counts([client.pk for client in clients]).items()}


def _lock(rows: QuerySet[Any]) -> list[int]:
    """The keys, locked in one order everywhere. Not so strictly that an order that refers to them would have to wait:
    it may hold what we wait for.
    """
    rows = rows.order_by("pk")
    if connection.features.has_select_for_update:
        rows = rows.select_for_update(no_key=connection.features.has_select_for_no_key_update)
    return list(rows.values_list("pk", flat=True))


def _take(seen: Preview, takes: Mapping[str, int]) -> dict[str, list[Any]]:
    """Give the survivor the chosen values. Returns what was there and what came, by column."""
    changes: dict[str, Any] = {}
    for difference in seen.differences:
        chosen = takes.get(difference.name, difference.chosen)
        option = next((option for option in difference.options if option.client.pk == chosen), None)
        if option is None or not option.allowed:
            raise NotMergeable(_("%(field)s: this value cannot be taken over.") % {"field": difference.label})
        changes |= dict(zip(FIELDS[difference.name], _values(option.client, difference.name), strict=True))
    before = {column: getattr(seen.survivor, column) for column in changes}
    changes = {column: value for column, value in changes.items() if value != before[column]}
    if changes:
        Client.objects.filter(pk=seen.survivor.pk).update(**changes)
    return {column: [before[column], value] for column, value in changes.items()}


def _name_of(move: tuple[type[models.Model], str]) -> str:
    model, field = move
    return f"{model._meta.label}.{field}"


def _move(move: tuple[type[Any], str], keys: Collection[int], survivor: int) -> Iterator[tuple[str, list[int]]]:
    model, field = move
    for key in keys:
        rows = _lock(model.objects.filter(**{field: key}))
        _give(model, field, rows, survivor)
        if rows:
            yield str(key), rows


def _return(move: tuple[type[Any], str], done: ClientMerge) -> int:
    model, field = move
    count = 0
    for key, rows in done.moved.get(_name_of(move), {}).items():
        for batch in chunks(rows):
            still = _lock(model.objects.filter(pk__in=batch, **{field: done.survivor_id}))
            _give(model, field, still, int(key))
            count += len(still)
    return count


def _give(model: type[Any], field: str, rows: Collection[int], client: int) -> None:
    """Rows become the client's: those of a mirrored model in bulk, which the outbox and the history see, others one by
    one, so that whoever listens to their being saved hears of it.
    """
    if issubclass(model, Tracked):
        for batch in chunks(rows):
            model.objects.filter(pk__in=batch).update(**{field: client})
        return
    for row in model.objects.filter(pk__in=rows):
        setattr(row, f"{field}_id", client)
        row._history_user, row._change_reason = history.actor(), history.reason()
        row.save(update_fields=[field])


def _restore(done: ClientMerge) -> list[str]:
    """Give the survivor back its values. Returns the labels of those that are somebody else's by now."""
    survivor = Client.objects.get(pk=done.survivor_id)
    changes, kept = {}, []
    for column, texts in done.values.items():
        field = _column(column)
        before, after = map(field.to_python, texts)  # JSON has no days and no decimals
        if getattr(survivor, column) == after:
            changes[column] = before
        else:
            kept.append(capfirst(str(field.verbose_name)))
    if changes:
        Client.objects.filter(pk=survivor.pk).update(**changes)
    return kept
