"""Objects of answers and of requests as components of the document.

A component is named by its entity: `Order` as a read by its id answers it, `OrderInList` where lists differ,
`OrderCreate` as POST takes it, and so on; what is nested in it is named likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

from backoffice.partners.api.operations import Answer, Body, Entries, Plain, Shape
from backoffice.partners.api.projection import Column, Constant, Group, Nested, Projection
from backoffice.partners.api.writing import AT_ONCE, Writable
from backoffice.partners.descriptions import ENTITIES, ENVELOPES, FIELDS, NOTES
from backoffice.partners.openapi.values import LONGEST_ID, Schema, beyond, described, taken, told
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract.codec import Entity, plan_of
from backoffice.sync.mirror import Embedded, Field

NO_LIMITS: Mapping[str, int | None] = {}
SUFFIXES = {
    "create": "Create",
    "refund": "Refund",
    "update": "Update",
    "replace": "Replace",
    "multiple_update": "MultipleUpdate",
}

# Where a request's attribute ends up, by its name: a column, or what the columns of a nested object are.
Places = Mapping[str, Any]


class Schemas:
    """The schemas of one document."""

    def __init__(self, registry: ComponentRegistry) -> None:
        self._registry = registry

    # answers

    def answer(self, answers: Sequence[Answer | Entries | Plain]) -> Schema:
        """The schema of an answer that is one of `answers`."""
        schemas = [self._one_answer(answer) for answer in answers]
        return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}

    def _one_answer(self, answer: Answer | Entries | Plain) -> Schema:
        if isinstance(answer, Entries):
            return self._entries(answer)
        if isinstance(answer, Plain):
            return self._plain(answer)
        ref = self._told(answer.struct, answer.form, answer.projection)
        return {"type": "array", "items": ref} if answer.many else ref

    def _entries(self, entries: Entries) -> Schema:
        texts = FIELDS[contract.DictionaryEntry]
        title = described({"type": "string"}, texts["title"].text, texts["title"].line)
        properties: Schema = {entries.title: title}
        if entries.code:
            code = {"type": ["integer", "string"]}
            properties = {entries.code: described(code, texts["code"].text, texts["code"].line), **properties}
        return {
            "type": "array",
            "items": {"type": "object", "properties": properties, "required": list(properties)},
        }

    def _told(self, struct: type[Entity], form: str, projection: Projection | None) -> Schema:
        columns = projection.columns if projection is not None else {}
        model = projection.model if projection is not None else None
        return self._told_object(struct, form, columns, model)

    def _told_object(
        self, struct: type[Entity], form: str, columns: Mapping[str, Column], model: type[models.Model] | None
    ) -> Schema:
        properties: Schema = {}
        for item in contract.form_of(struct, form):
            name, source = item.field.name, columns.get(item.field.name)
            text, more = FIELDS[struct][name], ""
            if item.field.nested is not None:
                schema = self._told_nested(item.field.nested, item.field.many, form, source, model)
            elif isinstance(source, Constant):
                schema, more = {"const": source.value}, f" {NOTES['secret']}"
            else:
                may_be_null = name != struct.wire_id and _may_be_null(model, source)
                schema = told(item.looks, may_be_null=may_be_null)
            properties[item.field.wire] = described(schema, f"{text.text}{more}", text.line)
        schema = {
            "type": "object",
            "description": _about(struct),
            "properties": properties,
            "required": list(properties),
        }
        name = struct.__name__
        if self._is_other(name, schema):
            name += "InList" if form == "list" else "InCallback"
        return self._component(name, schema)

    def _told_nested(
        self, struct: type[Entity], many: bool, form: str, source: Any, model: type[models.Model] | None
    ) -> Schema:
        if isinstance(source, Nested):
            ref = self._told_object(struct, form, source.columns, source.model)
        else:
            ref = self._told_object(struct, form, source.columns if isinstance(source, Group) else {}, model)
        if many:
            return {"type": "array", "items": ref}
        return ref if isinstance(source, Group) else {"oneOf": [ref, {"type": "null"}]}

    # requests

    def body(self, bodies: Sequence[Body | Plain]) -> Schema:
        """The schema of a request that is one of `bodies`."""
        schemas = [self._plain(body) if isinstance(body, Plain) else self._body(body) for body in bodies]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}

    def _body(self, body: Body) -> Schema:
        places = _places(body.writable) if body.writable is not None else {}
        limits = {name: parts.most for name, parts in body.writable.parts.items()} if body.writable is not None else {}
        ref = self._taken(body.struct, body.operation, places, body.required, limits)
        if body.shape is Shape.ONE:
            return ref
        if body.shape is Shape.ATTRIBUTES:
            return self._attributes(ref)
        most = AT_ONCE if body.shape is Shape.ARRAY else 1
        return {"oneOf": [{"type": "array", "minItems": 1, "maxItems": most, "items": ref}, ref]}

    @staticmethod
    def _attributes(ref: Schema) -> Schema:
        ids, attributes = ENVELOPES["orderIds"], ENVELOPES["attributes"]
        id_ = {"type": ["string", "integer"], "maxLength": LONGEST_ID}
        numbers = {"type": "array", "minItems": 1, "maxItems": AT_ONCE, "items": id_}
        return {
            "type": "object",
            "properties": {
                "orderIds": described(numbers, ids.text, ids.line),
                "attributes": described(ref, attributes.text, attributes.line),
            },
            "required": ["orderIds", "attributes"],
        }

    def _taken(
        self,
        struct: type[Entity],
        operation: str,
        places: Places,
        also: Sequence[str],
        limits: Mapping[str, int | None] = NO_LIMITS,
        *,
        is_element: bool = False,
    ) -> Schema:
        # An edit takes any part of what is documented, and lists whole.
        is_part = operation in ("update", "multiple_update") and not is_element
        properties: Schema = {}
        required: list[str] = []
        fields = plan_of(struct).fields
        for word in struct.writes[operation].split():
            name = word.rstrip("!*")
            field, text = fields[name], FIELDS[struct][name]
            is_required = not is_part and (word[-1] in "!*" or field.wire in _heads(also))
            if is_required:
                required.append(field.wire)
            may_be_null = not word.endswith("!") and not (is_required and not word.endswith("*"))
            if field.nested is not None:
                heads = (f"{field.wire}.", f"{field.wire}[].")
                below = [path.partition(".")[2] for path in also if path.startswith(heads)]
                schema = self._taken_nested(field.nested, field.many, operation, places.get(name, {}), below)
                if (most := limits.get(name)) is not None:
                    schema |= {"maxItems": most}
            else:
                schema = taken(field, may_be_null=may_be_null, column=places.get(name))
            properties[field.wire] = described(schema, text.text, text.line)
        schema = {"type": "object", "description": _about(struct), "properties": properties}
        if operation == "multiple_update":
            schema |= {"minProperties": 1, "additionalProperties": False}
        if required:
            schema["required"] = required
        return self._component(f"{struct.__name__}{SUFFIXES[operation]}", schema)

    def _taken_nested(
        self, struct: type[Entity], many: bool, operation: str, places: Places, also: Sequence[str]
    ) -> Schema:
        ref = self._taken(struct, operation, places, also, is_element=many)
        if not many:
            return ref if also else {"oneOf": [ref, {"type": "null"}]}
        return {"type": ["array", "null"], "items": ref}

    # both

    def _plain(self, plain: Plain) -> Schema:
        properties = {
            name: beyond(dict(value.schema), value.text)
            if value.line is None
            else described(dict(value.schema), value.text, value.line)
            for name, value in plain.values.items()
        }
        required = list(properties if plain.required is None else plain.required)
        schema = {"type": "object", "properties": properties, **({"required": required} if required else {})}
        ref = self._component(plain.name, schema)
        return {"type": "array", "items": ref} if plain.is_list else ref

    # components

    def _is_other(self, name: str, schema: Schema) -> bool:
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name)
        return component in self._registry and self._registry[component].schema != schema

    def _component(self, name: str, schema: Schema) -> Schema:
        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=schema, object=name)
        assert not self._is_other(name, schema), f"two schemas are called {name}"
        self._registry.register_on_missing(component)
        return {"$ref": f"#/components/schemas/{name}"}


def _about(struct: type[Entity]) -> str:
    return f"{ENTITIES[struct].text} (seed 002:{ENTITIES[struct].line})"


def _heads(paths: Sequence[str]) -> set[str]:
    return {path.partition(".")[0] for path in paths}


def _may_be_null(model: type[models.Model] | None, column: Any) -> bool:
    """Whether a column may hold none. Whatever is not a plain column of the model itself may."""
    if model is None or not isinstance(column, str) or "__" in column:
        return True
    return bool(getattr(model._meta.get_field(column), "null", True))


def _places(writable: Writable) -> Places:
    places = _columns(writable.model, writable.mirror.fields)
    for attr, parts in writable.parts.items():
        below = {way: _columns(model, fields) for way, (model, fields) in parts.checked.items()}
        for way, columns in below.items():
            if way:
                below[way[:-1]][way[-1]] = columns
        places[attr] = below[()]
    return places


def _columns(model: type[models.Model], fields: Sequence[Field]) -> dict[str, Any]:
    places: dict[str, Any] = {}
    for spec in fields:
        if isinstance(spec, Embedded):
            places[spec.attr] = {part: (model, f"{spec.prefix}{part}") for part in spec.parts}
        elif type(spec) is not Field and not spec.columns():
            continue
        elif _is_column(model, spec.name):
            places[spec.attr] = (model, spec.name)
    return places


def _is_column(model: type[models.Model], name: str) -> bool:
    return not getattr(model._meta.get_field(name), "is_relation", False)
