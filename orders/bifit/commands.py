"""Creating an order of ours at BIFIT Kassa: a command, sent once, for creating it twice would make two.

The service gives the id. Where its answer is lost, or does not tell the id, a person looks there and enters it
(`link`); the order's page asks for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.utils.translation import gettext as _

from backoffice.remotes.bifit.contract import OnlineOrder, decode, dump
from backoffice.remotes.errors import ContractError, Retry
from backoffice.sync import connection, enqueue, pull, verdicts
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Push
from backoffice.sync.personal import seen_by
from orders import arrivals
from orders.actions import Outcome
from orders.bifit import ENTITY, mapping, statuses
from orders.models import Feed, Order, Origin
from orders.told import Arrival

COMMAND = "create"
NEEDED = ("BIFIT_ORGANIZATION_ID", "BIFIT_TRADE_OBJECT_ID")
FIGURES = ("quantity", "price", "total")


def why_off() -> str:
    """Why no order can be created there; empty when one can."""
    if not connection.is_on(BIFIT):
        return connection.why_off(BIFIT)
    if missing := [name for name in NEEDED if not getattr(settings, name)]:
        return _("Orders cannot be created at BIFIT Kassa: %(settings)s is not set.") % {"settings": ", ".join(missing)}
    return ""


def why_not(order: Order) -> str:
    """Why this order cannot be created there; empty when it can. One query at most."""
    if order.is_refund:
        return _("is a return")
    if order.is_closed:
        return _("is closed or cancelled")
    if hasattr(order, "origin"):
        return _("is known at %(service)s already") % {"service": order.origin}
    if (push := creation(order)) is None:
        return ""
    if push.state == Push.State.DONE:
        return _("was created at BIFIT Kassa, its id there is to be entered")
    if push.state == Push.State.REFUSED:
        return ""
    return _("is on its way to BIFIT Kassa already")


def creation(order: Order) -> Push | None:
    """The last command that creates this order there."""
    commands = Push.objects.filter(entity=ENTITY, object_id=order.pk, action=Push.Action.COMMAND, remote=BIFIT)
    return commands.order_by("-pk").first()


@seen_by(None)
def create(ids: Collection[int]) -> list[Outcome]:
    """Ask for these orders to be created there; says for each what came of it. ValueError when none can be."""
    if why := why_off():
        raise ValueError(why)
    feed, outcomes = Feed.of(BIFIT), []
    for pk in sorted(set(ids)):
        with transaction.atomic():
            orders = Order.objects.filter(pk=pk)
            order = (orders.select_for_update() if database.features.has_select_for_update else orders).first()
            if order is None:
                continue
            reason = why_not(order)
            try:
                payload = None if reason else _payload(feed, order)
            except (ValueError, ContractError) as error:
                reason, payload = str(error), None
            if payload is not None:
                creations = Push.objects.filter(entity=ENTITY, object_id=pk, action=Push.Action.COMMAND, remote=BIFIT)
                creations.filter(state=Push.State.REFUSED).delete()
                enqueue.command(BIFIT, ENTITY, COMMAND, payload, object_id=pk, remote_id=str(order))
        text = reason or _("goes to BIFIT Kassa")
        outcomes.append(Outcome(order, payload is not None, text))
    return outcomes


def _payload(feed: Feed, order: Order) -> dict[str, Any]:
    said = mapping.online_order(feed, order)
    return {"onlineOrder": dump(said), "items": [mapping.item(line) for line in order.lines.all()]}


# carrying it out


def _said(push: Push) -> OnlineOrder:
    assert push.payload is not None  # a command always has it
    return decode(push.payload["onlineOrder"])


def _items(push: Push) -> list[Mapping[str, Any]]:
    assert push.payload is not None
    return [
        {name: Decimal(value) if name in FIGURES else value for name, value in item.items()}
        for item in push.payload["items"]
    ]


def _send(client: Any, push: Push) -> None:
    subjects = [f"{ENTITY}:{push.remote_id}"]
    try:
        id_ = client.create(_said(push), _items(push), subjects=subjects)
    except Retry as error:
        # Never sent, or not processed for sure: nobody has to look before it is sent again. A server's own failure
        # (500) may come after it was processed.
        if error.status in (None, 429):
            Push.objects.filter(pk=push.pk).update(attempts=0)
        raise
    # Who looks at the command after a crash must find it.
    push.payload = _answered(push, id_)
    Push.objects.filter(pk=push.pk).update(payload=push.payload)


def _answered(push: Push, id_: str | None) -> dict[str, Any]:
    """What was sent, and beside it what was answered."""
    return {**(push.payload or {}), "answered": {"id": id_}}


def _answer(push: Push) -> str | None:
    id_: str | None = (push.payload or {}).get("answered", {}).get("id")
    return id_


def _exists(client: Any, push: Push) -> bool | None:
    """There is no way to look for an order by our number: only what the answer said is known."""
    return True if "answered" in (push.payload or {}) else None


def _done(push: Push) -> None:
    """The order is there. Where its id is known, it gets its origin and is read; else the order's page asks for it, and
    says why, if the id turned out to be another order's.
    """
    id_ = _answer(push)
    assert push.object_id is not None  # nor without its object
    order = Order.objects.filter(pk=push.object_id).first()
    if id_ and order is not None:
        try:
            _adopt(order, id_, _said(push))
        except ValueError as error:
            Push.objects.filter(pk=push.pk).update(error=str(error))


def _adopt(order: Order, id_: str, said: OnlineOrder | None) -> None:
    """Give an order its origin, if it has not got it already. ValueError with a text where it cannot have it."""
    if not _is_linked(order, id_):
        try:
            with transaction.atomic():
                _link(order, id_, said)
        except IntegrityError:
            # Another worker in this moment: by now it shows which order has this id.
            if not _is_linked(order, id_):
                raise
    pull.request(BIFIT, ids=[id_])
    statuses.tell([order.pk])


def _is_linked(order: Order, id_: str) -> bool:
    """Whether it is the order with this id. ValueError where either belongs to something else."""
    origin = Origin.objects.filter(order=order).first()
    if origin is not None and (origin.remote, origin.key) == (BIFIT, id_):
        return True
    if origin is not None:
        raise ValueError(_("The order is known at a register service already."))
    if (taken := Origin.objects.select_related("order").filter(remote=BIFIT, key=id_).first()) is not None:
        raise ValueError(_("This is the id of order %(order)s.") % {"order": taken.order})
    return False


def _link(order: Order, id_: str, said: OnlineOrder | None) -> None:
    feed = Feed.of(BIFIT)
    if said is None:
        Origin.objects.create(order=order, remote=BIFIT, key=id_)
        return
    [arrival], _bad = mapping.arrivals(feed, [msgspec.structs.replace(said, id=id_)])
    arrivals.adopt(feed, order, arrival)


def claims(fresh: Sequence[Arrival]) -> dict[str, str]:
    """Which of these orders, unknown here, a creation of ours may have made (see `arrivals.Claims`). One query.

    It is read before its origin is written when BIFIT Kassa posts it at once, or when a person fetches it after the
    answer was lost. A creation that was answered with another id made none of these.
    """
    on_its_way = Push.objects.filter(
        remote=BIFIT,
        entity=ENTITY,
        action=Push.Action.COMMAND,
        command=COMMAND,
        state__in=(Push.State.QUEUED, Push.State.WAITING, Push.State.UNKNOWN, Push.State.DONE),
        remote_id__in={arrival.number for arrival in fresh},
        object_id__in=Order.objects.filter(origin=None).values("pk"),
    )
    by_number: dict[str, list[Push]] = {}
    for push in on_its_way:
        by_number.setdefault(push.remote_id, []).append(push)
    found: dict[str, str] = {}
    for arrival in fresh:
        for push in by_number.get(arrival.number, ()):
            answered = _answer(push)
            if answered == arrival.key:
                found[arrival.key] = _claimed(push, arrival.key)
                break
            if answered is None:
                found[arrival.key] = _("may be order %(order)s of ours: link it there") % {"order": push.remote_id}
    return found


def _claimed(push: Push, id_: str) -> str:
    """Give the order of a creation the id that was answered; why not, if it cannot have it."""
    assert push.object_id is not None  # as `claims` asked
    order = Order.objects.filter(pk=push.object_id).first()
    if order is None:
        return _("it was deleted here in this moment")
    try:
        _adopt(order, id_, _said(push))
    except ValueError as error:
        return str(error)
    return ""


def link(order: Order, id_: str) -> None:
    """A person says under which id BIFIT Kassa has this order. ValueError with a text where that cannot be.

    That answers, too, whether a creation whose answer was lost was carried out.
    """
    with transaction.atomic():
        if _is_linked(order, id_):
            raise ValueError(_("The order is known at a register service already."))
        push = creation(order)
        if push is not None and push.state == Push.State.UNKNOWN:
            Push.objects.filter(pk=push.pk).update(payload=_answered(push, id_))
            push.refresh_from_db()
            verdicts.was_done(push)
        else:
            _adopt(order, id_, _said(push) if push is not None else None)


COMMANDS[ENTITY, COMMAND] = Command(send=_send, exists=_exists, done=_done)
