"""The registry of notices: kinds of trouble, each with who may know of it and a function that finds it.

An app registers its kinds when it is ready. What is found is stored without a word of text: `Kind.text` makes the text
from the stored parameters when somebody reads it, in his language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

Params = Mapping[str, Any]
MORE = "more"  # the key of what is beyond the cap of a kind, and the parameter that says so


@dataclass(frozen=True)
class Trouble:
    """Something that needs a person now.

    `key` tells it from others of its kind: while a trouble with that key is found, it is the same notice. Many alike
    are one trouble with their `count`, and `url` leads to the list of them. `params` are what JSON can hold;
    `permission` is asked for besides those of the kind.
    """

    url: str
    key: str = ""
    count: int = 1
    params: Params = field(default_factory=dict)
    since: datetime | None = None
    is_grave: bool = False
    permission: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of trouble. `find(now)` reads along indexes, whatever there is in years of data; it is called every
    `every` seconds by one worker. `text` gets the parameters of a trouble, with its `count`.
    """

    name: str
    title: Any
    permissions: tuple[str, ...]
    find: Callable[[datetime], Iterable[Trouble]]
    text: Callable[[Params], str]
    every: int = 60

    def describe(self, params: Params) -> str:
        if params.get(MORE):
            return _("%(title)s: %(count)s more") % {"title": self.title, "count": params["count"]}
        return self.text(params)


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    for kind in kinds:
        if kind.name in _kinds:
            raise ValueError(f"There is a kind of notices named {kind.name!r} already.")
        _kinds[kind.name] = kind


def every() -> list[Kind]:
    return list(_kinds.values())


def get(name: str) -> Kind | None:
    return _kinds.get(name)
