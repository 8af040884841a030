"""What may be under way when a process is killed: a promise, the deed that keeps it, and what a person does after."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import requests
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.partners.webhooks import manage
from backoffice.sync import clients, lease, pull, verdicts, worker
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Push
from backoffice.sync.outbox import LONGEST
from benchmarks.both_sides import NOON, ask_refund, make_orders
from benchmarks.promises import Record, broken
from couriers.models import Courier
from orders import actions
from orders.bifit import commands
from orders.models import Client, Line, Order
from tests.orders.bifit import steps as bifit
from tests.partners.conftest import Partner
from tests.partners.test_writing import line, order
from tests.partners.webhooks.receiver import Receiver

KEY = "Idempotency-Key"
GOODS = line("355864", 0, price=539.78, total=539.78)


class Scenario:
    """`deed` is what the child does, a function of `deeds.py`."""

    deed = "messages"

    def __init__(self, record: Record, settings: Any) -> None:
        self.record, self.settings, self.sandbox = record, settings, record.sandbox
        self.prepare()

    def prepare(self) -> None:
        """What is there before the first promise."""

    def promise(self, number: int) -> dict[str, Any]:
        """Make the `number`th promise. Returns the arguments of the deed."""
        raise NotImplementedError

    def after(self) -> None:
        """What the other side does, who got no answer."""

    def decide(self) -> bool:
        """What a person does about that which is shown to be for a person. Returns whether there was anything."""
        return False

    def broken(self) -> list[str]:
        return broken(self.record)

    def close(self) -> None:
        """The end of all."""


def known_orders(count: int) -> list[Order]:
    """Orders that iRECA knows."""
    made = make_orders(count)
    worker.drain(worker.start())
    return list(Order.objects.filter(pk__in=[row.pk for row in made]).order_by("pk"))


class Send(Scenario):
    """A window, which leaves as one attribute, and lines, for which all of an order leaves; an order that is new, and
    one that is to be deleted, and one that waits for its client. What somebody changes there meanwhile stands in the
    journal.
    """

    def prepare(self) -> None:
        self.moved, *self.whole, self.doomed = (row.pk for row in known_orders(4))
        self.waiting = make_orders(1, "W")[0].pk

    def promise(self, number: int) -> dict[str, Any]:
        row = Order.objects.get(pk=self.moved)
        row.delivery_time_to = NOON + timedelta(minutes=number)
        row.save()
        self.record.set_here(row.pk, "delivery_time_to", row.delivery_time_to)
        for piece in Line.objects.filter(order__in=self.whole):
            piece.count, piece.total = Decimal(number + 2), Decimal(number + 2) * piece.price
            piece.save()
            self.record.counts[piece.pk] = piece.count
        text, changed = f"there {number}", Order.objects.get(pk=self.whole[0])
        self.sandbox.change(changed.ireca_id or "", description=text)
        self.record.set_there(changed.pk, "description", text)
        gone = Order.objects.get(pk=self.doomed)
        self.record.deleted.add(str(gone.ireca_id))
        gone.delete()
        self.doomed = make_orders(1, f"C{number}")[0].pk
        # What becomes known wakes those that wait: an order, whose client cannot leave while the child lives.
        client = Client.objects.create(firstname="Ольга", lastname=f"Ждущая {number}", phone="+79120000000")
        Push.objects.filter(entity="clients", object_id=client.pk).update(due_at=timezone.now() + LONGEST)
        waiting = Order.objects.get(pk=self.waiting)
        waiting.client = client
        waiting.save()
        return {}


class GiveBack(Scenario):
    """A refund: money that must not be given twice."""

    def prepare(self) -> None:
        row = make_orders(1, pieces=100)[0]
        worker.drain(worker.start())
        row.refresh_from_db()
        self.sandbox.deliver(row.ireca_id or "")
        pull.run(pull.request("orders"), clients.client(), lease.owner())
        self.paid = row.pk

    def promise(self, number: int) -> dict[str, Any]:
        self.record.refunds += ask_refund(self.paid)
        return {}


class ComeBack(Scenario):
    """Somebody changes an order in the cabinet, and a callback tells."""

    def prepare(self) -> None:
        self.row = known_orders(1)[0]

    def promise(self, number: int) -> dict[str, Any]:
        text = f"there {number}"
        self.sandbox.change(self.row.ireca_id or "", description=text)
        self.sandbox.callbacks.wait_idle(10)
        self.record.set_there(self.row.pk, "description", text)
        return {}


class Posted(ComeBack):
    """The same callback, while our web server takes it: without a 201 it is posted again."""

    deed = "post"

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.faults.set("drop_callbacks")

    def promise(self, number: int) -> dict[str, Any]:
        super().promise(number)
        self.body = self.sandbox.callbacks.dropped[-1].body.decode()
        self.path = f"/callbacks/ireca/{self.settings.CALLBACK_SECRET}/orders"
        return {"path": self.path, "body": self.body, "headers": {}, "status": 201}

    def after(self) -> None:
        answer = requests.post(f"{self.settings.PUBLIC_URL}{self.path}", data=self.body.encode(), timeout=10)
        assert answer.status_code == 201


class Read(ComeBack):
    """The same, found by a pull since nobody told."""

    deed = "pulls"

    def prepare(self) -> None:
        super().prepare()
        self.sandbox.faults.set("drop_callbacks")

    def promise(self, number: int) -> dict[str, Any]:
        pull.request("orders")
        return super().promise(number)


class PartnerPosts(Scenario):
    """A shop posts an order; without an answer its program asks once more, with the same key."""

    deed = "post"

    def prepare(self) -> None:
        self.shop = Partner("Shop")
        self.numbers: list[str] = []

    def promise(self, number: int) -> dict[str, Any]:
        self.numbers.append(f"A-{number}")
        self.said = [order(self.numbers[-1], amountToPay=539.78, phone="+79123456789", goods=[GOODS])]
        headers = {"authorization": f"Bearer {self.shop.text}", KEY: self.numbers[-1]}
        return {"path": "/api/v1/orders", "body": json.dumps(self.said), "headers": headers, "status": 201}

    def after(self) -> None:
        assert self.shop.call("POST", "orders", self.said, **{KEY: self.numbers[-1]}).status_code == 201

    def broken(self) -> list[str]:
        made = Order.objects.filter(source=self.shop.source).values_list("external_id", flat=True)
        return super().broken() + [f"order {number} is not there once" for number in {*self.numbers} ^ {*made}]


class PartnerIsTold(Scenario):
    """Webhooks: each event arrives, in order; only the one that was in the air comes twice, under the same id."""

    deed = "webhooks"

    def prepare(self) -> None:
        self.settings.WEBHOOK_ALLOWED_NETWORKS, self.settings.WEBHOOK_FIRST_WAIT = ["127.0.0.0/8"], 0.0
        self.receiver = Receiver().start()
        source = Source.objects.create(title="Shop", scopes=["orders:read"])
        self.row = known_orders(1)[0]
        Order.objects.filter(pk=self.row.pk).update(source=source, external_id="1")
        manage.create(source, "orders", self.receiver.url)
        self.said: list[str] = []

    def promise(self, number: int) -> dict[str, Any]:
        row = Order.objects.get(pk=self.row.pk)
        row.description = f"word {number}"
        row.save()
        self.record.set_here(row.pk, "description", row.description)
        self.said.append(row.description)
        return {}

    def broken(self) -> list[str]:
        events = {received.event: received.item["description"] for received in self.receiver.taken}
        told = list(dict.fromkeys(events.values()))
        found = [] if told == self.said else [f"the partner was told {told}, not {self.said}"]
        doubled = Counter(received.event for received in self.receiver.taken).most_common(1)
        found += [f"event {event} came {count} times" for event, count in doubled if count > 2]
        return super().broken() + found

    def close(self) -> None:
        self.receiver.stop()


class Tell(Scenario):
    """An outlet: BIFIT Kassa is told that an order of its own has a courier."""

    def prepare(self) -> None:
        bifit.switch_on(self.sandbox.bifit, self.settings)
        self.born: list[str] = []

    def promise(self, number: int) -> dict[str, Any]:
        key, row = bifit.born(self.sandbox.bifit, responsiblePersonLogin=None)
        self.born.append(key)
        actions.assign([row.pk], Courier.objects.get(ireca_id="55752"))
        return {"remote": BIFIT}

    def broken(self) -> list[str]:
        told = {key: bifit.status(self.sandbox.bifit, key) for key in self.born}
        return super().broken() + [f"{key} is {status}" for key, status in told.items() if status != "DISTRIBUTED"]


class CreateOnce(Scenario):
    """A command whose remote cannot be asked whether it has done it: a person looks there, and says."""

    def prepare(self) -> None:
        bifit.switch_on(self.sandbox.bifit, self.settings)
        self.asked: list[str] = []

    def promise(self, number: int) -> dict[str, Any]:
        row = make_orders(1, f"B{number}")[0]
        [outcome] = commands.create([row.pk])
        assert outcome.done, outcome.text
        self.asked.append(row.number)
        return {"remote": BIFIT}

    def decide(self) -> bool:
        unknown = Push.objects.filter(state=Push.State.UNKNOWN)
        for push in unknown:
            number = Order.objects.get(pk=push.object_id).number
            (verdicts.was_done if self._there()[number] else verdicts.was_not_done)(push)
        return bool(unknown)

    def _there(self) -> Counter[str]:
        return Counter(str(made["externalId"]) for made in self.sandbox.bifit.orders)

    def broken(self) -> list[str]:
        there = self._there()
        return super().broken() + [
            f"{number} is there {there[number]} times" for number in self.asked if there[number] != 1
        ]


SCENARIOS: dict[str, type[Scenario]] = {
    "a push": Send,
    "a command": GiveBack,
    "a command nobody can be asked about": CreateOnce,
    "an outlet": Tell,
    "a callback, taken": Posted,
    "a callback, processed": ComeBack,
    "a pull": Read,
    "a partner's request": PartnerPosts,
    "a webhook": PartnerIsTold,
}
