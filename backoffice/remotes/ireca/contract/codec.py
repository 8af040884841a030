"""decode, encode, dump and equal: one plan per entity class, compiled once, drives all four.

An entity is a msgspec.Struct whose attributes are the wire's names in snake case; each annotation carries its Kind.
Absent is UNSET and stays absent; null is None (T44).
"""

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

import msgspec
from msgspec import UNSET

from backoffice.remotes.errors import BadRow, ContractError
from backoffice.remotes.redact import redact
from backoffice.remotes.values import read_text
from backoffice.remotes.wirejson import BrokenRow, MalformedJson, loads, unwrap

from .kinds import OMIT, Kind, Wire, as_it_is

T = TypeVar("T", bound="Entity")

_EXCERPT = 500
_MASK = "***"


class Entity(msgspec.Struct, kw_only=True):
    """A wire entity.

    `wire_id` is the attribute that holds its id on the wire. `writes` lists for each operation the attributes that
    the seed documents for it, in its order: "name!" must be given, "name*" must be given and may be null, a bare
    name may be left out. `answers` lists for each form in which iRECA tells the entity ("get", "list", "callback") its
    attributes in the order of the seed's example; a spelling that is not the kind's own follows a colon (see
    `answers.py`).
    """

    wire_id: ClassVar[str] = ""
    writes: ClassVar[Mapping[str, str]] = {}
    answers: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def settle(cls, values: dict[str, Any], raw: Mapping[str, Any]) -> None:
        """Adjust the decoded `values` where several attributes decide together; `raw` is the object they come from."""

    def spell(self, operation: str) -> Self | None:
        """The object to encode in place of this one, None when the wire has no spelling for it."""
        return self

    def __repr__(self) -> str:
        plan = plan_of(type(self))
        shown = (
            f"{name}={_MASK!r}" if field.kind.secret else f"{name}={getattr(self, name)!r}"
            for name, field in plan.fields.items()
            if getattr(self, name) is not UNSET
        )
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute: its name here, its name on the wire, its kind, and the entity class it nests, if any."""

    name: str
    wire: str
    kind: Kind
    nested: type[Entity] | None = None
    many: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What the codec needs to know of a class."""

    fields: dict[str, Field]
    by_wire: dict[str, tuple[str, Callable[[Any], Any]]]
    aliases: tuple[tuple[str, str, Callable[[Any], Any]], ...]
    dumped: tuple[tuple[str, str, Callable[[Any], Any] | None], ...]  # None: a value goes as it is
    settles: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One attribute of a write."""

    field: Field
    write: Callable[[Any], Any]
    required: bool
    nullable: bool


def camel(name: str) -> str:
    """The wire's spelling of an attribute: order_id -> orderId."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


@cache
def plan_of(cls: type[Entity]) -> Plan:
    """The plan of `cls`, compiled on first use."""
    hints = typing.get_type_hints(cls, include_extras=True)
    fields: dict[str, Field] = {}
    aliases: list[tuple[str, str, Callable[[Any], Any]]] = []
    for name in cls.__struct_fields__:
        found, also = _field(name, hints[name])
        fields[name] = found
        aliases.extend((alias, name, found.kind.read) for alias in also)
    by_wire = {field.wire: (name, field.kind.read) for name, field in fields.items()}
    settles = cls.settle.__func__ is not Entity.settle.__func__  # type: ignore[attr-defined]  # classmethods have one
    dumped = tuple(
        (name, field.wire, None if field.kind.dump is as_it_is else field.kind.dump)
        for name, field in fields.items()
        if not field.kind.secret
    )
    return Plan(fields, by_wire, tuple(aliases), dumped, settles)


def _field(name: str, hint: Any) -> tuple[Field, tuple[str, ...]]:
    kind, wire = None, Wire()
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Kind):
            kind = extra
        elif isinstance(extra, Wire):
            wire = extra
    wire_name = wire.name or camel(name)
    if kind is not None:
        return Field(name, wire_name, kind), wire.also
    nested, many = _nested(hint)
    return Field(name, wire_name, _nested_kind(nested, many), nested, many), wire.also


def _nested(hint: Any) -> tuple[type[Entity], bool]:
    """The entity class in `Address | UnsetType | None` or `list[Line] | UnsetType`, and whether it is a list."""
    if hasattr(hint, "__metadata__"):
        hint = typing.get_args(hint)[0]
    for part in typing.get_args(hint) or (hint,):
        if typing.get_origin(part) is list:
            return typing.get_args(part)[0], True
        if isinstance(part, type) and issubclass(part, Entity):
            return part, False
    raise TypeError(f"no kind and no entity in {hint!r}")


def _nested_kind(nested: type[Entity], many: bool) -> Kind:
    def read_one(value: Any) -> Any:
        if type(value) is dict and value:
            found = _decode(nested, value)
            return found if found != nested() else None  # nothing that we know of stands in it
        if value is None or value == {} or value == [] or value == "":  # T18
            return None
        raise ValueError("expected an object")

    def read_many(value: Any) -> Any:
        if type(value) is not list:
            if value is None or value == {} or value == "":
                return []
            value = [value]  # T07: one object where a list is expected
        rows = []
        for index, item in enumerate(value):
            try:
                rows.append(_decode(nested, item))
            except ContractError as error:
                raise ContractError(_join(f"[{index}]", error.path), error.message) from None
        return rows

    def dump_one(value: Any) -> Any:
        return None if value is None else dump(value)

    def dump_many(value: Any) -> Any:
        return None if value is None else [dump(item) for item in value]

    if many:
        return Kind("list", read_many, _unwritable, dump_many)
    return Kind("object", read_one, _unwritable, dump_one)


def _unwritable(value: Any) -> Any:
    raise TypeError("nested entities are written by _encode")


def _at(path: str, field: Any) -> str:
    return _join(path, field.wire) if path else field.wire


def _join(path: str, inner: str) -> str:
    return f"{path}{inner}" if not inner or inner.startswith("[") else f"{path}.{inner}"


def decode(cls: type[T], raw: Any) -> T:
    """Make a `cls` of a decoded JSON object. Unknown keys are ignored. Raises ContractError."""
    return _decode(cls, raw)


def _decode(cls: type[T], raw: Any) -> T:
    if type(raw) is not dict:
        raise ContractError("", f"expected an object, got {type(raw).__name__}")
    plan = plan_of(cls)
    find = plan.by_wire.get
    values: dict[str, Any] = {}
    key = ""
    try:
        for key, value in raw.items():
            known = find(key)
            if known is not None:
                name, read = known
                # Most values are text as it is; a call for each would be a third of the time.
                is_plain = read is read_text and type(value) is str and "\0" not in value
                values[name] = value if is_plain else read(value)
        for key, name, read in plan.aliases:
            if name not in values and key in raw:
                values[name] = read(raw[key])
        if plan.settles:
            key = ""
            cls.settle(values, raw)
    except ContractError as error:
        raise ContractError(_join(key, error.path), error.message) from None
    except ValueError as error:
        raise ContractError(key, str(error)) from None
    return cls(**values)


def decode_rows(cls: type[T], rows: Iterable[Any]) -> tuple[list[T], list[BadRow]]:
    """Decode each row by itself: those that fit, and a BadRow for each that does not."""
    good: list[T] = []
    bad: list[BadRow] = []
    for row in rows:
        try:
            good.append(_decode(cls, row))
        except ContractError as error:
            bad.append(bad_row(cls, row, error))
    return good, bad


def decode_callback(cls: type[T], body: bytes) -> tuple[list[T], list[BadRow]]:
    """Decode the body of a callback as `decode_rows` does. T37: {"items": [...]}, an array and one object are read.

    Raises ContractError when the body is no JSON.
    """
    try:
        rows = unwrap(loads(body))
    except MalformedJson as error:
        raise ContractError("", f"not JSON: {error}") from None
    return decode_rows(cls, rows)


def bad_row(cls: type[Entity], row: Any, error: ContractError) -> BadRow:
    """Describe a row that `cls` could not be decoded from; secrets in its excerpt are masked."""
    if isinstance(row, BrokenRow):
        return BadRow(cls.__name__, None, "", row.message, redact(row.excerpt))
    wire = plan_of(cls).fields[cls.wire_id].wire if cls.wire_id else ""
    id_ = row.get(wire) if isinstance(row, dict) else None
    try:
        text = msgspec.json.encode(row).decode()[: _EXCERPT * 4]
    except RecursionError:  # read where the stack had some more room than here
        text = ""
    return BadRow(cls.__name__, str(id_) if id_ else None, error.path, redact(error.message), redact(text)[:_EXCERPT])


def unknown_keys(cls: type[Entity], raw: Mapping[str, Any]) -> list[str]:
    """The keys of `raw` that the contract does not know, as paths; what `decode` ignores can so be counted."""
    plan = plan_of(cls)
    known = {field.wire: field for field in plan.fields.values()}
    known.update({alias: plan.fields[name] for alias, name, _ in plan.aliases})
    found: list[str] = []
    for key, value in raw.items():
        field = known.get(key)
        if field is None:
            found.append(key)
        elif field.nested is not None:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict):
                    found.extend(_join(key, inner) for inner in unknown_keys(field.nested, item))
    return found


def dump(obj: Entity) -> dict[str, Any]:
    """Everything that is set, under wire names, as canonical JSON builtins that `decode` reads back to an equal
    object. Equal objects dump equally. Secrets (T53) are left out, and so are absent again after `decode`."""
    result: dict[str, Any] = {}
    for name, wire, spell in plan_of(type(obj)).dumped:
        value = getattr(obj, name)
        if value is not UNSET:
            result[wire] = value if spell is None else spell(value)
    return result


def equal(a: Entity, b: Entity, attribute: str) -> bool:
    """Whether `a` and `b` agree on `attribute`: numbers by value (1 is 1.00), absent is not null (T44)."""
    return bool(getattr(a, attribute) == getattr(b, attribute))


@cache
def _steps(cls: type[Entity], operation: str) -> tuple[Step, ...]:
    if operation not in cls.writes:
        raise ContractError("", f"{cls.__name__} has no operation {operation!r}")
    fields = plan_of(cls).fields
    steps = []
    for word in cls.writes[operation].split():
        field = fields[word.rstrip("!*")]
        write = field.kind.write_on.get(operation, field.kind.write)
        steps.append(Step(field, write, word[-1] in "!*", word[-1] != "!"))
    return tuple(steps)


def encode(obj: Entity, operation: str) -> dict[str, Any]:
    """The JSON object that `operation` ("create", "refund", "update", "replace", ...) documents for `obj`.

    Only documented attributes are written, in the types of the seed's examples; absent ones stay absent. Raises
    ContractError naming every required attribute that is missing.
    """
    missing: list[str] = []
    result = _encode(obj, operation, "", missing)
    if missing:
        raise ContractError("", f"{type(obj).__name__} lacks {', '.join(missing)}")
    if result is None:
        raise ContractError("", f"an empty {type(obj).__name__} cannot be written")
    return result


def missing(obj: Entity, operation: str, *, partial: bool = False) -> list[str]:
    """The paths of what `operation` requires and `obj` lacks, such as "goods[1].price".

    `partial`: what is left out of the object itself is not missed; a null is, and what its lists leave out.
    """
    found: list[str] = []
    _encode(obj, operation, "", found)
    if not partial:
        return found
    names = {field.wire: name for name, field in plan_of(type(obj)).fields.items()}
    return [path for path in found if "[" in path or (path in names and getattr(obj, names[path]) is not UNSET)]


def _encode(obj: Entity, operation: str, path: str, missing: list[str]) -> dict[str, Any] | None:
    spelled = obj.spell(operation)
    if spelled is None:
        return None
    result: dict[str, Any] = {}
    for step in _steps(type(spelled), operation):
        field = step.field
        value = getattr(spelled, field.name)
        if value is UNSET or (value is None and not step.nullable):
            if step.required:
                missing.append(_at(path, field))
                continue
            if value is UNSET:
                continue
        if field.nested is None:
            try:
                written = step.write(value)
            except ValueError as error:
                raise ContractError(_at(path, field), str(error)) from None
        elif field.many:
            written = [
                item
                for index, child in enumerate(value or ())
                if (item := _encode(child, operation, f"{_at(path, field)}[{index}]", missing)) is not None
            ]
        else:
            written = OMIT if value is None else _encode(value, operation, _at(path, field), missing)
        if written is not OMIT and not (field.nested is not None and written is None):
            result[field.wire] = written
        elif step.required:
            missing.append(_at(path, field))
    return result
