"""One id from a web request to all that comes of it: the rows it writes, exchanges with remotes, lines of the log.

The middleware takes the id of a request from its `X-Request-ID` or makes one. A `Push` or a `Callback` that is written
meanwhile keeps it (`trace`, by default the current id), and a worker that handles such rows binds it again, days later
and on another machine. What belongs to no request has an id all the same: each round of a worker, each run of a pull.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

LENGTH = 64
HEADER = "X-Request-ID"
_SANE = re.compile(rf"[A-Za-z0-9._-]{{8,{LENGTH}}}")

_current: ContextVar[str] = ContextVar("trace", default="")
_carried: ContextVar[tuple[str, ...]] = ContextVar("traces", default=())


def new() -> str:
    return uuid.uuid4().hex


def current() -> str:
    """The id of what is under way; empty outside of any request and round."""
    return _current.get()


def carried() -> tuple[str, ...]:
    """The ids of the requests of which the work under way is done together; empty where it is of one alone."""
    return _carried.get()


@contextmanager
def bound(ids: Iterable[str]) -> Iterator[None]:
    """Work in this block is done for these ids.

    One becomes the current id. Of many, such as those of the orders in one request to iRECA, each is carried, and the
    block has a new id for itself. Of none, the current id stays.
    """
    distinct = tuple(dict.fromkeys(filter(None, ids)))
    if not distinct:
        yield
        return
    is_one = len(distinct) == 1
    now, before = _current.set(distinct[0] if is_one else new()), _carried.set(() if is_one else distinct)
    try:
        yield
    finally:
        _current.reset(now)
        _carried.reset(before)


def sane(given: str) -> str:
    """The id that somebody gave, or none where it is not fit to be stored, searched and printed as it is."""
    return given if _SANE.fullmatch(given) else ""


class TraceMiddleware:
    """Gives each request its id, and tells it in the answer. It goes first, so that whatever is logged has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        trace = sane(request.headers.get(HEADER, "")) or new()
        with bound([trace]):
            response = self.get_response(request)
        response[HEADER] = trace
        return response
