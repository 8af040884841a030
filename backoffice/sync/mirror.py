"""Mirror: how the rows of a model become a remote's objects and back, and who owns which field.

A mirror is declared in its app (`<app>/mirror.py`) from a contract class and fields, and registered here. Push, pull,
callbacks and merge
know rows through their mirror only; the wire format itself lives once, in `remotes/ireca/contract`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache, cached_property
from typing import Any

from django.db import models
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract import names
from backoffice.secrets import fingerprint
from backoffice.sync.merge import Merge, blank
from backoffice.sync.mirrored import Mirrored, keys_by_ireca_id
from backoffice.sync.personal import real


class Owner(Enum):
    """Who may change a field. What both may change is merged three ways."""

    OURS = "ours"
    THEIRS = "theirs"
    BOTH = "both"


class Keys:
    """Our keys for the remote ids of one batch, looked up with one query for a model."""

    def __init__(self) -> None:
        self._wanted: dict[type[Mirrored], set[str]] = defaultdict(set)
        self._found: dict[type[Mirrored], dict[str, int]] = {}

    def want(self, model: type[Mirrored], ireca_id: Any) -> None:
        if ireca_id:
            self._wanted[model].add(ireca_id)

    def resolve(self) -> None:
        for model, ids in self._wanted.items():
            self._found[model] = keys_by_ireca_id(model, ids)

    def unknown(self) -> Mirrored | None:
        """One of the wanted rows, if any, that is here and that the remote does not know yet."""
        for model, ids in self._wanted.items():
            row = model._base_manager.filter(ireca_id__in=ids, remote_data__isnull=True).order_by("pk").first()
            if row is not None:
                return row
        return None

    def key(self, model: type[Mirrored], ireca_id: str | None) -> int | None:
        return self._found[model][ireca_id] if ireca_id else None


@cache
def _column(model: type[models.Model], name: str) -> tuple[Any, bool]:
    """A column, and whether it takes text."""
    column = model._meta.get_field(name)
    return column, not isinstance(column, models.IntegerField)


@dataclass(frozen=True)
class Field:
    """A contract attribute that one column holds."""

    attr: str
    column: str = ""
    owner: Owner = Owner.BOTH

    @cached_property
    def name(self) -> str:
        return self.column or self.attr

    def columns(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, row: Any) -> Any:
        """The contract's value of this field of a row."""
        return real(getattr(row, self.name))

    def write(self, row: Any, value: Any, keys: Keys) -> None:
        if value is None or isinstance(value, str):
            column, takes_text = _column(row.__class__, self.name)
            if value is None and not column.null:
                value = column.get_default()
            elif value is not None and not takes_text:
                return  # a code that is no number: the row keeps its own, `remote_data` shows the remote's
        setattr(row, self.name, value)

    def want(self, owner: type[models.Model], value: Any, keys: Keys) -> None:
        """Announce the remote ids that `write` will look up for a row of `owner`."""

    def is_respelled(self, said: Any, known: Any) -> bool:
        """Whether the remote only spells otherwise what was agreed: then what changed here is no conflict."""
        return False


@dataclass(frozen=True)
class Reference(Field):
    """A contract attribute that holds another entity's id; here a foreign key."""

    def columns(self) -> tuple[str, ...]:
        return (f"{self.name}_id",)

    def target(self, owner: type[models.Model]) -> type[Mirrored]:
        return owner._meta.get_field(self.name).related_model  # type: ignore[return-value]  # to a mirrored model

    def read(self, row: Any) -> str | None:
        target = getattr(row, self.name)
        return target.ireca_id if target is not None else None

    def want(self, owner: type[models.Model], value: Any, keys: Keys) -> None:
        keys.want(self.target(owner), value)

    def write(self, row: Any, value: Any, keys: Keys) -> None:
        setattr(row, f"{self.name}_id", keys.key(self.target(type(row)), value))


@dataclass(frozen=True)
class Embedded(Field):
    """A nested object of the contract whose attributes are columns with a prefix.

    Of a client's address iRECA takes four attributes and answers seven (T58): what it is never told is not ours to
    agree on, and where it says nothing of it, what we have stays.
    """

    struct: Callable[..., Any] = field(kw_only=True)
    parts: tuple[str, ...] = field(kw_only=True)
    prefix: str = field(kw_only=True)

    def columns(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}{part}" for part in self.parts)

    def read(self, row: Any) -> Any:
        """What may be told of it."""
        return self.struct(**{part: real(getattr(row, f"{self.prefix}{part}")) for part in self._told})

    @cached_property
    def _told(self) -> tuple[str, ...]:
        forms = getattr(self.struct, "writes", {})
        names = {word.rstrip("!*") for form in forms.values() for word in form.split()}
        return tuple(part for part in self.parts if part in names)

    @cached_property
    def _fields(self) -> tuple[Field, ...]:
        return tuple(map(Field, self.parts, self.columns()))

    def write(self, row: Any, value: Any, keys: Keys) -> None:
        for part in self._fields:
            new = getattr(value, part.attr, UNSET) if value is not None else None
            if new is not UNSET and (part.attr in self._told or not blank(new)):
                part.write(row, new, keys)


@dataclass(frozen=True)
class Parts(Field):
    """A list of the contract that is rows of their own here (lines, payments, stock)."""

    build: Callable[[Any], list[Any]] | None = field(default=None, kw_only=True)  # None: only the remote says it
    announce: Callable[[list[Any], Keys], None] = field(kw_only=True)
    replace: Callable[[list[tuple[Any, list[Any]]], Keys], None] = field(kw_only=True)

    def columns(self) -> tuple[str, ...]:
        return ()

    def read(self, row: Any) -> Any:
        return self.build(row) if self.build is not None else UNSET

    def want(self, owner: type[models.Model], value: Any, keys: Keys) -> None:
        self.announce(value or [], keys)

    def write(self, row: Any, value: Any, keys: Keys) -> None:
        """Rows of their own are written in bulk by `replace`, once their owners are stored."""


@dataclass
class Outgoing:
    """An object on its way: the push, the row, what we have, what both sides agreed on, and what differs.

    `taken_back`: by wire name, what a request that nobody answered said otherwise, of what does not differ.
    `unanswered`: what the push kept of such requests before the one that left last.
    """

    push: Any
    row: Any
    ours: Any
    base: Any
    changed: frozenset[str]
    taken_back: Mapping[str, Any] = field(default_factory=dict)
    unanswered: Any = None

    @property
    def is_new(self) -> bool:
        """The remote cannot know it: it was never sent, or has been looked for and was not there."""
        return self.base is None

    @property
    def is_doubtful(self) -> bool:
        """An earlier attempt to create it may have succeeded though its answer never came."""
        return self.base is None and self.push.attempts > 0


@dataclass(frozen=True)
class Request:
    """One HTTP request for some objects, and what both sides agree on when it is answered."""

    items: Sequence[Outgoing]
    send: Callable[[Sequence[Outgoing]], None]
    attrs: frozenset[str] | None = None  # None: every attribute that a replace carries
    creates: bool = False
    overwrites: bool = False  # it would put back what changed there: its objects are read again right before
    reread: bool = False  # the remote makes something of its own of what it is told: look at it at once

    def of(self, items: Sequence[Outgoing]) -> Request:
        """The same for some of the objects."""
        return replace(self, items=items)


class Mirror:
    """One entity. Subclass and override where an entity has a way of its own."""

    remote = "ireca"
    entity: str  # the wire's name of the resource
    resource: str  # the client's attribute
    model: type[Any]
    struct: type[Any]
    rank: int  # references have a lower rank than those who refer to them
    fields: tuple[Field, ...]
    created_in_cabinet_only = False  # seed 002:22
    can_delete = True
    is_shared = True  # there somebody may have changed something else of it: read again before it is sent whole
    # Before it is sent whole, its list is read where it holds at most so many objects for each that is wanted: of what
    # changes seldom there a list that is some seconds old does no harm, and new prices of all goods are few requests.
    listed = 100
    has_journal = False  # the remote keeps one, which tells what a whole write of ours has overwritten (`sent.py`)
    can_create = True  # it has the endpoints that create and edit one object, besides `replace`
    cadence = 24 * 3600  # seconds between scheduled pulls

    def __init__(self) -> None:
        self.by_attr = {spec.attr: spec for spec in self.fields}
        self._wires = {attr: names.wire_name(self.struct, attr) for attr in self.struct.__struct_fields__}
        self.secrets = frozenset(attr for attr in self.by_attr if names.is_secret(self.struct, attr))
        # What `apply` goes through for each object: attributes by their names on the wire; specs that look up keys;
        # columns of ours that travel as they are, with their names on the wire and their spelling there.
        self.spelled = tuple((self.wire(spec.attr), spec.attr) for spec in self.fields)
        self.wanting = tuple(spec for spec in self.fields if type(spec).want is not Field.want)
        self.plain = tuple(
            (spec.name, self.wire(spec.attr), names.spelling(self.struct, spec.attr))
            for spec in self.fields
            if type(spec) is Field and spec.owner is not Owner.THEIRS and spec.attr not in self.secrets
        )

        self._of_the_remote = frozenset(self.wire(spec.attr) for spec in self.fields if spec.owner is Owner.THEIRS)
        # What both sides may change and a journal can tell, by wire name.
        self.contested = {
            self.wire(spec.attr): spec.attr
            for spec in self.fields
            if spec.owner is Owner.BOTH and not isinstance(spec, Parts)
        }

    @property
    def key(self) -> str:
        """The contract's attribute that holds the id."""
        return self.struct.wire_id

    def wire(self, attr: str) -> str:
        """How the remote spells an attribute."""
        return self._wires[attr]

    def ireca_id(self, obj: Any) -> str:
        """The id of a wire object."""
        return getattr(obj, self.key)

    def identify(self, ireca_id: str) -> dict[str, str]:
        """The id as the wire has it, to read a stored state back."""
        return {self.wire(self.key): ireca_id}

    def was_read(self, row: Any) -> bool:
        """Whether what is agreed was ever read, and is more than what we told at the creation: it has what only the
        remote says. Where the remote says nothing alone, that cannot be seen, and it counts as read.
        """
        return not self._of_the_remote or not self._of_the_remote.isdisjoint(row.remote_data or ())

    def said(self, obj: Any, attr: str) -> Any:
        """What a wire object says of an attribute, as it is stored and compared: of a secret just its fingerprint."""
        value = getattr(obj, attr)
        return fingerprint(value) if value and attr in self.secrets else value

    def state(self, obj: Any) -> dict[str, Any]:
        """A wire object as `remote_data` keeps it: all that it says, secrets by their fingerprint."""
        secrets = {self.wire(attr): said for attr in self.secrets if (said := self.said(obj, attr)) is not UNSET}
        return {**contract.dump(obj), **secrets}

    def over(self, known: Any, said: Any) -> Any:
        """A sent value laid over what was agreed: what we leave out of a nested object stays agreed."""
        return {**known, **said} if isinstance(known, dict) and isinstance(said, dict) else said

    def as_agreed(self, ours: Any, base: Any | None, changed: frozenset[str]) -> Any:
        """Ours, with what we did not change spelled as the remote has it: our columns are coarser than its numbers."""
        if base is not None:
            for attr in self.by_attr.keys() - changed:
                if (known := getattr(base, attr)) is not UNSET and attr not in self.secrets:
                    setattr(ours, attr, known)
        return ours

    # rows -> wire

    def queryset(self) -> models.QuerySet:
        """Rows with everything that `build` reads.

        Few couriers have many orders: what is referred to is read once, and not joined to each row.
        """
        references = [spec.name for spec in self.fields if isinstance(spec, Reference)]
        return self.model._base_manager.prefetch_related(*references, *self.prefetch())

    def prefetch(self) -> tuple[Any, ...]:
        return ()

    def build(self, row: Any) -> Any:
        """What we say about the row, in the contract's terms: all but what only the remote may say."""
        said = {spec.attr: spec.read(row) for spec in self.fields if spec.owner is not Owner.THEIRS}
        return self.struct(**{self.key: row.ireca_id}, **said)

    def base(self, row: Any) -> Any | None:
        """The last state both sides agreed on; None while the remote does not know the row."""
        if row.remote_data is None:
            return None
        return contract.decode(self.struct, {**row.remote_data, **self.identify(row.ireca_id)})

    def base_of(self, row: Any, names: Collection[str]) -> Any:
        """As `base`, of a row that the remote knows, but just what was agreed of these names of the wire."""
        agreed = row.remote_data
        return contract.decode(self.struct, {name: agreed[name] for name in names if name in agreed})

    def sendable(self) -> frozenset[str]:
        """The attributes that a `replace` carries."""
        return self._replaced

    @cached_property
    def _replaced(self) -> frozenset[str]:
        return names.attributes(self.struct, "replace")

    def dependencies(self, row: Any, changed: Collection[str]) -> Iterator[Mirrored]:
        """Rows that the remote must know before it is told this.

        :param changed: the attributes that it would learn; of a new row all. What it was told before needs nothing, so
            that an edit does not wait for a reference of old that was deleted there.
        """
        for spec in self.fields:
            if spec.attr in changed and isinstance(spec, Reference) and (target := getattr(row, spec.name)) is not None:
                yield target

    def requests(self, items: Sequence[Outgoing], client: Any, *, fresh: bool = False) -> Iterable[Request]:
        """How a batch leaves, in few requests.

        :param fresh: the objects were read right now, so that whatever `overwrites` may be sent.
        """
        return self.whole(items, client)

    def whole(self, items: Sequence[Outgoing], client: Any) -> Iterable[Request]:
        """Objects with all that they carry.

        New ones are created, so that the remote refuses where it has another object under that id; a single known one
        is edited with PUT,
        which does not bring back what the remote has deleted; many known ones go in one `replace`.
        """
        resource = getattr(client, self.resource)
        new: list[Outgoing] = []
        known: list[Outgoing] = []
        for item in items:
            (new if item.is_new and self.can_create else known).append(item)
        if new:
            yield Request(new, lambda some: resource.create([item.ours for item in some]), creates=True)
        if len(known) == 1 and known[0].base is not None and self.can_create:
            yield Request(
                known, lambda some: resource.update(some[0].row.ireca_id, some[0].ours), overwrites=self.is_shared
            )
        elif known:
            yield Request(known, lambda some: resource.replace([item.ours for item in some]), overwrites=self.is_shared)

    def after_overwriting(self, ids: Sequence[int], of: int) -> None:
        """What follows from a write that may have put something back: of these rows, in a batch of so many."""

    # wire -> rows

    def fetch(self, client: Any, ireca_id: str) -> Any | None:
        """The remote's object, or None where it has none."""
        return getattr(client, self.resource).get(ireca_id)

    def list(self, client: Any, **params: Any) -> Iterator[Any]:
        return getattr(client, self.resource).list(**params)

    def delete(self, client: Any, ireca_id: str) -> None:
        getattr(client, self.resource).delete(ireca_id)

    def after_learning(self, base: Any, theirs: Any, told: Any) -> None:
        """What follows, of what is agreed, from what the remote has of our words."""

    def also_taken_back(self, ours: Any, told: Any, changed: Set[str]) -> dict[str, Any]:
        """What was told in another way than we say it."""
        return {}

    def after_merge(self, merge: Merge, ours: Any) -> None:
        """A last word on a merge, where attributes hang together: `merge` may be changed."""

    def after_apply(self, rows: Sequence[Any], taken: dict[int, set[str]], made_here: Set[int]) -> None:
        """What follows from a remote's change; inside the transaction.

        :param taken: the changed attributes by our key.
        :param made_here: rows that we told it of and that are read for the first time now.
        """


class Registry:
    def __init__(self) -> None:
        self._by_model: dict[type[models.Model], Mirror] = {}
        self._by_entity: dict[str, Mirror] = {}

    def register(self, mirror_class: type[Mirror]) -> type[Mirror]:
        mirror = mirror_class()
        self._by_model[mirror.model] = mirror
        self._by_entity[mirror.entity] = mirror
        return mirror_class

    def for_model(self, model: type[models.Model]) -> Mirror | None:
        return self._by_model.get(model)

    def for_entity(self, entity: str) -> Mirror | None:
        return self._by_entity.get(entity)

    def ranked(self) -> list[Mirror]:
        """All mirrors, references before those who refer to them."""
        return sorted(self._by_entity.values(), key=lambda mirror: (mirror.rank, mirror.entity))


registry = Registry()
