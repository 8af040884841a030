"""Orders, receipts, licences, webhooks: counted by the conditions that pages and lists filter by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from backoffice.metrics.families import age, gauge, single
from backoffice.partners.webhooks.figures import webhooks as webhook_figures
from couriers.licences import licences as licence_figures
from orders import conditions, fiscal_control
from orders.models import Order

Families = Iterator[GaugeMetricFamily]


def orders(now: datetime) -> Families:
    conditions_ = {"late": conditions.late(now), "at_risk": conditions.at_risk(now), "problems": conditions.problems()}
    yield gauge(
        "orders",
        "Orders that need a dispatcher: late, at risk to be, refused or in conflict (problems).",
        [([name], Order.objects.filter(where).order_by().count()) for name, where in conditions_.items()],
        ("condition",),
    )


def receipts(now: datetime) -> Families:
    counts = fiscal_control.counts(fiscal_control.BY_NAME["no_receipt"], now)
    yield gauge(
        "orders_without_receipt",
        "Closed and paid orders that lack a fiscal receipt, by the time since they were delivered.",
        [([each.name], count) for each, count in counts.items()],
        ("age",),
    )


def licences(now: datetime) -> Families:
    found = licence_figures()
    yield single("licences_used", "Licences of couriers in use.", found.used)
    yield gauge("licences_total", "Licences that iRECA told.", [((), found.total)] if found.total is not None else [])


def webhooks(now: datetime) -> Families:
    found = webhook_figures(now)
    yield single("webhook_deliveries_open", "Events that partners are still to be told.", found.open)
    yield single("webhook_delivery_oldest_age_seconds", "Age of the oldest of them.", age(found.oldest, now))
    yield single("webhook_deliveries_failed_last_day", "Events that were given up.", found.failed)
    yield single("webhooks_paused", "Webhooks that were paused because their receiver fails.", found.paused)
