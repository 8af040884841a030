"""What the tests of BIFIT Kassa do again and again."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from backoffice.remotes.bifit.contract import OnlineOrder
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import clients, connection, lease, pull
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Pull, Push, RemoteState
from orders.bifit import ENTITY
from orders.models import Order, Origin

SAMPLE = "320528"


def switch_on(bifit: Bifit, settings: Any) -> None:
    settings.BIFIT_URL, settings.BIFIT_USERNAME, settings.BIFIT_PASSWORD = bifit.url, bifit.username, bifit.password
    settings.BIFIT_ORGANIZATION_ID, settings.BIFIT_TRADE_OBJECT_ID = "org", "shop-1"
    settings.BIFIT_RATE = 0


def read(*ids: Any) -> Pull:
    """A run of the reader, to its end."""
    run = pull.request(BIFIT, ids=[str(id_) for id_ in ids])
    client = clients.client(BIFIT)
    return pull.run(run, client, lease.owner("test"))


def born(bifit: Bifit, **fields: Any) -> tuple[str, Order]:
    """An order made at BIFIT Kassa and read: its id there, and ours."""
    id_ = str(bifit.add(**fields)["id"])
    run = read(id_)
    assert (run.state, run.bad_count) == ("done", 0), run.error
    return id_, Order.objects.get(origin__key=id_)


def status(bifit: Bifit, id_: str) -> str:
    order = bifit.order(id_)
    assert order is not None
    return str(order["currentStatusType"])


def writes(bifit: Bifit) -> list[str]:
    """The changes of status that arrived, in their order."""
    return [request["body"]["currentStatusType"] for request in bifit.requests if request["method"] == "PUT"]


def reads(bifit: Bifit) -> list[str]:
    """The ids that were asked for, in their order."""
    return [request["path"].rpartition("/")[2] for request in bifit.requests if request["method"] == "GET"]


def fetched(id_: str) -> OnlineOrder:
    """An order as the client reads it."""
    client = clients.client(BIFIT)
    assert client is not None
    found = client.order(id_)
    assert found is not None
    return found  # type: ignore[no-any-return]


def tells() -> Any:
    """Open pushes that tell BIFIT Kassa of an order."""
    return Push.objects.filter(remote=BIFIT, entity=ENTITY, action="save", state__in=Push.OPEN)


def origin(order: Order) -> Origin:
    return Origin.objects.get(order=order)


def hurry() -> None:
    """Forget all waiting."""
    now = timezone.now()
    Push.objects.filter(state__in=("queued", "waiting")).update(due_at=now)
    Pull.objects.filter(state="queued").update(due_at=now)
    RemoteState.objects.update(blocked_until=None, block="")
    connection.unblock(BIFIT, impatiently=True)
