"""What an endpoint takes and answers, said beside the code that does it: the source of the API's documentation.

A view declares an `Operation` for each of its methods (`ApiView.operations`); those of entities follow from their
`Resource`. How values look, what is required and what texts say comes from the contract, the projections and the
descriptions; `backoffice.partners.openapi` puts it all together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.utils.text import format_lazy

from backoffice.partners.api.projection import Projection
from backoffice.partners.api.writing import Writable
from backoffice.partners.descriptions import FILTERS, NOTES, SUMMARIES
from backoffice.remotes.ireca.client import resources
from backoffice.remotes.ireca.contract import Entity

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

    from backoffice.partners.api.views import Resource

WRITE = (400, 409, 413, 415)  # how a POST may fail

# Where the seed defines the endpoints of each entity, by its path: the client knows.
LINES: Mapping[str, Mapping[str, int]] = {
    value.path: value.lines
    for value in vars(resources).values()
    if isinstance(value, type) and issubclass(value, resources.Resource) and value.__dict__.get("lines")
}


class Shape(Enum):
    """What stands around the objects of a request."""

    ARRAY = "array"  # 1 to 500 of them, or one alone (T08)
    ONE = "one"
    SETTINGS = "settings"  # one, alone or in an array
    ATTRIBUTES = "attributes"  # the same attributes for many: {"orderIds": […], "attributes": {…}}


@dataclass(frozen=True)
class Body:
    """A request's objects: `operation` of `Entity.writes`. `writable` knows which values fit."""

    struct: type[Entity]
    operation: str
    shape: Shape = Shape.ARRAY
    writable: Writable | None = None
    required: tuple[str, ...] = ()  # besides what the contract requires: paths of attributes


@dataclass(frozen=True)
class Answer:
    """Objects of an answer in a form of the contract; `projection` where rows are read."""

    struct: type[Entity]
    form: str
    projection: Projection | None = None
    many: bool = True

    @classmethod
    def of(cls, projection: Projection, *, many: bool = True) -> Answer:
        return cls(projection.struct, projection.form, projection, many)


@dataclass(frozen=True)
class Entries:
    """The entries of a dictionary: the names of the code ("" for none) and of the title."""

    code: str
    title: str


@dataclass(frozen=True)
class Value:
    """A value that is no entity's: its JSON schema, what it is, and the seed's line where there is one."""

    schema: Mapping[str, Any]
    text: StrPromise
    line: int | None = None


TEXT: Mapping[str, Any] = {"type": "string"}
NUMBER: Mapping[str, Any] = {"type": "integer"}
FLAG: Mapping[str, Any] = {"type": "integer", "enum": [0, 1]}
MOMENT: Mapping[str, Any] = {"type": ["string", "null"], "pattern": r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"}


def values(texts: Mapping[str, StrPromise], **schemas: Mapping[str, Any]) -> dict[str, Value]:
    return {name: Value(schema, texts[name]) for name, schema in schemas.items()}


@dataclass(frozen=True)
class Plain:
    """An object that is no entity of the contract, in a request or an answer. `required` None: all of it."""

    name: str
    values: Mapping[str, Value]
    required: tuple[str, ...] | None = None
    is_list: bool = False
    example: str = ""  # the operation of the seed's examples that show it

    def many(self) -> Plain:
        return replace(self, is_list=True)


@dataclass(frozen=True)
class Parameter:
    """A parameter of the query. `kind`: id, number, moment, flag, codes, ids, words, text, page or count; `of`: the
    entity's attribute that describes it, where it is one; `text`: what it is, where the seed does not have it.
    """

    name: str
    kind: str
    is_required: bool = False
    of: tuple[type[Entity], str] | None = None
    text: StrPromise | None = None


PAGE = (Parameter("page", "page"), Parameter("count", "count"))


@dataclass(frozen=True)
class Operation:
    """A method of an endpoint. `line` is the seed's; `fails` are statuses besides those that every endpoint has."""

    summary: StrPromise
    line: int | None = None  # None: the seed has no such endpoint
    status: int = 200
    parameters: tuple[Parameter, ...] = ()
    bodies: tuple[Body | Plain, ...] = ()
    answers: tuple[Answer | Entries | Plain, ...] = ()
    fails: tuple[int, ...] = ()
    notes: tuple[StrPromise, ...] = ()
    is_tagged: bool = False  # answers with an ETag, and 304 where If-None-Match has it


Operations = Mapping[str, Operation]


def required(name: str, of: tuple[type[Entity], str] | None = None) -> Parameter:
    """A parameter with an id that must be there."""
    return Parameter(name, "id", is_required=True, of=of)


def filters_of(filter_set: type[Any] | None) -> tuple[Parameter, ...]:
    """The parameters of a FilterSet."""
    if filter_set is None:
        return ()
    return tuple(
        Parameter(name, chosen.wire_kind, text=FILTERS[name]) for name, chosen in filter_set.base_filters.items()
    )


def of_entity(resource: Resource, method: str) -> Operation | None:
    """What `/goods` and `/goods?goodId=` take and answer."""
    mirror, writable = resource.writable.mirror, resource.writable
    lines = LINES[mirror.entity]
    one = Parameter(resource.id_parameter, "id", of=(mirror.struct, mirror.key))
    named = required(one.name, one.of)
    if method == "GET":
        return Operation(
            SUMMARIES["read"],
            lines["get"],
            parameters=(one, *PAGE, *filters_of(resource.filters)),
            answers=(Answer.of(resource.projections["get"], many=False), Answer.of(resource.projections["list"])),
            fails=(400, 404),
            notes=(format_lazy(NOTES["read"], id=one.name), NOTES["filters"]),
            is_tagged=not writable.is_own,
        )
    if method == "POST":
        body = Body(mirror.struct, "create", writable=writable, required=writable.required)
        notes = (NOTES["create"], *_of_codes(writable))
        return Operation(SUMMARIES["create"], lines["create"], 201, bodies=(body,), fails=WRITE, notes=notes)
    if method == "PUT":
        return Operation(
            SUMMARIES["update"],
            lines["update"],
            resource.written_as,
            parameters=(named,),
            bodies=(Body(mirror.struct, "update", Shape.ONE, writable, writable.required),),
            fails=(400, 404, 413, 415),
            notes=(NOTES["update"], *_of_codes(writable)),
        )
    if method == "DELETE":
        fails = (400, 404, 409) if writable.is_document or writable.kept_for else (400, 404)
        notes = (NOTES[f"delete/kept/{mirror.entity}"],) if writable.kept_for else ()
        return Operation(SUMMARIES["delete"], lines["delete"], 204, parameters=(named,), fails=fails, notes=notes)
    return None


def of_replace(resource: Resource) -> Operation:
    """What `/goods/replace` takes."""
    mirror, writable = resource.writable.mirror, resource.writable
    return Operation(
        SUMMARIES["replace"],
        LINES[mirror.entity]["replace"],
        resource.written_as,
        bodies=(Body(mirror.struct, "replace", writable=writable, required=writable.required),),
        fails=WRITE,
        notes=(NOTES["replace"], *_of_codes(writable)),
    )


def _of_codes(writable: Writable) -> tuple[StrPromise, ...]:
    return (NOTES["codes"],) if writable.dictionaries else ()
