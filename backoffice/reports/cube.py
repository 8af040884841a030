"""Figures: what is counted (facts), how (measures) and by what (dimensions).

A report is a filtered queryset of base rows, orders for one. Measures are counted from those rows or from rows that
belong to them (payments, lines), each table by itself: joined to one another they would be counted several times. So
whatever is asked, there is one query for each table of facts, and one for the names of each dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import DecimalField, F, Model, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Round

COUNT, MONEY, NUMBER, PERCENT, MINUTES = "count", "money", "number", "percent", "minutes"

ALL = Q()
DECIMALS = {MONEY: 2, NUMBER: 3}
Lookup = Callable[[str], str]  # a field of the base row -> its lookup from a row of facts
Values = dict[str, Any]


@dataclass(frozen=True)
class Facts:
    """A table that is counted. `path` leads from its rows to the base row; the base itself has none."""

    model: type[Model]
    path: str = ""
    where: Q = ALL

    def of(self, base: QuerySet) -> QuerySet:
        """The facts of the base rows."""
        if not self.path:
            return base.filter(self.where).order_by()
        rows = self.model._base_manager.filter(self.where)
        return rows.filter(**{f"{self.path}__in": base.order_by().values("pk")}).order_by()

    def lookup(self, field: str) -> str:
        return f"{self.path}__{field}" if self.path else field


@dataclass(frozen=True)
class Measure:
    """A figure that is counted by the database. `kind` says how it is written, `help` exactly what it means.

    `is_additive`: the figures of groups make that of all. Of an average or a number of different things they do not.
    `nothing`: the figure of no facts; an average has None.
    """

    name: str
    title: Any
    facts: Facts
    aggregate: Any
    kind: str = COUNT
    help: Any = ""
    is_additive: bool = True
    nothing: Any = 0

    def of(self, counted: Any) -> Any:
        if counted is None:
            return self.nothing
        # SQLite adds decimals up as floats; what was added has no more places than this.
        return (
            round(counted, DECIMALS[self.kind]) if isinstance(counted, Decimal) and self.kind in DECIMALS else counted
        )


@dataclass(frozen=True)
class Derived:
    """A figure made of others, of a group or of all alike: a share, an average, a balance."""

    name: str
    title: Any
    parts: Sequence[str]
    make: Callable[..., Any]
    kind: str = NUMBER
    help: Any = ""

    def of(self, values: Mapping[str, Any]) -> Any:
        return self.make(*(values[name] for name in self.parts))


def quotient(part: Any, whole: Any) -> Any:
    """None where there is nothing to divide by."""
    return part / whole if whole else None


def percentage(part: Any, whole: Any) -> Decimal | None:
    return Decimal(100) * part / whole if whole else None


@dataclass(frozen=True)
class Dimension:
    """What figures are told apart by. `key` makes the expression; `label` names keys, all in one query; `narrow` is the
    part of an address that leaves the rows of one key; `mask` what is left of a personal name. One whose keys are
    `is_personal` themselves is only for who may see them: masked, all groups would look alike. One that `is_long`
    may have thousands of keys, of which a page shows the first. Keys of time go into files as they are, days as dates,
    so that a spreadsheet sorts them; `file_title` is what they are called there.
    """

    name: str
    title: Any
    key: Callable[[Lookup], Combinable]
    label: Callable[[Collection[Any]], Mapping[Any, Any]]
    narrow: Callable[[Any], Mapping[str, str]]
    is_time: bool = False
    mask: Callable[[str], str] | None = None
    is_long: bool = False
    is_personal: bool = False
    file_title: Any = ""

    def shown(self, label: Any, sees_personal: bool) -> str:
        text = str(label)
        return text if self.mask is None or sees_personal else self.mask(text)


@dataclass(frozen=True)
class Group:
    """The figures of one key of each dimension."""

    keys: tuple[Hashable, ...]
    labels: tuple[Any, ...]
    values: Values


def field_key(name: str) -> Callable[[Lookup], Combinable]:
    """The key of a dimension that is a column."""
    return lambda lookup: F(lookup(name))


Key = tuple[Any, ...]  # of a group: one part for each dimension
Counted = dict[Key, Values]  # the measures of each group


def count(base: QuerySet, by: Sequence[Dimension], figures: Sequence[Measure | Derived]) -> Counted:
    """The measures by one or more dimensions: one query for each table of facts."""
    nothing = {each.name: each.of(None) for each in figures if isinstance(each, Measure)}
    found: Counted = {}
    for facts, aggregates, measures in _queries(figures):
        keys = {f"k_{dimension.name}": dimension.key(facts.lookup) for dimension in by}
        columns = (*keys, *(f"m_{each.name}" for each in measures))
        for row in facts.of(base).values(**keys).annotate(**aggregates).values_list(*columns):
            key = row[: len(keys)]
            values = found.get(key)
            if values is None:
                values = found[key] = dict(nothing)
            for each, counted in zip(measures, row[len(keys) :], strict=True):
                values[each.name] = each.of(counted)
    return found


def totals(base: QuerySet, figures: Sequence[Measure | Derived], counted: Counted | None = None) -> Values:
    """The figures of all base rows together.

    :param counted: what `count` found of the same rows, if anything: what is there and adds up is not asked for again.
    """
    groups = list((counted or {}).values())
    values: Values = {
        each.name: sum(group[each.name] for group in groups)
        for each in figures
        if isinstance(each, Measure) and each.is_additive and groups and each.name in groups[0]
    }
    for facts, aggregates, measures in _queries(figures):
        asked = [each for each in measures if each.name not in values]
        if asked:
            found = facts.of(base).aggregate(**{f"m_{each.name}": aggregates[f"m_{each.name}"] for each in asked})
            values |= {each.name: each.of(found[f"m_{each.name}"]) for each in asked}
    return _derived(values, figures)


def breakdown(base: QuerySet, by: Sequence[Dimension], figures: Sequence[Measure | Derived]) -> list[Group]:
    """The figures by one or more dimensions, in the order of their keys; what has no key goes last."""
    counted = count(base, by, figures)
    return grouped(counted, by, figures, in_order(counted))


def rows_of(base: QuerySet, by: Dimension, keys: Collection[Key]) -> QuerySet:
    """The base rows whose key is one of these."""
    wanted = [part for (part,) in keys]
    rows = base.alias(key_of_row=by.key(lambda field: field))
    return rows.filter(
        Q(key_of_row__in=[part for part in wanted if part is not None])
        | (Q(key_of_row=None) if None in wanted else Q(pk__in=[]))
    )


def ranked(
    base: QuerySet,
    by: Dimension,
    figures: Sequence[Measure | Derived],
    order: str,
    is_descending: bool = False,
    first: int | None = None,
) -> list[Key]:
    """The keys of a dimension by the figure `order`, those without one last; only the first of them, if so asked.

    Of thousands the database finds the first by itself, where the figure is counted from the base rows.
    """
    figure = next(each for each in figures if each.name == order)
    if isinstance(figure, Derived) or figure.facts != Facts(base.model):
        # Keys of which nothing is told by that figure are keys all the same: all rows count in the first one.
        counted = count(base, [by], [figures[0], *needed(order, figures)])
        return in_order(counted, figures, order, is_descending)[:first]
    rank = figure.aggregate
    if figure.kind in DECIMALS:  # as `Measure.of` reads it
        summed = Coalesce(rank, Value(figure.nothing), output_field=DecimalField())
        rank = Round(summed, precision=DECIMALS[figure.kind])
    keys = base.order_by().values(key_of_row=by.key(lambda field: field)).annotate(rank=rank)
    by_rank = F("rank").desc(nulls_last=True) if is_descending else F("rank").asc(nulls_last=True)
    keys = keys.order_by(by_rank, F("key_of_row").asc(nulls_last=True))
    return [(key,) for key in keys.values_list("key_of_row", flat=True)[:first]]


def in_order(
    counted: Counted, figures: Sequence[Measure | Derived] = (), order: str = "", is_descending: bool = False
) -> list[Key]:
    """The keys of what was counted in their own order, what has none last; or by the figure `order`, which only has to
    be counted then, those without one last.
    """
    keys = sorted(counted, key=lambda key: [(part is None, part) for part in key])
    if not order:
        return keys
    parts = needed(order, figures)
    ranks = {key: _derived(dict(counted[key]), parts)[order] for key in keys}
    known = sorted((key for key in keys if ranks[key] is not None), key=ranks.__getitem__, reverse=is_descending)
    return [*known, *(key for key in keys if ranks[key] is None)]


def grouped(
    counted: Counted, by: Sequence[Dimension], figures: Sequence[Measure | Derived], keys: Sequence[Key]
) -> list[Group]:
    """What was counted of these keys, with names. A key of which nothing was counted, any more, is left out."""
    ordered = [(key, _derived(dict(counted[key]), figures)) for key in keys if key in counted]
    labels = [dimension.label({key[index] for key, _values in ordered}) for index, dimension in enumerate(by)]

    def named(key: Key) -> tuple[Any, ...]:
        return tuple(names.get(part, part) for names, part in zip(labels, key, strict=True))

    return [Group(key, named(key), values) for key, values in ordered]


def needed(name: str, figures: Sequence[Measure | Derived]) -> list[Measure | Derived]:
    """The figure of that name behind those that it is made of."""
    figure = next(each for each in figures if each.name == name)
    if isinstance(figure, Measure):
        return [figure]
    return [*(each for part in figure.parts for each in needed(part, figures)), figure]


def _queries(
    figures: Sequence[Measure | Derived],
) -> Iterator[tuple[Facts, dict[str, Any], list[Measure]]]:
    """What is asked of each table: facts, aggregates by name, and their measures.

    Facts that belong to base rows in one way and differ in their condition alone are asked for together, each aggregate
    with its condition: the table is read once.
    """
    together: dict[tuple[Any, ...], dict[Facts, list[Measure]]] = {}
    for facts, measures in _by_facts(figures).items():
        # Facts that are the base itself may lead to several rows each, by joins of their own.
        apart = facts.where if not facts.path else ALL
        together.setdefault((facts.model, facts.path, apart), {})[facts] = measures
    for of_table in together.values():
        measures = [each for some in of_table.values() for each in some]
        if len(of_table) == 1:
            yield next(iter(of_table)), {f"m_{each.name}": each.aggregate for each in measures}, measures
        else:
            whole = next(iter(of_table))
            aggregates = {
                f"m_{each.name}": _narrowed(each.aggregate, facts.where)
                for facts, some in of_table.items()
                for each in some
            }
            yield Facts(whole.model, whole.path), aggregates, measures


def _narrowed(aggregate: Any, where: Q) -> Any:
    narrowed = aggregate.copy()
    narrowed.filter = where if aggregate.filter is None else where & aggregate.filter
    return narrowed


def _by_facts(figures: Sequence[Measure | Derived]) -> dict[Facts, list[Measure]]:
    tables: dict[Facts, list[Measure]] = {}
    for each in figures:
        if isinstance(each, Measure):
            tables.setdefault(each.facts, []).append(each)
    return tables


def _derived(values: Values, figures: Sequence[Measure | Derived]) -> Values:
    for each in figures:
        if isinstance(each, Derived):
            values[each.name] = each.of(values)
    return values
