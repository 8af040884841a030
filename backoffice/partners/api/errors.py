"""What a partner is told when something is wrong: `{"error": true, "message": …}`, never a stack (seed 002:27-28).

Where a request holds several objects, `errors` names each bad one: its place in the array, its field as a path such as
`goods[1].price`, and why. Status codes are ours, the seed documents none.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions
from rest_framework.response import Response

log = logging.getLogger(__name__)

NAMED = 3  # problems that the message itself names


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field. `index` is the element's place in the array, None where there is no array."""

    index: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = f"[{self.index}]" if self.index is not None else ""
        path = ".".join(filter(None, [place, self.field]))
        return f"{path}: {self.message}" if path else self.message

    def told(self) -> dict[str, Any]:
        return {"index": self.index, "field": self.field, "message": self.message}


class ApiError(Exception):
    """An answer that is an error. Whatever the request wrote is rolled back."""

    def __init__(
        self,
        status: int,
        message: str = "",
        problems: Sequence[Problem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status, self.problems, self.headers = status, list(problems), headers or {}
        self.message = message or _summary(self.problems)
        super().__init__(self.message)

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"error": True, "message": self.message}
        if self.problems:
            body["errors"] = [problem.told() for problem in self.problems]
        return body


def _summary(problems: Sequence[Problem]) -> str:
    text = "; ".join(map(str, problems[:NAMED]))
    more = len(problems) - NAMED
    return _("%(problems)s; and %(more)s more") % {"problems": text, "more": more} if more > 0 else text


# What the readers of the contract say (`remotes/values.py`), who speak to our own log: in a partner's language, without
# the value as Python spells it.
EXPECTED = {
    "expected an id": gettext_lazy("must be an id: a number, or text of at most 191 characters"),
    "expected text": gettext_lazy("must be text"),
    "expected a number": gettext_lazy("must be a number"),
    "expected a number of reasonable size": gettext_lazy("is too large or too small for a number"),
    "expected degrees": gettext_lazy("must be degrees, from -180 to 180"),
    "expected a code": gettext_lazy("must be a code: a whole number"),
    "expected a code of reasonable size": gettext_lazy("is too large for a code"),
    "expected yes or no": gettext_lazy("must be 1 or 0, true or false"),
    "expected a date and time": gettext_lazy("must be a date and time, as in 2026-12-01 09:00:00"),
    "expected a moment with a time zone": gettext_lazy("must be a date and time, as in 2026-12-01 09:00:00"),
    "expected a date": gettext_lazy("must be a date, as in 2026-12-01"),
    "expected an object": gettext_lazy("must be an object"),
    "expected no more than 32 values inside one another": gettext_lazy("is nested too deeply"),
}


def reworded(error: ValueError) -> str:
    """What is wrong with a value that could not be read, for a partner."""
    message = str(getattr(error, "message", error))  # a ContractError's path is told beside it
    known = EXPECTED.get(message.partition(", got ")[0])
    return str(known) if known is not None else message


def bad_request(field: str, message: str, index: int | None = None) -> ApiError:
    return ApiError(400, problems=[Problem(index, field, message)])


def not_found(message: str = "") -> ApiError:
    return ApiError(404, message or _("There is no such object."))


def handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Every exception of an endpoint as an answer. What nobody foresaw is logged, and told without details."""
    error = _as_api_error(exc)
    response = Response(error.body, status=error.status, headers=error.headers)
    response.exception = True
    return response


def _as_api_error(exc: Exception) -> ApiError:
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, Http404):
        return not_found()
    if isinstance(exc, PermissionDenied):
        return ApiError(403, _("This is not allowed."))
    if isinstance(exc, RequestDataTooBig):
        return ApiError(413, _("The request is too large."))
    if isinstance(exc, exceptions.APIException):
        headers = {}
        if (challenge := getattr(exc, "auth_header", None)) is not None:
            headers["WWW-Authenticate"] = challenge
        if (wait := getattr(exc, "wait", None)) is not None:
            headers["Retry-After"] = str(max(1, round(wait)))
        return ApiError(exc.status_code, str(exc.detail), headers=headers)
    if isinstance(exc, OperationalError):
        log.warning("the database was busy: %s", exc)
        return ApiError(503, _("The service is busy. Try again in a moment."), headers={"Retry-After": "2"})
    log.error("an endpoint failed", exc_info=exc)
    return ApiError(500, _("Something went wrong here. We see it; please try again later."))
