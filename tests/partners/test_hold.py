"""Orders of a partner whose source lets them wait for a dispatcher."""

from __future__ import annotations

import pytest

from backoffice.sync.models import Push
from orders.models import Hold, Order
from tests.partners.conftest import Partner
from tests.partners.test_writing import order as body

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("waits", [False, True])
def test_orders_of_a_partner_wait_where_its_source_says_so(partner: Partner, waits: bool) -> None:
    partner.source.waits_for_dispatcher = waits
    partner.source.save()
    assert partner.call("POST", "orders", [body("A-1"), body("A-2")]).status_code == 201
    assert {row.hold for row in Order.objects.all()} == {Hold.WAITS if waits else Hold.NO}
    assert Push.objects.filter(entity="orders").count() == (0 if waits else 2)
    assert [row["orderId"] for row in partner.get("orders")] == ["A-1", "A-2"]  # the partner sees no difference
    partner.call("PUT", "orders?orderId=A-1", {**body("A-1"), "amountToPay": 70})
    assert Push.objects.filter(entity="orders").count() == (0 if waits else 2)
