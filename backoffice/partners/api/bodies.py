"""JSON in and out, exactly: fractions are decimals, and what is no JSON is refused with the place where it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import msgspec
from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from backoffice.partners.api.errors import ApiError
from backoffice.partners.api.projection import encoder

_decoder = msgspec.json.Decoder(float_hook=Decimal)


class JsonParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise ApiError(413, _("The request is larger than %(limit)s bytes.") % {"limit": limit})
        try:
            return _decoder.decode(body)
        except (msgspec.DecodeError, ArithmeticError, RecursionError, UnicodeDecodeError) as error:
            raise ApiError(400, _("The body is no JSON: %(error)s") % {"error": error}) from None


class JsonRenderer(BaseRenderer):
    """UTF-8 JSON. Bytes are JSON already, as streams and replayed answers are."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else encoder.encode(data)
