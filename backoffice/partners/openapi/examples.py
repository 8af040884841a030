"""The seed's own examples, as the document shows them.

A request's example is the seed's, letter for letter. An answer's is told as we tell it: {} where the seed stands for
nothing becomes null (T18), and values get the types that our answers have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from msgspec import UNSET

from backoffice.partners.api.operations import Answer, Body, Entries, Plain
from backoffice.partners.api.projection import Constant
from backoffice.partners.openapi.values import Schema
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract.codec import Entity, camel
from backoffice.remotes.ireca.examples import EXAMPLES, Example


def of_requests(path: str, bodies: Sequence[Body | Plain]) -> Schema:
    """The examples of a request to `path`, by their names in the document."""
    operations = {body.example if isinstance(body, Plain) else body.operation for body in bodies} - {""}
    where = re.sub("/(replace|multipleUpdate|callback)$", "", path)
    found = [one for one in EXAMPLES if one.path == where and one.operation in operations]
    return {_name(one): _example(one, one.json) for one in found}


def of_answers(path: str, answers: Sequence[Answer | Entries | Plain]) -> Schema:
    """The examples of an answer of `path`."""
    shown: Schema = {}
    for one in EXAMPLES:
        if one.path != path or one.operation:
            continue
        is_list = isinstance(one.json, list)
        for answer in answers:
            if isinstance(answer, Entries):
                shown[_name(one)] = _example(one, one.json)
            elif isinstance(answer, Answer) and answer.many == is_list:
                rows = [_told(answer.struct, answer.form, row, _columns(answer)) for row in one.rows]
                rows = [_with_id(one, answer.struct, row) for row in rows]
                shown[_name(one)] = _example(one, rows if is_list else rows[0])
    return shown


def _name(example: Example) -> str:
    return f"seed-{example.line:04}"


def _example(example: Example, value: Any) -> Schema:
    return {"summary": f"seed 002:{example.line}", "value": _plain(value)}


def _plain(value: Any) -> Any:
    """The value without decimals, which JSON's own writer does not know."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _columns(answer: Answer) -> Mapping[str, Any]:
    return answer.projection.columns if answer.projection is not None else {}


def _with_id(example: Example, struct: type[Entity], row: dict[str, Any]) -> dict[str, Any]:
    """T66: some reads by id leave it out, and we do not. It is that of the first row of the list."""
    name = camel(struct.wire_id)
    if not name or name in row:
        return row
    answers = [one for one in EXAMPLES if one.path == example.path and not one.operation]
    ids = [other[name] for one in answers for other in one.rows if name in other]
    return {name: ids[0], **row} if ids else row


def _told(struct: type[Entity], form: str, row: Any, columns: Mapping[str, Any] = MappingProxyType({})) -> Any:
    """The object of an example in a form of ours: its attributes, in their types."""
    told: dict[str, Any] = {}
    for item in contract.form_of(struct, form):
        value = row.get(item.field.wire, UNSET)
        source = columns.get(item.field.name)
        if isinstance(source, Constant):
            value = source.value
        elif item.field.nested is not None and item.field.many:
            value = [_told(item.field.nested, form, inner) for inner in ([] if value is UNSET else value or [])]
        elif value is UNSET:
            continue
        elif item.field.nested is not None:
            value = _told(item.field.nested, form, value) if value else None
        else:
            value = _spelled(item.looks, value)
        told[item.field.wire] = value
    return told


def _spelled(looks: str, value: Any) -> Any:
    if value in ({}, []) and looks != "object":
        value = None
    if value is not None and looks in ("text", "text or null", "text or blank", "0 or 1 as text", "code as text"):
        return str(value)
    return value
