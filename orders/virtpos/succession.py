"""Which order it is, where its key does not say: VirtPos gives orders no id (CONTRACT).

An order without a guid is known by customer, time and amount, so it gets another key when its amount changes, and when
it gets a guid. Then its predecessor is the order of the same customer and second that this answer holds no more; the
answer covers it, for VirtPos filters by the time that both have in common. Only where there is exactly one of each is
the one taken for the other. What cannot be told is not guessed: it comes as an order of its own and waits for a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.utils.translation import gettext as _

from backoffice.remotes.errors import BadRow
from backoffice.remotes.virtpos.contract import Order, key
from backoffice.sync.enqueue import chunks
from orders.models import Feed, Origin
from orders.models import Order as OurOrder


@dataclass
class Succession:
    """What came of it: how many orders go on under another key, and keys of orders that may be others in disguise."""

    renamed: int = 0
    doubtful: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)


def settle(feed: Feed, orders: Sequence[Order], bad: Collection[BadRow] = ()) -> Succession:
    """Give origins the new keys of their orders, where an answer with `orders` shows that they changed.

    `bad` are rows of the answer that could not be read: one of them may be the predecessor itself, unchanged.
    """
    result = Succession()
    present: dict[str, Order] = {}
    for order in orders:
        other = present.setdefault(key(order), order)
        # With a guid they are two states of one order, of which the later one counts.
        if not order.guid and other.raw != order.raw and key(order) not in result.doubtful:
            result.doubtful.add(key(order))
            text = _("order %(key)s: VirtPos tells several of them, and nothing tells them apart; here is the last")
            result.said.append(text % {"key": key(other)})
    known = {
        found
        for some in chunks(present)
        for found in Origin.objects.filter(remote=feed.remote, key__in=some).values_list("key", flat=True)
    }
    fresh: dict[str, list[str]] = defaultdict(list)
    for new, order in present.items():
        if new not in known and (kin := kin_of(order)):
            fresh[kin].append(new)
    for kin, olds in _former(feed, fresh, present).items():
        news = fresh[kin]
        if len(olds) == len(news) == 1 and not any(_may_be(kin, row) for row in bad):
            _rename(feed, olds[0], news[0])
            result.renamed += 1
            continue
        result.doubtful.update(news)
        text = _("order %(key)s may be a changed one of %(old)s: it waits for a person")
        result.said += [text % {"key": new, "old": ", ".join(olds)} for new in news]
    return result


def kin_of(order: Order) -> str:
    """Customer and time, which changed orders have in common; nothing where one is not told: too many are alike."""
    if order.customer_id is None or order.created_date is None:
        return ""
    return f"{order.customer_id}/{order.created_date:%Y-%m-%d %H:%M:%S}"


def _former(feed: Feed, kins: Collection[str], present: Collection[str]) -> dict[str, list[str]]:
    """By kin, keys without a guid that we know and the answer holds no more."""
    found: dict[str, list[str]] = defaultdict(list)
    for some in chunks(kins):
        rows = Origin.objects.filter(remote=feed.remote, kin__in=some).values_list("kin", "key")
        for kin, old in rows:
            if old.startswith(f"{kin}/") and old not in present:
                found[kin].append(old)
    return found


def _may_be(kin: str, row: BadRow) -> bool:
    return row.id is None or row.id.startswith(kin)


def _rename(feed: Feed, old: str, new: str) -> None:
    with transaction.atomic():
        # The order before its origin, as whoever merges does.
        OurOrder.objects.filter(source=feed.source, external_id=old).update(external_id=new)
        Origin.objects.filter(remote=feed.remote, key=old).update(key=new)
