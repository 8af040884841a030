"""What one order costs from a partner's POST until iRECA has it: statements, requests and milliseconds.

    python -m benchmarks.one_order [--orders 100] [--postgres]

First alone, then as one of many that are posted one by one and leave together. The partner's requests go through
Django's test client; the remote takes everything at once (`benchmarks/taker.py`), so the time is ours.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from benchmarks.database import database
from benchmarks.pull import timed
from benchmarks.push import stock
from benchmarks.table import Row, tell
from benchmarks.taker import taker


def an_order(number: int) -> dict[str, Any]:
    """As a shop's program posts it: two goods, a phone, an address, a window."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    return {
        "orderId": f"S-{number}",
        "codeAlias": f"S-{number}",
        "statusId": 0,
        "deliveryStatusId": 7,
        "courierId": str(number % 25 + 1),
        "paymentId": "4113",
        "amountToPay": "453.04",
        "phone": f"+7912{number:07}",
        "addressToEntity": {"city": "Санкт-Петербург", "street": "Улица правды", "home": "24", "apartment": "7"},
        "deliveryTimeFrom": f"{start:%Y-%m-%d %H:%M:%S}",
        "deliveryTimeTo": f"{start + timedelta(hours=2):%Y-%m-%d %H:%M:%S}",
        "goods": [
            {
                "goodId": str(good),
                "title": f"Товар {good}",
                "count": "2",
                "price": "113.26",
                "total": "226.52",
                "discountTotal": "0",
            }
            for good in (number % 200 + 1, (number + 1) % 200 + 1)
        ],
    }


def _each(work: Callable[[int], None], numbers: Iterable[int]) -> None:
    for number in numbers:
        work(number)


def measure(orders: int) -> None:
    from django.db import connection
    from django.test import Client

    from backoffice.partners.models import Scope, Source, Token
    from backoffice.sync import lease, worker
    from backoffice.sync.models import Exchange, Push

    stock()
    source = Source.objects.create(title="Shop", scopes=Scope.values)
    _token, text = Token.make(source)
    browser = Client(headers={"authorization": f"Bearer {text}"})
    holder = lease.owner("benchmark")

    def post(number: int) -> None:
        answer = browser.post("/api/v1/orders", json.dumps([an_order(number)]), content_type="application/json")
        if answer.status_code not in (200, 201):
            raise RuntimeError(f"the API answers {answer.status_code}: {answer.content.decode()[:500]}")

    def send() -> None:
        while worker.drain_messages(holder):
            pass

    post(0)  # warm
    send()
    for count in (1, orders):
        before, first = Exchange.objects.count(), Push.objects.count() * 1000 + 1
        posting, posted = timed(partial(_each, post, range(first, first + count)))
        sending, sent = timed(send)
        left = Push.objects.exclude(state=Push.State.DONE)
        if left.exists():
            raise RuntimeError(f"{left.first()} is {left[0].state}: {left[0].error or left[0].waits_for}")
        requests = Exchange.objects.count() - before
        what = f"one order of {count}, partner's POST to iRECA, {connection.vendor}"
        figures = f"{posted / count:.0f} + {sent / count:.1f} statements, {requests} requests for all"
        tell(Row(what, f"{posting / count * 1000:.1f} + {sending / count * 1000:.1f} ms", figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    environment = {"IRECA_TOKEN": "benchmark", "IRECA_RATE": "0"}
    environment["ALLOWED_HOSTS"] = "testserver"
    with taker() as url, database(postgres=options.postgres, IRECA_URL=url, **environment):
        measure(options.orders)


if __name__ == "__main__":
    main()
