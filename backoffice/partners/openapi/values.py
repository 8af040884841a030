"""Single values as JSON Schema: how they look in answers (`told`), and what requests may have for them (`taken`)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext as _

from backoffice.partners.api.checks import largest, longest
from backoffice.remotes.ireca.contract.codec import Field

Schema = dict[str, Any]

LONGEST_ID = 191  # characters (contract.kinds.read_ref)
LARGEST_CODE = 2**31 - 1
DEGREES = 180

TOLD_MOMENT = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
TOLD_DAY = r"^(\d{4}-\d{2}-\d{2})?$"
_MOMENT = r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?"
TAKEN_MOMENT = f"^({_MOMENT})?$"
ASKED_MOMENT = f"^{_MOMENT}$"  # in a query, where nothing may be empty
TAKEN_NUMBER = r"^[+-]?\d*([.,]\d*)?$"
TAKEN_CODE = r"^([+-]?\d{1,10})?$"
FLAGS = (True, False, 0, 1, "0", "1", "true", "false")

_TOLD: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "text or null": {"type": ["string", "null"]},
    "text or blank": {"type": "string"},
    "number or null": {"type": ["integer", "string", "null"]},
    "code": {"type": ["integer", "null"]},
    "code as text": {"type": "string", "pattern": r"^-?\d+$"},
    "decimal": {"type": ["number", "null"]},
    "decimal or 0": {"type": "number"},
    "two decimals": {"type": "string", "pattern": r"^-?\d+\.\d{2}$"},
    "decimal as text": {"type": ["string", "null"], "pattern": r"^-?\d+(\.\d{1,3})?$"},
    "degrees": {"type": "string", "pattern": r"^-?\d{1,3}\.\d{14}$"},
    "degrees as number": {"type": "number", "minimum": -DEGREES, "maximum": DEGREES},
    "0 or 1": {"type": "integer", "enum": [0, 1]},
    "0 or 1 as text": {"type": "string", "enum": ["0", "1"]},
    "moment": {"type": ["string", "null"], "pattern": TOLD_MOMENT},
    "day": {"type": "string", "pattern": TOLD_DAY},
    "object": {"type": ["object", "null"]},
}

_NUMBER: Schema = {"type": ["number", "string", "null"], "pattern": TAKEN_NUMBER}

_TAKEN: Mapping[str, Schema] = {
    "ref": {"type": ["string", "integer", "null"], "maxLength": LONGEST_ID},
    "text": {"type": ["string", "number", "null"]},
    "code": {
        "type": ["integer", "string", "null"],
        "minimum": -LARGEST_CODE,
        "maximum": LARGEST_CODE,
        "pattern": TAKEN_CODE,
    },
    "money": _NUMBER,
    "quantity": _NUMBER,
    "quantity_text": _NUMBER,
    "coordinate": {**_NUMBER, "minimum": -DEGREES, "maximum": DEGREES},
    "flag": {"enum": [*FLAGS, None]},
    "moment": {"type": ["string", "null"], "pattern": TAKEN_MOMENT},
    "day": {"type": ["string", "null"], "pattern": TOLD_DAY},
}


def told(looks: str, *, may_be_null: bool = True) -> Schema:
    """How a value looks in an answer. `may_be_null` is only asked where the look allows it."""
    schema = dict(_TOLD[looks])
    if not may_be_null and isinstance(schema["type"], list):
        kinds = [kind for kind in schema["type"] if kind != "null"]
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    return schema


def taken(field: Field, *, may_be_null: bool = True, column: tuple[type[models.Model], str] | None = None) -> Schema:
    """What a request may have for an attribute, as far as `column` (a model and the name of its field) holds it."""
    schema = dict(_TAKEN[field.kind.name])
    if column is not None:
        schema |= _limits(field.kind.name, *column)
    if may_be_null or field.kind.name == "text":  # null is an empty text (T18)
        return schema
    if "enum" in schema:
        return {**schema, "enum": [value for value in schema["enum"] if value is not None]}
    if field.kind.name == "ref":
        schema |= {"minLength": 1, "pattern": r"\S"}
    return {**schema, "type": [kind for kind in schema["type"] if kind != "null"]}


def _limits(kind: str, model: type[models.Model], name: str) -> Schema:
    column = model._meta.get_field(name)
    if isinstance(column, models.DecimalField) and kind != "coordinate":
        limit = _number(largest(column))
        pattern = TAKEN_NUMBER.replace(r"[.,]\d*", rf"[.,]\d{{0,{column.decimal_places}}}0*")
        return {"exclusiveMinimum": -limit, "exclusiveMaximum": limit, "pattern": pattern}
    if kind == "text":
        return {"maxLength": longest(model, column)}
    return {}


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def beyond(schema: Schema, text: Any) -> Schema:
    """The schema of a field that the seed does not have, with what it is."""
    return {**schema, "description": f"{text} {_('(Not in the seed.)')}"}


def described(schema: Schema, text: Any, line: int) -> Schema:
    """The schema of a field with what it is, and where the seed says so."""
    return {**schema, "description": f"{text} (seed 002:{line})"}
