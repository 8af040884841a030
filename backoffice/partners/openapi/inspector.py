"""An endpoint's method as an operation of OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry

from backoffice.partners.api.idempotency import HEADER
from backoffice.partners.api.operations import Operation, Parameter
from backoffice.partners.api.views import COUNT, MOST, ApiView
from backoffice.partners.descriptions import FIELDS, PARAMETERS
from backoffice.partners.openapi import examples
from backoffice.partners.openapi.schemas import Schemas
from backoffice.partners.openapi.values import ASKED_MOMENT, LONGEST_ID, Schema, beyond, described

SECURITY = "token"
EVERYWHERE = (400, 401, 403, 411, 429, 503)  # how every endpoint may fail

# The sections of the document, by the first word of the addresses in them.
SECTIONS = {
    **dict.fromkeys(("orders", "journal"), gettext_lazy("Orders")),
    "clients": gettext_lazy("Clients"),
    **dict.fromkeys(("goods", "specificities", "warehouses", "suppliers"), gettext_lazy("Catalogue")),
    **dict.fromkeys(("taxes", "paymentTypes", "orderReturnReasons", "dictionary"), gettext_lazy("Directories")),
    **dict.fromkeys(("couriers", "userRoles", "permissions", "locations"), gettext_lazy("Couriers")),
    **dict.fromkeys(
        (
            *("orderReceipts", "orderReturnReceipts", "correctionReceipts", "atolOnlineSettings", "pechka54Settings"),
            *("bankTerminalLogs", "fiscalRegistratorLogs"),
        ),
        gettext_lazy("Receipts and devices"),
    ),
    "licenses": gettext_lazy("Licences"),
    **dict.fromkeys(("webhooks", "callback"), gettext_lazy("Webhooks")),
}
VERBS = {"GET": "read", "POST": "create", "PUT": "update", "DELETE": "delete"}

_IDS = r"^[^,]+(,[^,]+)*$"
_CODES = r"^-?\d{1,9}(,-?\d{1,9})*$"
_PARAMETERS: Mapping[str, Schema] = {
    "id": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
    "number": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999_999},
    "text": {"type": "string", "minLength": 1, "pattern": r"\S"},
    "moment": {"type": "string", "pattern": ASKED_MOMENT},
    "flag": {"type": "string", "enum": ["1", "0", "true", "false"]},
    "codes": {"type": "string", "pattern": _CODES},
    "words": {"type": "string", "pattern": r"^[a-z]+(,[a-z]+)*$"},
    "ids": {"type": "string", "pattern": _IDS},
    "page": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "count": {"type": "integer", "minimum": 1, "maximum": MOST, "default": COUNT},
}


class ContractSchema(AutoSchema):
    """What the generator asks of each method of `/api/v1/`."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        view = cast(ApiView, self.view)
        told = view.operation(method)
        if told is None:
            return None
        words = re.sub(path_prefix, "", path).strip("/").split("/")
        schemas = Schemas(registry)
        scopes = [str(scope) for scope in view.scopes.get(method, ())]
        operation: dict[str, Any] = {
            "operationId": _operation_id(words, method),
            "tags": [str(SECTIONS.get(words[-1]) or SECTIONS[words[0]])],
            "summary": str(told.summary),
            "description": "\n\n".join(_paragraphs(told, scopes)),
            "security": [{SECURITY: []}],
            "x-scopes": scopes,
        }
        if parameters := [_parameter(parameter) for parameter in told.parameters] + _headers(told, method):
            operation["parameters"] = parameters
        if told.bodies:
            content: Schema = {"schema": schemas.body(told.bodies)}
            if shown := examples.of_requests("/".join(words), told.bodies):
                content["examples"] = shown
            operation["requestBody"] = {"required": True, "content": {"application/json": content}}
        operation["responses"] = {
            str(told.status): self._success(told, schemas, "/".join(words), method),
            **({"304": _unchanged()} if told.is_tagged else {}),
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in sorted({*EVERYWHERE, *told.fails})
            },
        }
        return operation

    @staticmethod
    def _success(told: Operation, schemas: Schemas, path: str, method: str) -> Schema:
        if not told.answers:
            response: Schema = {"description": _("Done. The answer is empty: read what you wrote by its id.")}
        else:
            content: Schema = {"schema": schemas.answer(told.answers)}
            if shown := examples.of_answers(path, told.answers):
                content["examples"] = shown
            response = {"description": _("What was asked for."), "content": {"application/json": content}}
        if method == "POST":
            text = _("There where this answer was given before, to the same key.")
            header = {"description": text, "schema": {"type": "string", "enum": ["true"]}}
            response["headers"] = {"Idempotent-Replayed": header}
        if told.is_tagged:
            response["headers"] = {"ETag": _tag()}
        return response


def _tag() -> Schema:
    return {"description": _("Of lists: changes when the list does."), "schema": {"type": "string"}}


def _unchanged() -> Schema:
    return {"description": _("The list is the one that you know."), "headers": {"ETag": _tag()}}


def _operation_id(words: list[str], method: str) -> str:
    """Stable names, which programs are generated with: goods_read, goods_replace, orders_multipleUpdate."""
    named = [*words] if len(words) > 1 and method != "GET" else [*words, VERBS[method]]
    return "_".join(named)


def _paragraphs(told: Operation, scopes: list[str]) -> Iterator[str]:
    yield from (str(note) for note in told.notes)
    if scopes:
        yield _("Scope: %(scopes)s.") % {"scopes": _(" or ").join(f"`{scope}`" for scope in scopes)}
    else:
        yield _("Any token may.")
    yield f"seed 002:{told.line}" if told.line is not None else _("(Not in the seed.)")


def _parameter(parameter: Parameter) -> Schema:
    schema = dict(_PARAMETERS[parameter.kind])
    told: Schema = {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "schema": schema,
    }
    if parameter.of is not None:
        struct, attribute = parameter.of
        text = FIELDS[struct][attribute]
    elif parameter.text is not None:
        return beyond(told, parameter.text)
    else:
        text = PARAMETERS[parameter.name]
    return described(told, text.text, text.line)


def _headers(told: Operation, method: str) -> list[Schema]:
    if told.is_tagged:
        tag = _("The ETag of the list that you know: unchanged, it is answered 304 and not sent again.")
        return [_header("If-None-Match", {"type": "string", "pattern": r'^(W/)?"[!#-~]*"$'}, tag)]
    if method != "POST":
        return []
    text = _(
        "A text of yours that names this request: sent again with the same key, it is not carried out again, and gets"
        " the answer of the first time. Another request under the same key is answered 409. A refusal does not use the"
        " key up. Keys are kept three days."
    )
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[!-~]+$"}
    return [_header(HEADER, schema, text)]


def _header(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}
