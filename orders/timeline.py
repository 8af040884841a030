"""What happened to an order, as one list: newest first, whoever did it.

Four sources meet here: iRECA's journal and its status changes (both as it told them), our own history of the order and
its lines, and what was sent. Codes and ids become names; a key that nobody knows is shown as it is (CONTRACT T45). The
number of queries does not depend on the number of entries: names are looked up once for each kind of thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.urls import reverse
from django.utils import formats
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.remotes.values import read_ref
from backoffice.sync.admin.conflicts import DICTIONARIES, readable
from backoffice.sync.admin.labels import link
from backoffice.sync.dictionaries import label
from backoffice.sync.mirror import Embedded, Mirror, Reference, registry
from backoffice.sync.models import Push
from backoffice.sync.titles import NESTED
from orders import edits
from orders.models import DeliveryStatus, JournalEntry, Line, Order, PaymentStatus, StatusChange

LIMIT = 200

EVENTS = {"create": gettext_lazy("Order created"), "update": gettext_lazy("Order changed")}  # seed 002:1331-1333
WRITTEN = {"+": gettext_lazy("Created"), "~": gettext_lazy("Changed"), "-": gettext_lazy("Deleted")}
PUSHED = {
    Push.State.QUEUED: gettext_lazy("To be sent"),
    Push.State.WAITING: gettext_lazy("Waits to be sent"),
    Push.State.REFUSED: gettext_lazy("Refused by iRECA"),
    Push.State.UNKNOWN: gettext_lazy("Sent, the answer was lost"),
    Push.State.DONE: gettext_lazy("Sent"),
}
CODES = {"status": ("orderStatuses", PaymentStatus), "delivery_status": ("orderDeliveryStatuses", DeliveryStatus)}
ADDRESSES = {"from": "addressFromEntity", "to": "addressToEntity"}


@dataclass(frozen=True)
class Change:
    """One attribute before and after, as a person reads it."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `kind` is journal, status, history or push; `place`: latitude and longitude."""

    at: datetime | None
    kind: str
    title: str
    who: str = ""
    changes: tuple[Change, ...] = ()
    text: str = ""
    place: tuple[Decimal, Decimal] | None = None
    url: str = ""

    @property
    def place_link(self) -> SafeString | str:
        """ "latitude, longitude", which opens whatever shows maps there."""
        if self.place is None:
            return ""
        text = ", ".join(f"{degrees:.6f}" for degrees in self.place)
        return link(f"geo:{text.replace(' ', '')}", text)


@dataclass(frozen=True)
class Timeline:
    entries: list[Entry]
    offset: int
    more: bool

    @property
    def next_offset(self) -> int:
        return self.offset + len(self.entries)


def of_order(order: Order, offset: int = 0, limit: int = LIMIT) -> Timeline:
    """Up to `limit` entries, newest first, after the `offset` newest ones. Labels are in the active language."""
    upto = offset + limit + 1
    journal = list(JournalEntry.objects.filter(order=order).select_related("courier").order_by(*NEWEST)[:upto])
    statuses = list(StatusChange.objects.filter(order=order).select_related("return_reason").order_by(*NEWEST)[:upto])
    versions = _versions(Order.history.filter(id=order.pk), upto)
    line_versions = _versions(Line.history.filter(order_id=order.pk), upto)
    pushes = Push.objects.filter(entity="orders", object_id=order.pk).order_by("-changed_at", "-id")[:upto]

    mirror = registry.for_model(Order)
    assert mirror is not None
    names = Names()
    for entry in journal:
        for item in (entry.before, entry.after):
            names.want_wire(mirror, item or {})
    names.want_columns([*versions, *line_versions])
    names.resolve()

    found = [
        *(_of_journal(entry, mirror, names) for entry in journal),
        *(_of_status(change) for change in statuses),
        *_of_versions(versions, names),
        *_of_versions(line_versions, names),
        *(_of_push(push) for push in pushes),
    ]
    # What has no time is the oldest; what happened in the same second stays in the order of its source.
    found.sort(key=lambda entry: entry.at.timestamp() if entry.at else float("-inf"), reverse=True)
    return Timeline(found[offset : offset + limit], offset, len(found) > offset + limit)


NEWEST = ("-created_at", "-id")


class Names:
    """Names of rows by iRECA's id or by our key, one query for each model."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[type[models.Model], str], set[Any]] = defaultdict(set)
        self._found: dict[tuple[type[models.Model], str], dict[Any, str]] = {}

    def want(self, model: type[models.Model], by: str, value: Any) -> None:
        if value:
            self._wanted[model, by].add(value)

    def want_wire(self, mirror: Mirror, item: Mapping[str, Any]) -> None:
        for name, value in item.items():
            if isinstance(spec := _spec(mirror, name), Reference):
                self.want(spec.target(mirror.model), "ireca_id", read_ref(value))

    def want_columns(self, versions: Iterable[Any]) -> None:
        for version in versions:
            for column in _columns(version):
                if column.is_relation:
                    self.want(column.related_model, "pk", getattr(version, column.attname))

    def resolve(self) -> None:
        for (model, by), values in self._wanted.items():
            rows = model._base_manager.filter(**{f"{by}__in": values})
            self._found[model, by] = {getattr(row, by): str(row) for row in rows}

    def name(self, model: type[models.Model], by: str, value: Any) -> str:
        """The row's name, or its id where we have no such row."""
        return self._found.get((model, by), {}).get(value, str(value)) if value else ""


# iRECA's journal


def _of_journal(entry: JournalEntry, mirror: Mirror, names: Names) -> Entry:
    before, after = entry.before or {}, entry.after or {}
    changes = [
        change
        for name in dict.fromkeys([*before, *after])
        for change in _wire_changes(mirror, names, name, before.get(name), after.get(name))
    ]
    who = " · ".join(filter(None, [entry.source, str(entry.courier or "")]))
    return Entry(entry.created_at, "journal", str(EVENTS.get(entry.event, entry.event)), who, tuple(changes))


def _wire_changes(mirror: Mirror, names: Names, name: str, before: Any, after: Any) -> Iterator[Change]:
    """One attribute of the wire; of a nested object a change for each of its parts that differs."""
    spec = _spec(mirror, name)
    if isinstance(before, dict) or isinstance(after, dict):
        sides = [side if isinstance(side, dict) else {} for side in (before, after)]
        heading = capfirst(str(NESTED.get(name, name)))
        for part in dict.fromkeys([*sides[0], *sides[1]]):
            old, new = (_plain(side.get(part)) for side in sides)
            if old != new:
                yield Change(f"{heading}: {_part_label(mirror, spec, part)}", old, new)
        return
    if spec is None or isinstance(spec, Embedded):
        yield Change(name, _plain(before), _plain(after))
    else:
        column = mirror.model._meta.get_field(spec.name)
        old, new = (_wire_value(mirror, names, spec, name, value) for value in (before, after))
        yield Change(capfirst(str(column.verbose_name)), old, new)


def _wire_value(mirror: Mirror, names: Names, spec: Any, name: str, value: Any) -> str:
    if value is None:
        return ""
    try:
        said = getattr(contract.decode(mirror.struct, {name: value}), spec.attr)
    except contract.ContractError:
        return _plain(value)  # not of the kind that the document tells: as it is
    if isinstance(spec, Reference):
        return names.name(spec.target(mirror.model), "ireca_id", said)
    if spec.name in CODES:
        return label(CODES[spec.name][0], said, CODES[spec.name][1])
    if name in DICTIONARIES:
        return label(DICTIONARIES[name], said)
    return _shown(said)


def _spec(mirror: Mirror, name: str) -> Any | None:
    return next((spec for spec in mirror.fields if mirror.wire(spec.attr) == name), None)


def _part_label(mirror: Mirror, spec: Any | None, part: str) -> str:
    if isinstance(spec, Embedded) and part in spec.parts:
        return str(mirror.model._meta.get_field(f"{spec.prefix}{part}").verbose_name)
    return part


# our own history


def _versions(queryset: Any, upto: int) -> list[Any]:
    """Newest first, one more than can be shown: the last one is only there to be compared with."""
    return list(queryset.select_related("history_user").order_by("-history_date", "-history_id")[: upto + 1])


def _of_versions(versions: list[Any], names: Names) -> Iterator[Entry]:
    earlier: dict[Any, Any] = {}
    for version in reversed(versions):
        before, earlier[version.id] = earlier.get(version.id), version
        if version.history_change_reason == edits.BEFORE:
            continue  # no change, but what was there before one that iRECA tells
        changes = tuple(_column_changes(before, version, names)) if before is not None else ()
        is_line = issubclass(version.instance_type, Line)
        if version.history_type == "~" and not changes:
            continue
        title = str(WRITTEN[version.history_type])
        if is_line:
            title = _("%(title)s: line “%(line)s”") % {"title": title, "line": _line_name(version, names)}
        yield Entry(version.history_date, "history", title, _who(version), changes)


def _column_changes(before: Any, after: Any, names: Names) -> Iterator[Change]:
    for column in _columns(after):
        old, new = getattr(before, column.attname), getattr(after, column.attname)
        if old != new:
            yield Change(_column_label(column), *(_column_value(column, value, names) for value in (old, new)))


def _columns(version: Any) -> list[Any]:
    return [column for column in type(version).tracked_fields if column.name not in ("id", "ireca_id")]


def _column_label(column: Any) -> str:
    """Both addresses have a city and a street, so their columns say which one it is."""
    side = ADDRESSES.get(column.name.partition("_")[0])
    name = capfirst(str(column.verbose_name))
    return f"{capfirst(str(NESTED[side]))}: {column.verbose_name}" if side else name


def _column_value(column: Any, value: Any, names: Names) -> str:
    if column.is_relation:
        return names.name(column.related_model, "pk", value)
    if column.name in CODES:
        kind, known = CODES[column.name]
        return label(kind, value, known)
    return _shown(value)


def _line_name(version: Any, names: Names) -> str:
    good = version._meta.get_field("good").related_model
    return version.title or names.name(good, "pk", version.good_id) or str(version.position)


def _who(version: Any) -> str:
    if version.history_user is not None:
        return str(version.history_user)
    return "iRECA" if version.history_change_reason == "ireca" else version.history_change_reason or ""


# status changes and pushes


def _of_status(change: StatusChange) -> Entry:
    text = label("orderDeliveryStatuses", change.delivery_status, DeliveryStatus)
    return Entry(
        change.created_at,
        "status",
        _("Delivery: %(status)s") % {"status": text or "–"},
        text=str(change.return_reason or ""),
        place=(change.latitude, change.longitude) if None not in (change.latitude, change.longitude) else None,
    )


def _of_push(push: Push) -> Entry:
    title = str(PUSHED.get(Push.State(push.state), push.state))
    what = push.command or push.get_action_display()
    return Entry(
        push.done_at or push.changed_at,
        "push",
        f"{title}: {what}",
        text=push.error or push.waits_for,
        url=reverse("admin:sync_push_change", args=[push.pk]),
    )


# values


def _shown(value: Any) -> str:
    if value is UNSET:
        return ""
    if isinstance(value, Decimal):
        return formats.localize(value.normalize() if value != value.to_integral() else value.quantize(Decimal(1)))
    return readable(value)


def _plain(value: Any) -> str:
    """A value of which nothing is known, as it came."""
    return "" if value is None else readable(value) if isinstance(value, bool) else str(value)
