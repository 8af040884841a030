"""What every resource of iRECA can do, written once: create, get, list, update, replace, delete.

A resource names its path, its entity and the seed lines of its endpoints; from those come its `endpoints` and the
docstrings of its methods.
"""

import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import UNSET

from backoffice.remotes.http import BrokenRow, Session
from backoffice.remotes.ireca.contract import BadRow, ContractError, Entity, bad_row, decode, encode
from backoffice.remotes.ireca.contract.codec import camel
from backoffice.remotes.wirejson import unwrap

T = TypeVar("T", bound=Entity)

PAGE_SIZE = 500
"""The most that a page may hold (48)."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of the seed: the HTTP method, the path under /api/v1, and the seed line that defines it."""

    method: str
    path: str
    line: int


class Api:
    """What the resources of one client share: the session, paging, and where bad rows are reported.

    `first_page`: the seed's examples say 0 everywhere but once (T04). `page_size` is at most 500.
    """

    def __init__(
        self,
        session: Session,
        on_bad_row: Callable[[BadRow], None],
        page_size: int = PAGE_SIZE,
        first_page: int = 0,
    ):
        self.session = session
        self.on_bad_row = on_bad_row
        self.page_size = min(page_size, PAGE_SIZE)
        self.first_page = first_page

    def pages(
        self,
        entity: type[T],
        path: str,
        params: Mapping[str, Any] | None = None,
        start: int | None = None,
        *,
        trust_short: bool = False,
    ) -> Iterator[tuple[int, Sequence[T]]]:
        """Read a paged list: (page number, its objects), from page `start` on.

        T04: page and count are always sent; the end is an empty page or one that brings nothing new, never a short
        one, unless `trust_short` says that a request saved is worth more. Rows seen before are dropped, for rows move
        between pages while they are read.
        """
        seen: set[Any] = set()
        page = self.first_page if start is None else start
        while True:
            asked = {**(params or {}), "page": page, "count": self.page_size}
            fresh, length = [], 0
            for row in self.session.rows(path, params=asked):
                length += 1
                identity = _identity(entity, row)
                if identity not in seen:
                    seen.add(identity)
                    fresh.append(row)
            if not fresh:
                return
            yield page, list(self.decoded(entity, fresh))
            if trust_short and length < self.page_size:
                return
            page += 1

    def paged(
        self, entity: type[T], path: str, params: Mapping[str, Any] | None = None, *, trust_short: bool = False
    ) -> Iterator[T]:
        """The objects of a paged list."""
        for _, objects in self.pages(entity, path, params, trust_short=trust_short):
            yield from objects

    def decoded(self, entity: type[T], rows: Iterable[Any]) -> Iterator[T]:
        """Decode row by row; a row that does not fit is reported and skipped."""
        for row in rows:
            try:
                yield decode(entity, row)
            except ContractError as error:
                self.on_bad_row(bad_row(entity, row, error))


def _identity(entity: type[Entity], row: Any) -> Any:
    """What makes a row the same row on another page: its id, else all that it says."""
    if isinstance(row, dict) and entity.wire_id:
        id_ = row.get(camel(entity.wire_id))
        if isinstance(id_, str | int) and id_ != "":
            return str(id_)
    if isinstance(row, BrokenRow):
        return row
    return hashlib.blake2b(msgspec.json.encode(row), digest_size=16).digest()


def moment(value: datetime | None) -> str | None:
    """A moment as a query parameter. T02: GMT without a mark; `value` must be aware."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("expected a moment with a time zone")
    return datetime.fromtimestamp(value.timestamp(), tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def endpoint(method: str, path: str, line: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a method as the one that calls an endpoint of the seed, and say so in its docstring."""

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        _describe(function, Endpoint(method, path, line))
        return function

    return mark


def _describe(function: Any, found: Endpoint) -> None:
    function.endpoint = found
    function.__doc__ = (
        f"{(function.__doc__ or '').rstrip()}\n\n{found.method} /{found.path} (seed 002, line {found.line})."
    )


class Resource(Generic[T]):
    """A collection of iRECA with the six usual endpoints.

    `path` is its wire name, `lines` the seed lines of its endpoints by method name, `paged` whether its list has the
    documented paging (T05: the others get neither page nor count). T08: creation and replacement send an array, an
    edit one object. T10: whether a write answers 201 or 204 does not matter.
    """

    path: ClassVar[str]
    entity: ClassVar[type[Any]]
    paged: ClassVar[bool] = False
    lines: ClassVar[Mapping[str, int]]

    _USUAL: ClassVar[Mapping[str, tuple[str, str]]] = {
        "create": ("POST", "{path}"),
        "get": ("GET", "{path}?{key}="),
        "list": ("GET", "{path}"),
        "update": ("PUT", "{path}?{key}="),
        "replace": ("POST", "{path}/replace"),
        "delete": ("DELETE", "{path}?{key}="),
    }

    def __init_subclass__(cls, **kwargs: Any):
        """Give each usual method of the resource its own docstring with its endpoint."""
        super().__init_subclass__(**kwargs)
        for name, (method, path) in cls._USUAL.items():
            if name in cls.lines and name not in vars(cls):
                setattr(cls, name, _copy(getattr(cls, name)))
                found = Endpoint(method, path.format(path=cls.path, key=cls.key()), cls.lines[name])
                _describe(getattr(cls, name), found)

    def __init__(self, api: Api):
        self.api = api
        self.session = api.session

    @classmethod
    def key(cls) -> str:
        """The query parameter that names one object, which is also the wire name of its id."""
        return camel(cls.entity.wire_id)

    @classmethod
    def endpoints(cls) -> dict[str, Endpoint]:
        """The documented endpoints by method name."""
        return {name: function.endpoint for name in dir(cls) if hasattr(function := getattr(cls, name), "endpoint")}

    def create(self, rows: Sequence[T]) -> None:
        """Create objects. A lost answer raises Unknown: iRECA may have created them."""
        body = [encode(row, "create") for row in rows]
        self.session.request("POST", self.path, json=body, idempotent=False, subjects=self.subjects(rows))

    def get(self, id_: str) -> T | None:
        """Read one object, None when iRECA answers with nothing. Raises ContractError when it cannot be decoded."""
        answer = self.session.request("GET", self.path, params={self.key(): id_}, subjects=[f"{self.path}:{id_}"])
        row = self._only(unwrap(answer), id_)
        return None if row is None else decode(self.entity, row)

    def list(self) -> Iterator[T]:
        """Read all objects, deleted ones included, row by row; bad rows are reported and skipped."""
        if self.paged:
            return self.api.paged(self.entity, self.path)
        return self.api.decoded(self.entity, self.session.rows(self.path))

    def pages(self, start: int | None = None) -> Iterator[tuple[int, Sequence[T]]]:
        """Read a paged list as (page number, objects), from page `start` on, so that a reader can resume.

        A list without documented paging comes as one page.
        """
        if self.paged:
            yield from self.api.pages(self.entity, self.path, start=start)
        else:
            yield 0, tuple(self.list())

    def update(self, id_: str, row: T) -> None:
        """Edit one object: `row` whole, as in every example of the seed."""
        self.session.request(
            "PUT",
            self.path,
            params={self.key(): id_},
            json=encode(row, "update"),
            subjects=[f"{self.path}:{id_}"],
        )

    def replace(self, rows: Sequence[T]) -> None:
        """Create or edit objects; sending the same twice does no harm."""
        body = [encode(row, "replace") for row in rows]
        self.session.request("POST", f"{self.path}/replace", json=body, subjects=self.subjects(rows))

    def delete(self, id_: str) -> None:
        """Delete one object."""
        self.session.request("DELETE", self.path, params={self.key(): id_}, subjects=[f"{self.path}:{id_}"])

    def subjects(self, rows: Iterable[T]) -> Sequence[str]:
        """The names of `rows` for the exchange log, such as "orders:209900"."""
        name = self.entity.wire_id
        ids = (getattr(row, name, UNSET) for row in rows)
        return [f"{self.path}:{id_}" for id_ in ids if id_ is not UNSET and id_ is not None]

    def _only(self, rows: Sequence[Any], id_: str) -> Any:
        """The row that a read by id meant. T07: it may come in an array, which may hold others when iRECA did not
        understand the parameter. T66: its id may be missing and is then the one that was asked for."""
        for row in rows:
            if not isinstance(row, dict):
                continue
            found = row.get(self.key())
            if found is None or found == "":
                if len(rows) == 1:
                    return {**row, self.key(): id_}
            elif str(found) == str(id_):
                return row
        # A lone row that is no object is decoded all the same, so that the caller learns what came instead.
        return rows[0] if len(rows) == 1 and not isinstance(rows[0], dict) else None


def _copy(function: Any) -> Any:
    """A copy of a function that may have a docstring of its own."""
    inner = function

    @functools.wraps(inner)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return inner(self, *args, **kwargs)

    method.__doc__ = inner.__doc__
    return method
