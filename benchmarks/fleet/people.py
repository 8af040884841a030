"""Who works while machines go: partners, a dispatcher, a manager, and couriers, of whom iRECA's callbacks tell.

Each is a thread that asks again what was not answered, as docs/partners.md tells a shop's programmer, and keeps what
was promised to him. `Book` has every request: when, of what kind, and what went wrong.
"""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import requests
from django.db import OperationalError, connection

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.mirrored import SyncState
from benchmarks.both_sides import COURIERS
from benchmarks.one_order import an_order
from catalog.models import Good
from couriers.models import Courier
from fiscal.models import PaymentType
from orders.models import DeliveryStatus, Order

TIMEOUT = 30.0  # seconds
LAST = 20.0  # seconds for which who is told to stop still asks for the answer that he has not had
PAUSE = 0.2  # between two requests for the same
CSRF = "__Host-csrf"
GOODS = ("355864", "355866")  # that iRECA has
PASSWORD = "a rehearsal on loopback"  # noqa: S105


def is_stocked() -> bool:
    """Whether what these people refer to is known here."""
    goods = Good.objects.filter(ireca_id__in=GOODS, price__gt=0).count()
    couriers = Courier.objects.filter(ireca_id__in=COURIERS).count()
    return goods == len(GOODS) and couriers == len(COURIERS) and PaymentType.objects.exists()


@dataclass
class Book:
    """Requests as they ended: (kind, began, ended, what went wrong or ""), by `time.monotonic()`. `last`: by person,
    what went wrong with his last one.
    """

    rows: list[tuple[str, float, float, str]] = field(default_factory=list)
    last: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)  # what must never be answered

    def since(self, moment: float) -> list[tuple[str, float, float, str]]:
        return [row for row in list(self.rows) if row[1] >= moment]


class Person(threading.Thread):
    """Does his turn again and again until he is told to stop; what he does not expect stops him, and is told."""

    def __init__(self, kind: str, book: Book, urls: Sequence[str], certificate: Path) -> None:
        super().__init__(name=kind, daemon=True)
        self.kind, self.book, self.urls = kind, book, urls
        self.session = requests.Session()
        self.session.trust_env = False  # what is trusted elsewhere is not asked for
        self.session.verify = str(certificate)
        self.session.headers["Accept-Language"] = "en"
        self.ending = threading.Event()
        self.asked = 0

    def run(self) -> None:
        try:
            self.arrive()
            while not self.ending.is_set():
                try:
                    self.turn()
                except OperationalError:  # of what is looked up here, beside the product
                    connection.close()
                    time.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001  # whatever it is, the rehearsal tells
            self.book.broken.append(f"{self.name}: {type(error).__name__}: {error}")

    def arrive(self) -> None:
        """What he does before his first turn."""

    def turn(self) -> None:
        raise NotImplementedError

    def broken(self) -> Iterator[str]:
        """What was promised to him and is not so, once all is worked off."""
        yield from ()

    def told(self) -> str:
        """What he did, in a few words."""
        return ""

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **said: Any) -> requests.Response:
        """Until it is answered by the product: what a proxy says instead of it, or nobody, is asked again. 409 means
        that the request before, whose answer was lost, is being carried out.
        """
        while True:
            url = self.urls[self.asked % len(self.urls)]
            self.asked += 1
            began = time.monotonic()
            try:
                told = {"Referer": url + path, **(headers or {})}
                answer = self.session.request(method, url + path, timeout=TIMEOUT, headers=told, **said)
                wrong = "" if answer.status_code < 500 and answer.status_code != 409 else str(answer.status_code)
            except requests.RequestException as error:
                answer, wrong = None, type(error).__name__
            self.book.rows.append((self.kind, began, time.monotonic(), wrong))
            self.book.last[self.name] = wrong
            if answer is not None and not wrong:
                if answer.status_code >= 400:
                    raise RuntimeError(f"{method} {path} is answered {answer.status_code}: {answer.text[:300]}")
                return answer
            if self.ending.is_set() and time.monotonic() - self.ended > LAST:
                raise RuntimeError(f"{method} {path} was never answered: {wrong}")
            time.sleep(PAUSE)

    def end(self) -> None:
        self.ended = time.monotonic()
        self.ending.set()


class Partner(Person):
    """A shop that posts orders. `accepted`: numbers of which it was told that they are taken."""

    def __init__(self, nth: int, token: str, *args: Any) -> None:
        super().__init__("partner", *args)
        self.name = f"partner {nth}"
        self.session.headers["Authorization"] = f"Bearer {token}"
        self.numbers = iter(range(nth, 10**7, 10))
        self.accepted: list[str] = []

    def turn(self) -> None:
        order = an_order(next(self.numbers))
        order["courierId"], order["deliveryStatusId"] = COURIERS[0], DeliveryStatus.PREPARED.value
        for line, good in zip(order["goods"], GOODS, strict=True):
            line["goodId"] = good
        self.ask("POST", "/api/v1/orders", json=[order], headers={"Idempotency-Key": str(uuid.uuid4())})
        self.accepted.append(order["codeAlias"])
        time.sleep(PAUSE / 2)

    def broken(self) -> Iterator[str]:
        here = Counter(Order.objects.filter(number__startswith="S-").values_list("number", flat=True))
        for number in self.accepted:
            if here[number] != 1:
                yield f"order {number} was accepted and is here {here[number]} times"

    def told(self) -> str:
        return f"{len(self.accepted)} orders were accepted"


class Staff(Person):
    """Somebody who has logged in through the page."""

    def __init__(self, kind: str, username: str, *args: Any) -> None:
        super().__init__(kind, *args)
        self.username = username

    def arrive(self) -> None:
        self.post("/admin/login/", username=self.username, password=PASSWORD, next="/admin/")

    def post(self, path: str, **form: str) -> requests.Response:
        if CSRF not in self.session.cookies:
            page = self.ask("GET", path)
            if CSRF not in self.session.cookies:
                told = f"{page.status_code} {page.url} {dict(page.headers)} {page.text[:2000]}"
                raise RuntimeError(f"GET {path} was answered without the cookie that its form needs: {told}")
        return self.ask("POST", path, data=form, headers={"X-CSRFToken": self.session.cookies[CSRF]})


class Dispatcher(Staff):
    """Looks at the list and gives orders to couriers. `given`: by our key, to whom last."""

    def __init__(self, *args: Any) -> None:
        super().__init__("dispatcher", *args)
        self.given: dict[int, int] = {}
        self.couriers = list(Courier.objects.filter(ireca_id__in=COURIERS).values_list("pk", flat=True))

    def turn(self) -> None:
        self.ask("GET", "/admin/orders/order/")
        open_orders = Order.objects.filter(number__startswith="S-", delivery_status=DeliveryStatus.PREPARED)
        for pk in open_orders.order_by("-pk").values_list("pk", flat=True)[:3]:
            courier = random.choice(self.couriers)
            if self.post(f"/admin/orders/order/{pk}/courier/", courier=str(courier)).json()["done"]:
                self.given[pk] = courier

    def broken(self) -> Iterator[str]:
        now = dict(Order.objects.filter(pk__in=self.given).values_list("pk", "courier_id"))
        for pk, courier in self.given.items():
            if now.get(pk) != courier:
                yield f"order {pk} was given to courier {courier} and has {now.get(pk)}"

    def told(self) -> str:
        return f"{len(self.given)} orders were given to couriers"


class Manager(Staff):
    """Reads a report. `read_from`: how often it was read from the copy of the database, and how often not."""

    def __init__(self, *args: Any) -> None:
        super().__init__("manager", *args)
        self.read_from: dict[bool, int] = defaultdict(int)

    def turn(self) -> None:
        page = self.ask("GET", "/reports/orders/").text
        if 'id="as-of"' not in page:
            raise RuntimeError(f"a report does not say as of when it is: {page[:200]}")
        self.read_from["copy of the database" in page and "behind or away" not in page] += 1
        time.sleep(PAUSE)

    def told(self) -> str:
        return f"the report was read {self.read_from[True]} times from the copy, {self.read_from[False]} times not"


class Couriers(Person):
    """Take and deliver orders on their phones: iRECA knows it first, and calls."""

    def __init__(self, sandbox: Sandbox, *args: Any) -> None:
        super().__init__("courier", *args)
        self.sandbox = sandbox
        self.taken: list[str] = []  # ids at iRECA

    def turn(self) -> None:
        time.sleep(PAUSE)
        free = Order.objects.filter(delivery_status=DeliveryStatus.PREPARED, number__startswith="S-")
        for ireca_id in list(free.exclude(courier=None).order_by("pk").values_list("ireca_id", flat=True)[:2]):
            order = self.sandbox.order(ireca_id or "")
            if order is not None and order["deliveryStatusId"] == DeliveryStatus.PREPARED and order["courierId"]:
                self.sandbox.take(ireca_id or "")
                self.taken.append(ireca_id or "")

    def broken(self) -> Iterator[str]:
        for ireca_id in self.taken:
            order = Order.objects.filter(ireca_id=ireca_id).first()
            if order is None or (order.delivery_status != DeliveryStatus.TAKEN and not order.sync_conflict):
                yield f"order {ireca_id} was taken by its courier, and is {order and order.delivery_status} here"

    def told(self) -> str:
        shown = Order.objects.filter(ireca_id__in=self.taken, sync_state=SyncState.CONFLICT).count()
        return f"{len(self.taken)} orders were taken by their couriers, {shown} of them are shown as conflicts"


def silence(rows: Sequence[tuple[str, float, float, str]], began: float, ended: float) -> float:
    """The longest time, in seconds, in which nothing that was begun then was answered well."""
    good = sorted(end for _kind, start, end, wrong in rows if not wrong and start >= began)
    moments = [began, *good, ended]
    return max(later - earlier for earlier, later in pairwise(moments))
