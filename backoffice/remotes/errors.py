"""How a call to a remote can fail: Retry, Refused, Config, Unknown and nothing else.

The outbox decides by the class alone what to do next, so every failure must end in exactly one of the four.
Also here: what does not fit a contract (ContractError, BadRow), and reading the text of an error answer, whose format
the seeds document badly (T01).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .wirejson import MalformedJson, loads

_TEXT_LIMIT = 2000


class RemoteError(Exception):
    """A call to a remote failed; `message` is safe to show (secrets are masked), `status` the HTTP status, if any.

    `not_carried_out`: True when the remote surely did nothing of what was asked, for it never heard of it or said so.
    """

    not_carried_out = False

    def __init__(self, message: str, *, status: int | None = None):
        super().__init__(message)
        self.message = message
        self.status = status


class Retry(RemoteError):
    """The same call may succeed later.

    `retry_after`: seconds that the remote asked us to wait, if it did.
    `down`: True when the remote as a whole does not answer (no connection, timeout, 429, 502, 503, 504), False when
    this very request makes it fail (a plain 500, an answer that cannot be read), so that others may still pass.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None, down: bool = True):
        super().__init__(message, status=status)
        self.retry_after = retry_after
        self.down = down


class Refused(RemoteError):
    """The remote said no to this content; `message` is the remote's own text."""


class Config(RemoteError):
    """Nobody's data are at fault, the connection is: token, address, certificate. Repeating helps no one."""


class Unknown(RemoteError):
    """The answer to a write that must not be repeated blindly was lost: it may or may not have been processed."""


class ContractError(ValueError):
    """A value does not fit the contract: `path` such as "goods[1].price" (empty for the whole), and the `message`."""

    def __init__(self, path: str, message: str):
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be decoded: its entity, its id if it shows one, where and why, and its first characters."""

    entity: str
    id: str | None
    path: str
    message: str
    excerpt: str

    def __str__(self) -> str:
        """`Client 17, goods[1].price: not a number {"clientId":…`: the row last, for it may tell of somebody."""
        where = f"{self.entity} {self.id}" if self.id else self.entity
        said = f"{where}, {self.path}: {self.message}" if self.path else f"{where}: {self.message}"
        excerpt = " ".join(self.excerpt.split()).removeprefix("{")
        return f"{said} {{{excerpt}" if excerpt else said


def documented_error(value: Any) -> str | None:
    """The text of an error answer as seed 002 documents it (line 28), None when `value` is no such answer.

    T01: an error is a JSON object with a truthy "error", whatever the HTTP status; "message" holds the text.
    """
    if not isinstance(value, Mapping) or not value.get("error"):
        return None
    error, message = value["error"], value.get("message")
    if isinstance(error, Mapping):
        message = message or error.get("message")
    text = message or (error if isinstance(error, str) else None) or "error"
    return str(text)[:_TEXT_LIMIT]


def error_text(body: bytes) -> tuple[bool, str]:
    """Read the body of an error answer: (is it the documented form, its text of at most 2000 characters).

    T01: strict JSON first, then the PHP spelling of the seed ("=>" for ":"), then the raw text. An HTML page is
    reduced to its words, for a person has to read it.
    """
    text = body.decode("utf-8", errors="replace").strip()
    for candidate in (text, text.replace("=>", ":")):
        try:
            value = loads(candidate.encode())
        except MalformedJson:
            continue
        documented = documented_error(value)
        if documented is not None:
            return True, documented
        if isinstance(value, Mapping) and isinstance(value.get("message"), str):
            return False, value["message"][:_TEXT_LIMIT]
        break
    if text[:1] == "<":
        text = " ".join(re.sub(r"<[^<>]*>", " ", _without_code(text)).split())
    return False, text[:_TEXT_LIMIT]


def _without_code(page: str) -> str:
    """A page without its scripts and styles, in one pass: an expression would take the square of a bad page."""
    kept, at, lowered = [], 0, page.lower()
    for found in re.finditer(r"<(script|style)\b", lowered):
        if found.start() >= at:
            kept.append(page[at : found.start()])
            end = lowered.find(f"</{found[1]}", found.end())
            at = len(page) if end < 0 else end
    return " ".join([*kept, page[at:]])


def is_page(body: bytes) -> bool:
    """Whether the body of an answer is for people, such as a web server's own error page: no JSON, not empty."""
    try:
        loads(body)
    except MalformedJson:
        return bool(body.strip())
    return False
