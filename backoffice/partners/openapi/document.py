"""The whole document, in the language of whoever reads it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator

from backoffice.partners.api.errors import NAMED
from backoffice.partners.descriptions import ENVELOPES
from backoffice.partners.openapi.inspector import SECTIONS, SECURITY
from backoffice.partners.openapi.values import Schema, beyond, described

VERSION = "1"


class Generator(SchemaGenerator):
    """The generator, with what stands around the operations in the reader's language."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        document: dict[str, Any] = super().get_schema(request, public)
        document["info"] = {
            "title": _("Courier back office: API for partners"),
            "version": VERSION,
            "description": _about(),
        }
        document["tags"] = [{"name": str(name)} for name in dict.fromkeys(map(str, SECTIONS.values()))]
        components = document["components"]
        components["schemas"]["Error"] = _error()
        components["responses"] = _responses()
        components["securitySchemes"] = {SECURITY: {"type": "http", "scheme": "bearer", "description": _security()}}
        return document


def document() -> dict[str, Any]:
    """The document in the language that is active. The same one for all who read that language: do not change it."""
    return _document(get_language() or settings.LANGUAGE_CODE)


@cache
def _document(language: str) -> dict[str, Any]:
    with override(language):
        return Generator().get_schema(public=True)


def _about() -> str:
    return "\n\n".join(
        (
            _(
                "The contract of iRECA Courier, served by us: the same addresses, parameters, bodies and answers."
                " Orders and clients are yours, under your own numbers; couriers, goods and directories are shared."
            ),
            _("Moments are UTC, `YYYY-MM-DD HH:MM:SS`; yours may say their zone in ISO 8601. Money is in roubles."),
            _(
                "Requests are read tolerantly: ids, numbers and codes may be numbers or text; null, an empty text, `{}`"
                " and `[]` stand for nothing; attributes that do not exist are ignored. Answers have one spelling each."
            ),
            _("`seed 002:81` is the line of iRECA's document that says so."),
            _("An address that has no such method answers 405 and names in `Allow` those that it has."),
        )
    )


def _security() -> str:
    return _("The token that you were given: `Authorization: Bearer TOKEN`. It belongs to your source and its scopes.")


def _error() -> Schema:
    error, message = ENVELOPES["error"], ENVELOPES["message"]
    problem = {
        "type": "object",
        "properties": {
            "index": beyond(
                {"type": ["integer", "null"]},
                _("The place of the bad element in the array, from 0. Null: there is no array."),
            ),
            "field": beyond({"type": "string"}, _("The field, such as `goods[1].price`.")),
            "message": beyond({"type": "string"}, _("What is wrong with it, for people.")),
        },
        "required": ["index", "field", "message"],
    }
    return {
        "type": "object",
        "properties": {
            "error": described({"const": True}, error.text, error.line),
            "message": described({"type": "string"}, message.text, message.line),
            "errors": beyond(
                {"type": "array", "items": problem},
                _("Every bad field of every element; `message` names the first %(count)s.") % {"count": NAMED},
            ),
        },
        "required": ["error", "message"],
    }


def _responses() -> Schema:
    wait = {
        "description": _("Seconds to wait before you ask again."),
        "schema": {"type": "integer", "minimum": 1},
    }
    challenge = {"description": _("How to ask: with a token."), "schema": {"type": "string"}}
    headers = {401: {"WWW-Authenticate": challenge}, 429: {"Retry-After": wait}, 503: {"Retry-After": wait}}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    texts = {
        400: _("The request is wrong; nothing was changed. `errors` names each wrong field."),
        401: _("No token, or one that is unknown, revoked or expired."),
        403: _("The source lacks the scope or asks from another network, or only iRECA's cabinet may do this."),
        404: _("There is no such object, or it is another partner's."),
        409: _("It exists already, or is used by others, or the key was used for another request or one under way."),
        411: _("The request does not tell the length of its body (`Content-Length`)."),
        413: _("More than 500 objects, or more rows or bytes than a request may have."),
        415: _("The body is not `application/json`."),
        429: _("More requests a minute than the source may send."),
        503: _("The service is busy for a moment."),
    }
    return {
        str(status): {
            "description": text,
            "content": content,
            **({"headers": headers[status]} if status in headers else {}),
        }
        for status, text in texts.items()
    }
