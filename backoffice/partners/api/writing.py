"""A partner's objects become rows: an array is written whole or not at all, and every bad element is named.

It is the way back of `projection`, through the same fields of the mirror: 1. decode; 2. see what is required and what
fits; 3. find the rows, locked, and what they refer to; 4. write what really differs, in bulk, as a change of ours, so
that the outbox and the history see it as they see a dispatcher's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import UNSET

from backoffice.partners.api.checks import check_of
from backoffice.partners.api.errors import ApiError, Problem, reworded
from backoffice.partners.api.references import SourceKeys
from backoffice.partners.models import Source
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import names
from backoffice.remotes.ireca.contract.codec import Entity, plan_of
from backoffice.sync import enqueue, history
from backoffice.sync.connection import IRECA, is_on
from backoffice.sync.dictionaries import Dictionary
from backoffice.sync.merge import adds
from backoffice.sync.mirror import Embedded, Field, Mirror, Owner, Parts, Reference
from backoffice.sync.mirrored import ONLY_NAMED, Mirrored, SyncState

AT_ONCE = 500  # objects in one request, as the seed's pages are
PARTS_AT_ONCE = 10_000  # rows of parts that have a limit, below all objects of a request


@dataclass(frozen=True)
class PartsOf:
    """How nested rows are written. `checked`: the model and fields of each list below, by the path of attributes;
    `required`: what each row needs besides what the contract and the columns do.
    """

    write: Callable[[list[tuple[Any, list[Any]]], SourceKeys], None]
    checked: Mapping[tuple[str, ...], tuple[type[models.Model], Sequence[Field]]]
    required: Collection[str] = ()
    most: int | None = None  # rows of one object


@dataclass(frozen=True)
class Writable:
    """An entity as partners write it."""

    mirror: Mirror
    is_own: bool = False  # numbered by each source for itself
    is_document: bool = False  # what refers to it forbids its deletion
    own: Collection[type[Mirrored]] = ()  # what it refers to by the source's own numbers
    parts: Mapping[str, PartsOf] = field(default_factory=dict)
    begin: Callable[[Any, Any], None] = lambda row, obj: None  # what a new row has besides what is said of it
    prepare: Callable[[Source, Sequence[Any]], None] = lambda source, objects: None
    dictionaries: Mapping[str, Dictionary] = field(default_factory=dict)  # of codes, by their attributes
    kept_for: Callable[[Any], str] | None = None  # why a row cannot be deleted yet, for people; "" where it can

    @property
    def model(self) -> type[Any]:
        return self.mirror.model

    @property
    def id_column(self) -> str:
        return "external_id" if self.is_own else "ireca_id"

    @property
    def required(self) -> tuple[str, ...]:
        """Paths of what rows below need besides what the contract requires: `goods[].goodId`."""
        struct: type[Entity] = self.mirror.struct
        fields = plan_of(struct).fields
        return tuple(
            f"{fields[attr].wire}[].{names.wire_name(nested, name)}"
            for attr, parts in self.parts.items()
            if (nested := fields[attr].nested) is not None
            for name in parts.required
        )

    def rows(self, source: Source) -> models.QuerySet[Any]:
        """The rows that this partner sees."""
        rows = self.model._default_manager.all()
        return (rows.filter(source=source).exclude(external_id="") if self.is_own else rows).exclude(ONLY_NAMED)


def elements(body: Any) -> list[Any]:
    """The objects of a body: an array, or one object alone (T08)."""
    if body == {}:  # as Django REST Framework reads nothing, too
        raise ApiError(400, _("The body is empty."))
    rows = body if isinstance(body, list) else [body]
    if not rows:
        raise ApiError(400, _("The array is empty."))
    if len(rows) > AT_ONCE:
        raise ApiError(413, _("At most %(count)s objects fit into one request.") % {"count": AT_ONCE})
    return rows


def decode(struct: type[Any], rows: Sequence[Any], operation: str) -> list[Any]:
    """Decode and check what the contract requires. Raises ApiError naming each bad element."""
    objects: list[Any] = []
    problems: list[Problem] = []
    for index, row in enumerate(rows):
        try:
            obj = contract.decode(struct, row)
            problems += [Problem(index, path, _("is required")) for path in contract.missing(obj, operation)]
            objects.append(obj)
        except contract.ContractError as error:
            problems.append(Problem(index, error.path, reworded(error)))
    if problems:
        raise ApiError(400, problems=problems)
    return objects


def _too_many(what: Writable, objects: Sequence[Any]) -> Iterator[Problem]:
    """Lists below that are longer than a form or a worker could carry. Raises ApiError where all together are."""
    total = 0
    for index, obj in enumerate(objects):
        for attr, parts in what.parts.items():
            count = len(getattr(obj, attr) or ()) if parts.most is not None else 0
            total += count
            if parts.most is not None and count > parts.most:
                text = _("has %(count)s rows; there may be %(most)s at most")
                yield Problem(index, what.mirror.wire(attr), text % {"count": count, "most": parts.most})
    if total > PARTS_AT_ONCE:
        raise ApiError(413, _("At most %(count)s rows of all objects fit into one request.") % {"count": PARTS_AT_ONCE})


class Mode(Enum):
    """What becomes of rows that are there, or are not."""

    CREATE = "create"  # those that are there are a conflict
    REPLACE = "replace"
    UPDATE = "update"  # those that are not there are not found


def create(what: Writable, source: Source, rows: Sequence[Any]) -> None:
    """Make rows that are not there yet. Those that are there are a conflict (409)."""
    _write(what, source, decode(what.mirror.struct, rows, "create"), Mode.CREATE)


def replace(what: Writable, source: Source, rows: Sequence[Any]) -> None:
    """Make rows or change them. What an object leaves out stays as it is."""
    _write(what, source, decode(what.mirror.struct, rows, "replace"), Mode.REPLACE)


def update(what: Writable, source: Source, id_: str, body: Any) -> None:
    """Change one row; what is left out stays. The id is the query's: some bodies have none (T65)."""
    if body == {}:
        raise ApiError(400, _("The body is empty."))
    if not isinstance(body, dict):
        raise ApiError(400, _("Expected one object."))
    mirror = what.mirror
    try:
        obj = contract.decode(mirror.struct, body)
        said = mirror.ireca_id(obj)
        lacking = contract.missing(obj, "update", partial=True)
    except contract.ContractError as error:
        raise ApiError(400, problems=[Problem(None, error.path, reworded(error))]) from None
    problems = [Problem(None, path, _("is required")) for path in lacking]
    if said and said != id_:
        problems.append(Problem(None, mirror.wire(mirror.key), _("differs from the address")))
    if problems:
        raise ApiError(400, problems=problems)
    setattr(obj, mirror.key, id_)
    _write(what, source, [obj], Mode.UPDATE)


def _write(what: Writable, source: Source, objects: Sequence[Any], mode: Mode) -> None:
    mirror = what.mirror
    ids = [mirror.ireca_id(obj) for obj in objects]
    attrs = _writable(mirror)
    _refuse(mode, 400, list(_too_many(what, objects)))
    for obj in objects:
        _forget_unwritable(what, obj, attrs)
    _refuse(mode, 400, [*_wrong_ids(mirror, ids), *_wrong_values(what, objects, attrs)])
    what.prepare(source, objects)
    keys = _resolved(what, source, objects, attrs)
    existing = {getattr(row, what.id_column): row for row in _locked(what, source, ids)}
    _check_existence(what, mode, ids, existing)

    created: list[Any] = []
    edited: list[Any] = []
    columns: set[str] = set()
    parts: dict[str, list[tuple[Any, list[Any]]]] = {attr: [] for attr in what.parts}
    for id_, obj in zip(ids, objects, strict=True):
        said = {attr for attr in attrs if getattr(obj, attr) is not UNSET}
        row = existing.get(id_)
        is_named = row is not None and _is_only_named(row)
        if row is None:
            row = what.model(**{what.id_column: id_}, **({"source": source} if what.is_own else {}))
            created.append(row)
            changed = said
        elif is_named:
            # Whatever it was before it was forgotten is not what is described now.
            columns |= _assign(mirror, row, mirror.struct(**dict.fromkeys(attrs)), attrs - what.parts.keys(), keys)
            changed = said
        else:
            ours = mirror.build(row)
            changed = {attr for attr in said if adds(getattr(obj, attr), getattr(ours, attr))}
        columns |= _assign(mirror, row, obj, changed, keys)
        if row.pk is None or is_named:
            what.begin(row, obj)
        if row.pk is not None and (changed or is_named):
            edited.append(row)
        for attr in parts.keys() & changed:
            parts[attr].append((row, getattr(obj, attr)))
    with history.by(reason=source.title):
        if created:
            what.model.objects.bulk_create(created)
        if edited:
            what.model.objects.bulk_save(edited, sorted(columns))
        for attr, changes in parts.items():
            if changes:
                what.parts[attr].write(changes, keys)


def _refuse(mode: Mode, status: int, problems: Sequence[Problem]) -> None:
    """Raise ApiError where there are problems; one object alone has no place in an array."""
    if problems:
        told = [Problem(None, one.field, one.message) for one in problems] if mode is Mode.UPDATE else problems
        raise ApiError(status, problems=told)


def _check_existence(what: Writable, mode: Mode, ids: Sequence[str], existing: Mapping[str, Any]) -> None:
    """Once the rows are locked: what is there, and what may be made."""
    described = {id_ for id_, row in existing.items() if not _is_only_named(row)}
    if mode is Mode.UPDATE and described != set(ids):
        raise ApiError(404, _("There is no such object."))
    if mode is Mode.CREATE:
        key = what.mirror.wire(what.mirror.key)
        there = [Problem(place, key, _("exists already")) for place, id_ in enumerate(ids) if id_ in described]
        _refuse(mode, 409, there)
    if described != set(ids):
        _check_mode(what.mirror)


def _forget_unwritable(what: Writable, obj: Any, attrs: frozenset[str]) -> None:
    """Partners send back what they were told: what only iRECA says counts as unsaid, and so does a secret that we never
    tell.
    """
    for attr in attrs:
        if names.is_secret(what.mirror.struct, attr) and not getattr(obj, attr):
            setattr(obj, attr, UNSET)
    for attr in what.parts:
        _forget_below(getattr(obj, attr))


def _forget_below(values: Any) -> None:
    for value in values if isinstance(values, list) else ():
        writable = names.attributes(type(value), "replace")
        for attr in value.__struct_fields__:
            if attr in writable:
                _forget_below(getattr(value, attr))
            else:
                setattr(value, attr, UNSET)


def _wrong_ids(mirror: Mirror, ids: Sequence[Any]) -> Iterator[Problem]:
    key = mirror.wire(mirror.key) if mirror.key else ""  # a permission is known by two attributes together
    seen: set[str] = set()
    for index, id_ in enumerate(ids):
        if not id_:  # None, "" and absent
            yield Problem(index, key, _("is required"))
        elif id_ in seen:
            yield Problem(index, key, _("is twice in this array"))
        else:
            seen.add(id_)


def _check_mode(mirror: Mirror) -> None:
    """In cabinet mode iRECA would refuse what it lets only its own cabinet create (seed 002:22, T69)."""
    if mirror.created_in_cabinet_only and settings.IRECA_MODE == "cabinet" and is_on(IRECA):
        text = _("New %(entity)s are created in iRECA's own cabinet, and come from there.")
        raise ApiError(403, text % {"entity": mirror.entity})


def _writable(mirror: Mirror) -> frozenset[str]:
    """The attributes that a partner may say: those of creation and of edits, but what only iRECA tells."""
    said = names.attributes(mirror.struct, "replace") | (
        names.attributes(mirror.struct, "create") if "create" in mirror.struct.writes else frozenset()
    )
    return frozenset(spec.attr for spec in mirror.fields if spec.attr in said and spec.owner is not Owner.THEIRS)


def _wrong_values(what: Writable, objects: Sequence[Any], attrs: frozenset[str]) -> list[Problem]:
    problems: list[Problem] = []
    fields = [spec for spec in what.mirror.fields if spec.attr in attrs]
    for index, obj in enumerate(objects):
        fit(what.model, fields, obj, "", index, problems)
        problems += unknown_codes(what, obj, "", index)
        for attr, parts in what.parts.items():
            _fit_nested(parts, (), getattr(obj, attr), what.mirror.wire(attr), index, problems)
    return problems


def fit(
    model: type[models.Model], fields: Sequence[Field], obj: Any, path: str, index: int | None, problems: list[Problem]
) -> None:
    """Make the object's values fit the columns of `model`, and note which do not."""
    for spec in fields:
        value = getattr(obj, spec.attr)
        if value is UNSET or value is None or isinstance(spec, Reference | Parts):
            continue
        here = f"{path}.{names.wire_name(type(obj), spec.attr)}".lstrip(".")
        if isinstance(spec, Embedded):
            inner = [Field(part, f"{spec.prefix}{part}") for part in spec.parts]
            fit(model, inner, value, here, index, problems)
            continue
        try:
            setattr(obj, spec.attr, check_of(model, spec.name)(value))
        except ValueError as error:
            problems.append(Problem(index, here, str(error)))


def _is_met(what: Writable, attr: str, code: int) -> bool:
    """Whether iRECA told this code of some row: then it knows it, though its dictionary was read before."""
    return what.model._base_manager.filter(**{what.mirror.by_attr[attr].name: code}).exists()


def unknown_codes(what: Writable, obj: Any, path: str, index: int | None) -> list[Problem]:
    """Codes that their dictionary does not have: iRECA would refuse them later, when nobody is told any more."""
    problems = []
    for attr, dictionary in what.dictionaries.items():
        code, known = getattr(obj, attr), dictionary.codes()
        if isinstance(code, int) and known and code not in known and not _is_met(what, attr, code):
            text = _("is in no dictionary; there are: %(codes)s") % {"codes": ", ".join(map(str, sorted(known)))}
            problems.append(Problem(index, f"{path}.{what.mirror.wire(attr)}".lstrip("."), text))
    return problems


def check_values(what: Writable, fields: Sequence[Field], obj: Any, path: str) -> None:
    """`fit` and `unknown_codes` of one object. Raises ApiError."""
    problems: list[Problem] = []
    fit(what.model, fields, obj, path, None, problems)
    problems += unknown_codes(what, obj, path, None)
    if problems:
        raise ApiError(400, problems=problems)


def _fit_nested(
    parts: PartsOf, way: tuple[str, ...], values: Any, path: str, index: int, problems: list[Problem]
) -> None:
    if values is UNSET or not values:
        return
    model, fields = parts.checked[way]
    below = [inner[-1] for inner in parts.checked if inner[:-1] == way and inner]
    for place, value in enumerate(values):
        here = f"{path}[{place}]"
        for spec in fields:
            is_needed = not model._meta.get_field(spec.name).null or (not way and spec.attr in parts.required)
            if isinstance(spec, Reference) and is_needed and getattr(value, spec.attr) in (UNSET, None, ""):
                wire = names.wire_name(type(value), spec.attr)
                problems.append(Problem(index, f"{here}.{wire}", _("is required")))
        fit(model, fields, value, here, index, problems)
        for attr in below:
            wire = names.wire_name(type(value), attr)
            _fit_nested(parts, (*way, attr), getattr(value, attr), f"{here}.{wire}", index, problems)


def _resolved(what: Writable, source: Source, objects: Sequence[Any], attrs: frozenset[str]) -> SourceKeys:
    keys = SourceKeys(source, what.own)
    specs = [spec for spec in what.mirror.fields if spec.attr in attrs]
    for obj in objects:
        for spec in specs:
            if (value := getattr(obj, spec.attr)) is not UNSET:
                spec.want(what.model, value, keys)
    keys.resolve()
    # From here on the object speaks of what it refers to as iRECA does, and can be compared with ours.
    for spec in specs:
        if isinstance(spec, Reference) and keys.is_own(target := spec.target(what.model)):
            for obj in objects:
                if (number := getattr(obj, spec.attr)) is not UNSET:
                    setattr(obj, spec.attr, keys.shared_id(target, number))
    return keys


def _locked(what: Writable, source: Source, ids: Sequence[str]) -> models.QuerySet[Any]:
    mine = what.model._base_manager.filter(**{f"{what.id_column}__in": ids})
    if what.is_own:
        mine = mine.filter(source=source)
    if connection.features.has_select_for_update:
        list(mine.order_by("pk").select_for_update().values_list("pk"))
    return what.mirror.queryset().filter(pk__in=mine.values("pk"))


def _is_only_named(row: Any) -> bool:
    return row.remote_data is None and row.sync_state == SyncState.CLEAN and row.pk is not None


def _assign(mirror: Mirror, row: Any, obj: Any, changed: Collection[str], keys: SourceKeys) -> set[str]:
    """Write the attributes into the row. Returns the fields of the model that they are in."""
    by_attname = {column.attname: column.name for column in mirror.model._meta.concrete_fields}
    written: set[str] = set()
    for attr in changed:
        spec = mirror.by_attr[attr]
        spec.write(row, getattr(obj, attr), keys)
        written |= {by_attname[column] for column in spec.columns()}
    return written


def delete(what: Writable, source: Source, id_: str) -> None:
    """Delete one row, here and at iRECA. What has a state of its own for it becomes inactive and stays listed (T33).

    What others refer to is forgotten instead: those keep their reference, to a row that is only named.
    """
    rows = what.rows(source).filter(**{what.id_column: id_})
    if connection.features.has_select_for_update:
        list(rows.select_for_update().values_list("pk"))
    row = rows.first()
    if row is None:
        raise ApiError(404, _("There is no such object."))
    with history.by(reason=source.title):
        if "is_active" in what.mirror.by_attr:
            _fade(row, is_active=False)
            return
        if row.SUCCESSOR and what.model.objects.filter(**{row.SUCCESSOR: row}).exists():
            # It stands for others too, perhaps for another partner's: it goes on, and is nobody's.
            row.source, row.external_id = None, ""
            what.model.objects.bulk_save([row], ["source", "external_id"])
            return
        if what.kept_for is not None and (reason := what.kept_for(row)):
            raise ApiError(409, reason)
        try:
            with transaction.atomic():
                rows.delete()
        except models.ProtectedError as error:
            if what.is_document:
                used = ", ".join(sorted({str(other._meta.verbose_name_plural) for other in error.protected_objects}))
                raise ApiError(409, _("It is used by %(others)s and cannot be deleted.") % {"others": used}) from None
            nothing: dict[str, Any] = {
                "remote_data": None,
                "sync_state": SyncState.CLEAN,
                "sync_error": "",
                "sync_conflict": {},
            }
            # Whom the number names the next time is somebody else, whatever this one was merged into.
            _fade(row, **nothing, **({row.SUCCESSOR: None} if row.SUCCESSOR else {}))


def _fade(row: Any, **values: Any) -> None:
    """Let iRECA delete the row, which stays here."""
    model, is_known = type(row), row.remote_data is not None
    model._base_manager.filter(pk=row.pk).update(**values, updated_at=timezone.now())
    history.keep(model, [row.pk], user=history.actor(), reason=history.reason())
    enqueue.deleted(model, [(row.pk, row.ireca_id, is_known)])
