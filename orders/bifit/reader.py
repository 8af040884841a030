"""Reading online orders: by id, as BIFIT Kassa documents no list of them; without ids, those that are still open.

An order that is not there, or that cannot be read, is told on the run and holds up no other. One at which the service
fails is asked for again after all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F
from django.utils.translation import gettext as _

from backoffice.remotes.bifit.contract import OnlineOrder
from backoffice.remotes.errors import ContractError, Refused, RemoteError, Retry
from backoffice.sync import clock, connection, pull
from backoffice.sync.connection import BIFIT
from backoffice.sync.enqueue import chunks
from orders import arrivals
from orders.bifit import commands, mapping, statuses
from orders.models import Feed, Origin

EVERY = 300  # seconds between two looks at what is open
ROUND = 500  # open orders that one scheduled run reads, those first that were read longest ago
AT_ONCE = 50  # orders stored together


def store(orders: Sequence[OnlineOrder], asked: datetime | None = None) -> arrivals.Arrived:
    """Store what was read; `asked`: since when, where others may have stored something newer meanwhile."""
    feed = Feed.of(BIFIT)
    found, bad = mapping.arrivals(feed, orders)
    applied = arrivals.apply(feed, found, claims=commands.claims, asked=asked)
    applied.bad[:0] = bad
    return applied


def take(orders: Sequence[OnlineOrder], asked: datetime | None = None) -> arrivals.Arrived:
    """Store what was read, and open pushes for what BIFIT Kassa is still to be told of it."""
    known = Origin.objects.filter(remote=BIFIT, key__in=[str(order.id) for order in orders])
    before = dict(known.values_list("pk", "status"))
    applied = store(orders, asked)
    statuses.settle(list(known.values_list("order", flat=True)), before)
    return applied


@pull.reader(BIFIT, remote=BIFIT, rank=5, every=EVERY, ids=True)
def read(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """`cursor["left"]` are the ids that are still to be read, `cursor["told"]` what was told of others."""
    run = progress.pull
    mapping.settle_payment_types(Feed.of(BIFIT))
    if run.cursor is None:
        run.cursor = {"left": list(params.get("ids") or _open()), "told": []}
        run.total = len(run.cursor["left"])
    left, told = list(run.cursor["left"]), list(run.cursor["told"])
    run.error = "\n".join(told)  # counted when they were told
    failed: list[str] = []
    failure: RemoteError | None = None
    for some in chunks(list(left), AT_ONCE):
        asked = clock.now()
        found, texts, later, error = _read_some(client, some)
        applied = take(found, asked)
        if applied.outdated and error is None:
            again, bad, left_over, error = _read_some(client, applied.outdated)
            applied += (taken := take(again))
            texts, later = [*texts, *bad, *taken.bad], [*later, *left_over]
        elif applied.outdated:
            later += applied.outdated
        texts += applied.bad
        # Read now as well, though nothing came of it: the next run begins with others.
        Origin.objects.filter(remote=BIFIT, key__in=set(some) - set(later)).update(read_at=clock.now())
        progress.bad(texts)
        told += texts
        failed += later
        left = left[len(some) :]
        failure = error or failure
        is_further = len(later) < len(some)
        run.cursor = {"left": [*left, *failed], "told": told}
        progress.add(applied, len(found), run.cursor if is_further else None)
        if error is not None and connection.is_outage(error):
            fallen = run.cursor["left"]
            if "ids" not in params and run.attempts >= max(pull.ATTEMPTS, len(fallen)):
                # Nothing but these: others wait for the next scheduled run, which begins with them.
                Origin.objects.filter(remote=BIFIT, key__in=fallen).update(read_at=clock.now())
                progress.bad([_("order %(key)s: %(why)s") % {"key": key, "why": error} for key in fallen])
                if run.read:
                    return
                # For all we know nothing can be read: the next run tries, and nobody says that the service works.
                raise Retry(str(error), status=error.status, down=False) from error
            raise error
    if failure is not None:
        raise failure


def _open() -> Iterable[str]:
    """By their last read: those never read come first."""
    rows = Origin.objects.filter(remote=BIFIT, is_open=True).order_by(F("read_at").asc(nulls_first=True), "pk")
    return rows.values_list("key", flat=True)[:ROUND]


def _read_some(client: Any, ids: Sequence[str]) -> tuple[list[OnlineOrder], list[str], list[str], RemoteError | None]:
    """Read some orders: what was found, what a person has to be told, which are still to be read, and why."""
    found: list[OnlineOrder] = []
    told: list[str] = []
    later: list[str] = []
    failure: RemoteError | None = None
    for index, id_ in enumerate(ids):
        try:
            order = client.order(id_)
        except (Refused, ContractError) as error:
            told.append(_("order %(key)s: %(why)s") % {"key": id_, "why": error})
        except RemoteError as error:
            failure = error
            if connection.is_outage(error):
                # This one last: it may be what the service cannot stand.
                return found, told, [*later, *ids[index + 1 :], id_], error
            later.append(id_)
        else:
            if order is None:
                told.append(_("order %(key)s: BIFIT Kassa has none with this id") % {"key": id_})
                arrivals.gone(Feed.of(BIFIT), [id_], _("BIFIT Kassa has no order %(key)s.") % {"key": id_})
            else:
                found.append(order)
    return found, told, later, failure
