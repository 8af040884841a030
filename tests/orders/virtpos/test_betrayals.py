"""What VirtPos's people do between two looks of ours, and what its answers leave out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import Virtpos
from orders.models import DeliveryStatus, Order
from tests.orders import builders
from tests.orders.virtpos.test_customers import Read, ivan, writable
from tests.orders.virtpos.test_orders import asked_since, by_courier, done

pytestmark = pytest.mark.django_db(transaction=True)


def change_there(virtpos: Virtpos, **fields: Any) -> None:
    virtpos.add_customer(**{**writable(virtpos), **fields})


def edit(**fields: Any) -> None:
    client = ivan()
    for name, value in fields.items():
        setattr(client, name, value)
    client.save()


# clients


# orders


def test_an_outage_of_more_days_than_are_asked_for_loses_no_order(
    virtpos: Virtpos, sandbox: Sandbox, read: Read, settings: Any
) -> None:
    settings.VIRTPOS_DAYS = 7
    start = builders.at(12)
    with time_machine.travel(start):
        done(read())
    with time_machine.travel(start + timedelta(days=10)):
        made = timezone.localdate() - timedelta(days=9)
        by_courier(virtpos, guid="g-1", created_date=f"{made} 10:00:00")
        done(read())
        assert Order.objects.filter(external_id="g-1").exists()
        done(read())
        assert asked_since(virtpos) == f"{timezone.localdate() - timedelta(days=9):%Y%m%d}"  # it is open


def test_what_changed_there_while_it_was_cancelled_here_comes_when_it_is_open_again(
    virtpos: Virtpos, read: Read
) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    order = Order.objects.get(external_id="g-1")
    order.delivery_status = DeliveryStatus.CANCELLED
    order.save()
    virtpos.change_order(number, shipping_address="Арбат, 2")
    done(read())
    order.refresh_from_db()
    order.delivery_status = DeliveryStatus.PREPARED
    order.save()
    done(read())
    order.refresh_from_db()
    assert order.to_line == "Арбат, 2"


# merged
