"""Three ways: what both sides agreed on last (base), what we have (ours), what the remote says (theirs).

Changed on one side only, that side wins; changed on both, a person decides. A value that one side does not state
(UNSET) is no change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

if TYPE_CHECKING:
    from backoffice.sync.mirror import Mirror


@dataclass
class Merge:
    """`take`: attributes to copy from theirs. `conflicts`: attributes changed on both sides. `overwritten`: attributes
    of which theirs is ours by now, because a write of ours took it away.
    """

    take: set[str] = field(default_factory=set)
    conflicts: set[str] = field(default_factory=set)
    overwritten: set[str] = field(default_factory=set)


def blank(value: Any) -> bool:
    """Whether a value says nothing: the wire spells "none" as null, "", {} and [] alike (T12, T18).

    False and 0 do say something.
    """
    if isinstance(value, msgspec.Struct):
        return all(blank(getattr(value, name)) for name in value.__struct_fields__)
    return value is UNSET or value is None or value == "" or value == []


def _equal(one: Any, other: Any, nested: Callable[[Any, Any], bool]) -> bool:
    if isinstance(one, msgspec.Struct) and isinstance(other, msgspec.Struct):
        return all(nested(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(nested(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, datetime) and isinstance(other, datetime):
        # The wire has whole seconds.
        return one.replace(microsecond=0) == other.replace(microsecond=0)
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        # Our columns are coarser than what a remote may send; finer than this nothing on the wire is meant.
        return abs(one - other) < Decimal("0.000001")
    return bool(one == other) or (blank(one) and blank(other))


def same(one: Any, other: Any) -> bool:
    """Whether two statements agree; what either leaves unstated (UNSET) does not count."""
    return one is UNSET or other is UNSET or _equal(one, other, same)


def adds(said: Any, known: Any) -> bool:
    """Whether a statement says anything that is not known; what is said where nothing is known is an addition."""
    if said is UNSET:
        return False
    if known is UNSET or known is None:
        return not blank(said)
    return not _equal(said, known, lambda one, other: not adds(one, other))


def filled_in(said: Any, there: Any) -> bool:
    """Whether the remote has all that it was told at a creation. What was blank then it may have filled in."""
    if said is UNSET or blank(said):
        return True
    return there is not UNSET and there is not None and _equal(said, there, filled_in)


def differing(mirror: Mirror, ours: Any, base: Any | None) -> frozenset[str]:
    """The attributes that a push would change at the remote."""
    names = mirror.sendable() & mirror.by_attr.keys()
    if base is None:
        return frozenset(names)
    return frozenset(name for name in names if adds(mirror.said(ours, name), getattr(base, name)))


def three_way(mirror: Mirror, base: Any | None, ours: Any, theirs: Any) -> Merge:
    from backoffice.sync.mirror import Owner

    merge = Merge()
    for spec in mirror.fields:
        t = mirror.said(theirs, spec.attr)
        if t is UNSET:
            continue
        o = mirror.said(ours, spec.attr)
        b = getattr(base, spec.attr) if base is not None else UNSET
        if spec.owner is Owner.THEIRS or not adds(o, t):
            # What agrees is taken too: the remote adds what it alone knows (titles, cancelled items).
            merge.take.add(spec.attr)
        elif spec.owner is Owner.OURS or (b is not UNSET and not adds(t, b)):
            continue
        elif b is UNSET:
            if blank(o):
                merge.take.add(spec.attr)
            elif not blank(t):
                merge.conflicts.add(spec.attr)
        elif not adds(o, b):
            merge.take.add(spec.attr)
        elif not spec.is_respelled(t, b):
            merge.conflicts.add(spec.attr)
    mirror.after_merge(merge, ours)
    return merge
