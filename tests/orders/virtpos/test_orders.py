"""Orders of VirtPos, all the way from its answer over HTTP into our rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.recording import Reply
from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.sync.models import Pull, RemoteState
from backoffice.sync.pull import parse_since
from catalog.models import Good, Warehouse
from fiscal.models import PaymentType
from orders import arrivals
from orders.models import Client, Customer, DeliveryStatus, Feed, Hold, Line, Mapping, Order, Origin, PaymentStatus
from orders.virtpos import reader
from orders.virtpos.arriving import arrival
from tests.orders import builders

pytestmark = pytest.mark.django_db(transaction=True)
Read = Callable[..., Pull]

TITLES = ['Коньяк "Анри" 3-летний 40,0% 0,5л', "Коньяк \"Father's Old Barrel' 3-летний 40% 0.5 л."]
KEY = "3/2017-08-24 18:45:08/976.59"
BREAD = [{"item_id": "1", "item_name": "Хлеб", "quantity": "2.000", "unit_base_price": "45.50"}]


def done(run: Pull) -> Pull:
    assert (run.state, run.error, run.bad_count) == ("done", "", 0)
    return run


def by_courier(virtpos: Virtpos, items: list[dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    given = {
        "customer_id": "3",
        "delivery_type_id": "2",
        "delivery_type_name": "Курьер",
        "shipping_address": "Арбат, 1",
    }
    return virtpos.add_order(BREAD if items is None else items, **{**given, **fields})


def test_the_order_of_the_document_becomes_ours(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    run = done(read())

    assert (run.read, run.created_count) == (1, 1)
    order = Order.objects.get()
    assert (order.source, order.external_id, order.number) == (feed.source, KEY, "VP-170824-184508-3")
    assert (order.to_line, order.description) == ("Дом 3, корпус 5", "После шести")
    assert order.delivery_time_from == datetime(2017, 8, 24, 15, 45, 8, tzinfo=UTC)  # Moscow's 18:45:08
    assert order.delivery_time_to == datetime(2017, 8, 24, 17, 45, 8, tzinfo=UTC)
    assert (order.hold, order.status, order.payment_type) == (Hold.PICKUP, PaymentStatus.UNPAID, feed.payment_type)
    assert (order.client_firstname, order.client_lastname, order.phone) == ("Иван", "Петров", "+7 812 555-01-03")
    assert order.phone_e164 == "+78125550103"
    assert order.client is not None
    assert (order.client.external_id, order.client.source) == ("3", feed.source)
    assert (order.origin.key, order.origin.status, order.origin.is_open) == (KEY, "new", True)
    assert order.origin.delivery == "Самовывоз · Просвещения проспект"


def test_its_lines_are_exact_to_the_kopeck_and_the_quote(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    done(read())

    lines = list(Line.objects.order_by("position"))
    assert [line.title for line in lines] == TITLES
    assert [line.good.title for line in lines if line.good] == TITLES
    assert [(str(line.count), str(line.price), str(line.total), str(line.discount_total)) for line in lines] == [
        ("3.450", "100.10", "345.35", "-10.20"),
        ("2.000", "320.72", "641.44", "0.00"),
    ]
    order = Order.objects.get()
    assert str(order.amount_to_pay) == "986.79"
    assert order.amount_to_pay + sum(line.discount_total for line in lines) == Decimal("976.59")
    goods = Good.objects.order_by("pk")
    assert [(good.title, str(good.price), good.tax) for good in goods] == [
        (TITLES[0], "100.10", feed.good_tax),
        (TITLES[1], "320.72", feed.good_tax),
    ]


def test_delivery_is_a_line_where_a_good_stands_for_it(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    feed.delivery_good = builders.known(Good, "d", title="Доставка")
    feed.save()
    done(read())

    last = Line.objects.order_by("position").last()
    assert last is not None
    assert (last.good, str(last.total), str(last.count)) == (feed.delivery_good, "130.00", "1.000")
    assert str(Order.objects.get().amount_to_pay) == "1116.79"


def test_reading_twice_makes_no_second_order(virtpos: Virtpos, read: Read) -> None:
    by_courier(virtpos, guid="g-1")
    done(read())
    again = done(read())

    assert (again.read, again.created_count, again.updated_count) == (2, 0, 0)
    assert (Order.objects.count(), Origin.objects.count(), Line.objects.count()) == (2, 2, 3)
    assert (Client.objects.count(), Good.objects.count(), Mapping.objects.count()) == (1, 3, 7)


LAYOUTS = [
    *({"orders": o, "items": i} for o, i in product(("siblings", "rows", "flat"), repeat=2)),
    {"encoding": "windows-1251"},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "-".join(layout.values()))
def test_every_layout_of_xml(virtpos: Virtpos, read: Read, layout: dict[str, Any]) -> None:
    by_courier(virtpos, guid="g-1")
    virtpos.set_layout(**layout)
    done(read())
    _is_read_whole()


@pytest.mark.parametrize("numbers", [False, True])
@pytest.mark.parametrize("layout", list(product(("list", "object", "numbered"), repeat=2)))
def test_every_layout_of_json(
    virtpos: Virtpos, read: Read, settings: Any, layout: tuple[str, str], numbers: bool
) -> None:
    settings.VIRTPOS_FORMAT = "json"
    by_courier(virtpos, guid="g-1")
    virtpos.set_layout(json_orders=layout[0], json_items=layout[1], json_numbers=numbers)
    done(read())
    _is_read_whole()


def _is_read_whole() -> None:
    assert [str(total) for total in Line.objects.order_by("pk").values_list("total", flat=True)] == [
        *("345.35", "641.44", "91.00"),
    ]
    assert {*Order.objects.values_list("external_id", flat=True)} == {KEY, "g-1"}


# what changes there


def test_flags_that_come_later(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    order = Order.objects.get(external_id="g-1")
    assert (order.hold, order.sync_state) == (Hold.NO, "pending")

    virtpos.change_order(number, paid="1", shipped="1")
    assert done(read()).updated_count == 1
    order.refresh_from_db()
    assert (order.status, order.payment_type) == (PaymentStatus.PAID, feed.paid_type)
    assert (order.origin.status, order.delivery_status) == ("shipped", DeliveryStatus.PREPARED)

    virtpos.change_order(number, cancelled="1")
    done(read())
    order.refresh_from_db()
    assert order.delivery_status == DeliveryStatus.CANCELLED
    origin = Origin.objects.get(key="g-1")
    assert (origin.status, origin.is_open) == ("cancelled", False)


def test_what_both_sides_changed_waits_for_a_person(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1", comment="до шести")["number"]
    done(read())
    order = Order.objects.get(external_id="g-1")
    order.description = "позвонить"
    order.save()
    virtpos.change_order(number, comment="после шести", shipping_address="Арбат, 2")
    assert done(read()).conflict_count == 1

    order.refresh_from_db()
    assert (order.description, order.to_line) == ("позвонить", "Арбат, 2")
    assert order.origin.sync_conflict == {"description": {"base": "до шести", "theirs": "после шести"}}
    arrivals.resolve(order.origin, {"description": "theirs"})
    order.refresh_from_db()
    assert order.description == "после шести"


def test_a_cancellation_of_what_a_courier_has_in_hand_is_a_conflict(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    Order.objects.filter(external_id="g-1").update(delivery_status=DeliveryStatus.TAKEN)
    virtpos.change_order(number, cancelled="1")
    done(read())
    order = Order.objects.get(external_id="g-1")
    assert order.delivery_status == DeliveryStatus.TAKEN
    assert "delivery_status" in order.origin.sync_conflict


def test_an_order_without_a_guid_keeps_its_identity_when_its_amount_changes(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, created_date="2026-01-02 10:00:00", amount="91.00")["number"]
    done(read())
    order = Order.objects.get(external_id="3/2026-01-02 10:00:00/91")
    virtpos.change_order(number, [{**BREAD[0], "quantity": "3.000"}], amount="136.50")
    assert done(read()).created_count == 0

    order.refresh_from_db()
    assert (order.external_id, str(order.amount_to_pay)) == ("3/2026-01-02 10:00:00/136.5", "136.50")
    assert order.origin.key == order.external_id
    assert [str(line.count) for line in order.lines.all()] == ["3.000"]

    virtpos.change_order(number, guid="g-9")
    assert done(read()).created_count == 0
    order.refresh_from_db()
    assert (order.external_id, Order.objects.count()) == ("g-9", 2)


def test_two_orders_of_one_second_are_not_taken_for_one_another(virtpos: Virtpos, read: Read) -> None:
    at = "2026-01-02 10:00:00"
    first = by_courier(virtpos, created_date=at, amount="91.00")["number"]
    done(read())
    by_courier(virtpos, created_date=at, amount="50.00")
    assert done(read()).created_count == 1  # the first one is still told: this is another one

    virtpos.change_order(first, amount="10.00")
    by_courier(virtpos, created_date=at, amount="20.00")
    run = read()
    assert (run.state, run.created_count, run.bad_count) == ("done", 2, 2)
    assert "may be a changed one of 3/2026-01-02 10:00:00/91:" in run.error
    held = Order.objects.filter(external_id__in=[f"3/{at}/10", f"3/{at}/20"])
    assert {order.hold for order in held} == {Hold.WAITS}


# codes


def test_codes_are_matched_by_name(virtpos: Virtpos, read: Read) -> None:
    good = builders.known(Good, "g", title=TITLES[0])
    warehouse = builders.known(Warehouse, "w", title="Просвещения проспект", city="СПб", street="пр. Просвещения")
    cash = builders.known(PaymentType, "p", title="Оплата при получении")
    done(read())

    order = Order.objects.get()
    assert (order.payment_type, order.from_city, order.from_street) == (cash, warehouse.city, warehouse.street)
    assert Line.objects.order_by("position")[0].good == good
    assert not Mapping.objects.filter(Mapping.WAITING).exists()


def test_of_two_goods_of_one_name_none_is_chosen(virtpos: Virtpos, read: Read) -> None:
    for ireca_id in ("g1", "g2"):
        builders.known(Good, ireca_id, title=TITLES[0])
    done(read())
    line = Line.objects.order_by("position")[0]
    assert line.good is not None
    assert line.good.ireca_id not in ("g1", "g2")


def test_an_unknown_way_of_delivery_waits(virtpos: Virtpos, read: Read) -> None:
    by_courier(virtpos, guid="g-1", delivery_type_id="7", delivery_type_name="Дроном")
    done(read())
    assert Order.objects.get(external_id="g-1").hold == Hold.WAITS
    assert Mapping.objects.filter(Mapping.WAITING, kind="delivery").get().title == "Дроном"


# who ordered


def test_a_customer_whom_no_list_tells_is_made_by_his_id(virtpos: Virtpos, read: Read) -> None:
    by_courier(virtpos, guid="g-1", customer_id="77")
    done(read())
    order = Order.objects.get(external_id="g-1")
    assert order.client is not None
    assert (order.client.external_id, order.client.lastname, order.client.sync_state) == ("77", "VirtPos 77", "pending")

    virtpos.add_customer(id="77", fname="Ольга", lname="Ким")
    done(read("virtpos-customers"))
    order.client.refresh_from_db()
    assert (order.client.firstname, order.client.lastname) == ("Ольга", "Ким")
    assert Customer.objects.get(key="77").sync_state == "clean"


def test_orders_do_not_need_the_list_of_customers(virtpos: Virtpos, read: Read, settings: Any) -> None:
    settings.VIRTPOS_CUSTOMERS_PATH = "nowhere"
    run = read()
    assert (run.state, run.created_count) == ("done", 1)
    assert "The customers could not be read" in run.error
    assert Order.objects.get().client is not None


# what goes wrong


def test_a_bad_order_harms_no_other(virtpos: Virtpos, read: Read) -> None:
    by_courier(virtpos, guid="bad-1", amount="1,234")
    by_courier(virtpos, [{**BREAD[0], "quantity": "0"}], guid="bad-2")
    by_courier(virtpos, [{**BREAD[0], "quantity": "3,450", "amount": "157,00"}], guid="comma", amount="157,00")
    run = read()
    assert (run.state, run.created_count, run.bad_count) == ("done", 2, 2)
    assert "1,234" in run.error
    assert "bad-2: items[0].quantity: 0 cannot be delivered" in run.error
    assert {*Order.objects.values_list("external_id", flat=True)} == {KEY, "comma"}
    assert str(Line.objects.get(order__external_id="comma").count) == "3.450"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "b">]><root><success>1</success></root>', "entity"),
        ("<root><success>1</success><orders><guid>x</guid>", "not XML"),
        ('<?xml version="1.0" encoding="windows-1251"?><root><success>1</success><info>Ок</info></root>', "UTF-8"),
        ('<?xml version="1.0" encoding="utf-16"?><root/>', "encoding"),
        ("<html><body>login</body></html>", "page for people"),
        ('{"success": 1, "orders": [', "not JSON"),
        ("", "empty"),
    ],
)
def test_an_answer_that_cannot_be_read_imports_nothing(
    virtpos: Virtpos, read: Read, monkeypatch: pytest.MonkeyPatch, answer: str, why: str
) -> None:
    done(read())
    before = {*Order.objects.values_list("external_id", "updated_at")}
    real = virtpos.answer

    def answered(method: str, path: str, *given: Any) -> Reply:
        return Reply(200, iter([answer.encode()])) if path == "orders" else real(method, path, *given)

    monkeypatch.setattr(virtpos, "answer", answered)
    run = read()
    assert run.state != "done"
    assert why in run.error
    assert {*Order.objects.values_list("external_id", "updated_at")} == before


def test_a_wrong_key_pauses_the_remote(virtpos: Virtpos, read: Read, settings: Any) -> None:
    settings.VIRTPOS_API_KEY = "wrong"
    run = read()
    assert run.state == "queued"
    assert RemoteState.objects.get(pk="virtpos").block == "config"
    assert not Order.objects.exists()


def test_a_wrong_time_zone_is_told(virtpos: Virtpos, read: Read, settings: Any) -> None:
    settings.VIRTPOS_TIME_ZONE = "Mars/Base"
    run = read()
    assert "Mars/Base" in run.error
    assert not Order.objects.exists()


@pytest.mark.parametrize("kind", ["500", "503", "429", "html", "garbage", "reset_before", "reset_after"])
def test_faults_only_delay(virtpos: Virtpos, sandbox: Sandbox, read: Read, kind: str) -> None:
    sandbox.faults.set(kind, times=1, path_contains="/api/orders", seconds=0)
    run = read()
    assert run.state in ("queued", "done")
    RemoteState.objects.all().delete()
    done(read())
    assert Order.objects.count() == 1


# how it is asked


def asked_since(virtpos: Virtpos) -> str:
    return [str(one) for one in virtpos.requests if "datefrom" in str(one)][-1].partition("'datefrom': '")[2][:8]


@pytest.fixture
def midday() -> Iterator[None]:
    """No day ends while a test counts days."""
    with time_machine.travel(builders.at(12)):
        yield


@pytest.mark.usefixtures("midday")
def test_scheduled_runs_ask_for_the_last_days_and_for_what_is_open(virtpos: Virtpos, read: Read, settings: Any) -> None:
    settings.VIRTPOS_DAYS = 7
    by_courier(virtpos, guid="g-1")
    assert done(read()).created_count == 1  # the sample is of 2017
    assert asked_since(virtpos) == f"{timezone.localdate() - timedelta(days=7):%Y%m%d}"

    old = by_courier(virtpos, guid="g-2", created_date=f"{timezone.localdate() - timedelta(days=30)} 10:00:00")
    settings.VIRTPOS_DAYS = 40
    done(read())
    settings.VIRTPOS_DAYS = 7
    done(read())
    assert asked_since(virtpos) == f"{timezone.localdate() - timedelta(days=30):%Y%m%d}"
    virtpos.change_order(old["number"], cancelled="1")
    done(read())
    done(read())
    assert asked_since(virtpos) == f"{timezone.localdate() - timedelta(days=7):%Y%m%d}"


@pytest.mark.usefixtures("midday")
def test_an_open_order_without_a_date_hides_none_that_is_older(virtpos: Virtpos, read: Read, settings: Any) -> None:
    old = timezone.localdate() - timedelta(days=30)
    by_courier(virtpos, guid="old", created_date=f" {old} 10:00:00 ")
    for nth, told in enumerate(("0000-00-00 00:00:00", "", "0001-01-01 00:00:00", "9999-12-31 23:59:59")):
        by_courier(virtpos, guid=f"g-{nth}", created_date=told)
    assert done(read()).created_count == 6
    assert Order.objects.filter(delivery_time_from=None).count() == 4
    Origin.objects.filter(key="g-1").update(data={"created_date": "yesterday"})
    Origin.objects.filter(key=KEY).update(is_open=False)
    settings.VIRTPOS_DAYS = 7
    assert read().state == "done"
    assert asked_since(virtpos) == f"{old:%Y%m%d}"


def test_an_order_that_cannot_be_put_into_our_terms_harms_no_other(
    virtpos: Virtpos, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_courier(virtpos, guid="bad")

    def failing(feed: Feed, order: Any, *rest: Any) -> Any:
        return arrival(feed, order, *rest) if order.guid != "bad" else Decimal(0) / 0

    monkeypatch.setattr(reader, "arrival", failing)
    run = read()
    assert (run.state, run.created_count, run.bad_count) == ("done", 1, 1)
    assert "bad: " in run.error


def test_since_is_a_day_of_its_calendar(virtpos: Virtpos, read: Read) -> None:
    done(read(since=parse_since("2017-08-25")))
    assert not Order.objects.exists()
    done(read(since=parse_since("2017-08-24")))
    assert Order.objects.count() == 1


def test_queries_do_not_grow_with_orders(virtpos: Virtpos, read: Read) -> None:
    counts = []
    for first, last in ((0, 2), (2, 42)):
        for nth in range(first, last):
            items = [{**BREAD[0], "item_id": str(nth), "item_name": f"Хлеб {nth}"}]
            by_courier(virtpos, items, guid=f"g-{nth}", customer_id=f"c{nth}", delivery_type_id=str(nth))
        with CaptureQueriesContext(connection) as queries:
            done(read())
        counts.append(len(queries))
    few, many = counts
    assert many <= few + 6, counts
