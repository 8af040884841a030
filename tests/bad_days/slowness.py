"""Requests that nobody is answered: carried out or not, or later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backoffice.remotes.errors import Refused, Retry

WRITES = ("update", "replace", "multiple_update")


@contextmanager
def writes_of(resource: Any, instead: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    """`instead` is called for each write, with what carries it out."""
    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            if original := getattr(resource, name, None):

                def write(*arguments: Any, original: Any = original, **named: Any) -> Any:
                    return instead(lambda: original(*arguments, **named))

                patch.setattr(resource, name, write)
        yield


@contextmanager
def unanswered(resource: Any) -> Iterator[None]:
    """Carried out at once."""

    def instead(carry_out: Callable[[], Any]) -> None:
        carry_out()
        raise Retry("timed out")

    with writes_of(resource, instead):
        yield


@contextmanager
def held(resource: Any) -> Iterator[list[Callable[[], Any]]]:
    """Carried out when called."""
    found: list[Callable[[], Any]] = []

    def instead(carry_out: Callable[[], Any]) -> None:
        found.append(carry_out)
        raise Retry("timed out")

    with writes_of(resource, instead):
        yield found


@contextmanager
def refused(resource: Any) -> Iterator[None]:
    def instead(_carry_out: Callable[[], Any]) -> None:
        raise Refused("no")

    with writes_of(resource, instead):
        yield


@contextmanager
def failing(resource: Any) -> Iterator[None]:
    """Not carried out, which nobody knows."""

    def instead(_carry_out: Callable[[], Any]) -> None:
        raise Retry("500", down=False)

    with writes_of(resource, instead):
        yield
