"""An order born at VirtPos, delivered by a courier of iRECA, closed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import clients, lease, pull
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.models import Pull
from couriers.models import Courier
from fiscal.models import PaymentType, Tax
from orders import actions
from orders.models import DeliveryStatus, Feed, Hold, Order, PaymentStatus
from tests.orders.virtpos.test_orders import by_courier

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_whole_way(listening: Sandbox, settings: Any, settle: Callable[[], None]) -> None:
    virtpos = listening.virtpos
    settings.VIRTPOS_URL, settings.VIRTPOS_API_KEY = virtpos.url, virtpos.api_key
    settings.VIRTPOS_RATE = 0
    feed = Feed.of(VIRTPOS)
    feed.payment_type = PaymentType.objects.filter(close_type=1).first()
    feed.good_tax = Tax.objects.first()
    feed.save()
    number = by_courier(virtpos, guid="g-1", shipping_address="Санкт-Петербург, Невский проспект, 1")["number"]

    def read() -> Pull:
        run = pull.run(pull.request("virtpos"), clients.client(VIRTPOS), lease.owner())
        assert (run.state, run.error) == ("done", "")
        return run

    read()
    order = Order.objects.get(external_id="g-1")
    assert order.hold == Hold.NO
    courier = Courier.objects.get(ireca_id="55752")
    actions.assign([order.pk], courier)
    settle()
    order.refresh_from_db()
    assert (order.sync_error, order.sync_state) == ("", "clean")
    there = listening.order(order.ireca_id)
    assert there is not None
    assert [str(line["total"]) for line in there["goods"]] in (["91.00"], ["91.0"], ["91"])

    listening.take(order.ireca_id)
    virtpos.change_order(number, shipped="1")
    settle()
    read()
    listening.deliver(order.ireca_id)
    listening.close(order.ireca_id)
    settle()
    read()
    order.refresh_from_db()
    assert (order.delivery_status, order.status) == (DeliveryStatus.CLOSED, PaymentStatus.PAID)
    assert (order.origin.status, order.origin.sync_state) == ("shipped", "clean")
    assert Order.objects.filter(source=feed.source).count() == 1
    assert not virtpos.violations
