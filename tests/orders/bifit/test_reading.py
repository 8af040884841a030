"""Orders of BIFIT Kassa read by id: the sample whole, everything else as it is, and what cannot be read told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from backoffice.remotes.bifit.examples import ORDER
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import pull
from backoffice.sync.models import Pull
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import arrivals
from orders.bifit import reader, words
from orders.models import Client, Feed, Order, Origin
from orders.told import Arrival
from tests.orders import builders
from tests.orders.bifit import steps

WINDOW = datetime(2022, 2, 24, 8, 13, 36, tzinfo=UTC)


def test_the_sample_becomes_an_order_with_all_of_its_33_fields_kept(bifit: Bifit) -> None:
    cash = builders.known(PaymentType, "1", title="Cash", close_type=1)
    run = steps.read(steps.SAMPLE)
    assert (run.state, run.read, run.created_count, run.error) == ("done", 1, 1, "")
    order = Order.objects.select_related("origin", "client", "source").get()
    assert (order.source, order.external_id, order.number) == (Feed.of("bifit").source, steps.SAMPLE, "112345")
    assert (order.amount_to_pay, order.status, order.payment_type) == (Decimal("3000.00"), 0, cash)
    assert (order.delivery_time_from, order.delivery_time_to) == (WINDOW, WINDOW + timedelta(hours=2))
    assert (order.to_line, order.description, order.hold, order.courier) == ("Адрес", "", "", None)
    assert order.client is not None
    assert (order.client.external_id, order.client.source, order.client.firstname) == ("195363", order.source, "")
    origin = order.origin
    sample = json.loads(ORDER.read_text())
    assert len(sample) == 33
    assert origin.data == sample
    assert (origin.status, origin.delivery, origin.tax_system) == ("DISTRIBUTED", "COURIER", "COMMON")
    assert origin.status_at == datetime(2022, 2, 24, 8, 23, 32, 245000, tzinfo=UTC)
    assert origin.is_open


def test_reading_twice_makes_no_second_order_and_changes_nothing(bifit: Bifit) -> None:
    steps.read(steps.SAMPLE)
    before = Order.history.count()
    run = steps.read(steps.SAMPLE)
    assert (run.created_count, run.updated_count, Order.objects.count(), Client.objects.count()) == (0, 0, 1, 1)
    assert Order.history.count() == before


@pytest.mark.parametrize(
    ("delivery", "hold"), [("COURIER", ""), ("SELF", "pickup"), ("SERVICE", "waits"), ("DRONE", "waits")]
)
def test_the_type_of_delivery_decides_where_an_order_goes(bifit: Bifit, delivery: str, hold: str) -> None:
    _id, order = steps.born(bifit, deliveryType=delivery)
    assert (order.hold, order.origin.delivery) == (hold, delivery)
    assert (order.sync_state == "held") == bool(hold)


def test_an_order_for_pickup_has_no_address(bifit: Bifit) -> None:
    _id, order = steps.born(bifit, deliveryType="SELF", address=None)
    assert (order.hold, order.to_line) == ("pickup", "")


def test_orders_wait_for_a_dispatcher_where_the_source_says_so(bifit: Bifit) -> None:
    source = Feed.of("bifit").source
    source.waits_for_dispatcher = True
    source.save()
    _id, order = steps.born(bifit)
    assert order.hold == "waits"


@pytest.mark.parametrize(
    ("status", "delivery_status", "is_open"),
    [
        ("NEW", 6, True),
        ("ACCEPTED", 6, True),
        ("DISTRIBUTED", 6, True),
        ("ISSUED", 6, True),
        ("REFUSED", 11, False),
        ("DELETED", 11, False),
        ("FINISHED", 10, False),
        ("ВОЗВРАТ", 6, True),
    ],
)
def test_every_status_is_kept_and_ends_the_order_where_it_is_an_end(
    bifit: Bifit, status: str, delivery_status: int, is_open: bool
) -> None:
    _id, order = steps.born(bifit, currentStatusType=status)
    assert (order.delivery_status, order.origin.status, order.origin.is_open) == (delivery_status, status, is_open)
    assert words.status(status) == status  # in English its own code
    if not is_open:
        assert order.hold == "waits"  # no courier hears of what is over
    assert not steps.tells().exists()


def test_what_was_cancelled_there_gets_the_reason_of_the_feed(bifit: Bifit) -> None:
    feed = Feed.of("bifit")
    feed.return_reason = builders.reason()
    feed.save()
    _id, order = steps.born(bifit, currentStatusType="REFUSED")
    assert order.return_reason == feed.return_reason


def test_paid_and_unpaid_orders_have_the_payment_types_of_the_feed(bifit: Bifit) -> None:
    prepaid = builders.known(PaymentType, "3", title="Prepaid", close_type=3)
    card = builders.known(PaymentType, "2", title="Card", close_type=2)
    _id, paid = steps.born(bifit, paid=True)
    assert (paid.status, paid.payment_type) == (1, prepaid)
    Feed.objects.update(payment_type=None, paid_type=card)
    _id, paid = steps.born(bifit, paid=True)
    _id, unpaid = steps.born(bifit, paid=False)
    assert (paid.payment_type, unpaid.status, unpaid.payment_type) == (card, 0, card)  # there is no cash


def test_the_responsible_person_is_the_courier_with_exactly_this_phone(bifit: Bifit) -> None:
    one = builders.known(Courier, "1", title="One", phone="8 (977) 555-33-22")
    _id, order = steps.born(bifit, responsiblePersonLogin="79775553322")
    assert order.courier == one
    builders.known(Courier, "2", title="Two", phone="+7 977 555 33 22")
    _id, order = steps.born(bifit, responsiblePersonLogin="79775553322")
    assert order.courier is None  # two have it
    _id, order = steps.born(bifit, responsiblePersonLogin="an e-mail")
    assert order.courier is None


def test_clients_are_known_by_their_id_there_and_made_once(bifit: Bifit) -> None:
    ids = [bifit.add(clientId=number % 3 + 1, clientName=f"Client {number % 3}")["id"] for number in range(9)]
    steps.read(*ids)
    source = Feed.of("bifit").source
    assert sorted(Client.objects.values_list("source", "external_id", "firstname")) == [
        (source.pk, str(number + 1), f"Client {number}") for number in range(3)
    ]
    assert Order.objects.filter(client=None).count() == 0
    _id, order = steps.born(bifit, clientId=None, clientName="Nobody's")
    assert (order.client, order.client_firstname) == (None, "Nobody's")


def test_orders_of_a_merged_client_go_to_whom_he_was_merged_into(bifit: Bifit) -> None:
    _id, order = steps.born(bifit, clientId=7)
    survivor = builders.client()
    Client.objects.filter(pk=order.client_id).update(merged_into=survivor)
    assert steps.born(bifit, clientId=7)[1].client == survivor


def test_one_good_stands_for_the_order_where_the_feed_has_one(bifit: Bifit) -> None:
    good = builders.with_lines(builders.order(1), 1).lines.get().good
    Feed.of("bifit")
    Feed.objects.update(good=good)
    _id, order = steps.born(bifit, totalAmount=1234.5)
    assert list(order.lines.values_list("good", "count", "price", "total")) == [
        (good.pk, Decimal(1), Decimal("1234.50"), Decimal("1234.50"))
    ]


def test_unknown_fields_and_odd_figures_are_kept(bifit: Bifit) -> None:
    extra = {"discount": 10.5, "discountType": 7, "deliveryAmount": 300, "routeSheetDocumentId": "r1", "isGift": True}
    _id, order = steps.born(bifit, **extra)
    assert {name: order.origin.data[name] for name in extra} == extra
    assert order.amount_to_pay == Decimal("3000.00")  # and no sum was made of them


def test_what_is_not_there_or_cannot_be_read_is_told_and_harms_nothing_else(bifit: Bifit) -> None:
    broken = bifit.add(totalAmount="many roubles")["id"]
    run = steps.read(steps.SAMPLE, "999", broken, "../admin")
    assert (run.state, run.read, run.created_count, run.bad_count) == ("done", 1, 1, 3)
    for told in ("999", str(broken), "totalAmount", "../admin"):
        assert told in run.error
    assert Order.objects.get().external_id == steps.SAMPLE


def test_the_command_reads_ids_and_fails_loudly_for_what_it_cannot_read(bifit: Bifit) -> None:
    second = bifit.add()["id"]
    call_command("pull", "bifit", ids=f"{steps.SAMPLE},{second}")
    assert Order.objects.count() == 2
    with pytest.raises(CommandError, match="not everything was read"):
        call_command("pull", "bifit", ids="999")


def test_without_ids_all_that_is_open_is_read_the_oldest_first(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [str(bifit.add()["id"]) for _ in range(5)]
    steps.read(*ids)
    bifit.change(ids[4], currentStatusType="FINISHED")
    steps.read(ids[4])
    now = timezone.now()
    for age, id_ in enumerate((ids[2], ids[0], ids[3], ids[1])):
        Origin.objects.filter(key=id_).update(read_at=now - timedelta(hours=9 - age))
    monkeypatch.setattr(reader, "ROUND", 3)
    bifit.requests.clear()
    run = steps.read()
    assert run.state == "done"
    assert steps.reads(bifit) == [ids[2], ids[0], ids[3]]
    assert next(iter(reader._open())) == ids[1]


def test_an_order_that_vanished_there_does_not_keep_others_from_their_turn(
    both: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, _order = steps.born(both.bifit)
    gone = Origin.objects.create(
        order=builders.order(9), remote="bifit", key="999", read_at=timezone.now() - timedelta(days=1)
    )
    monkeypatch.setattr(reader, "ROUND", 1)
    assert steps.read().bad_count == 1
    gone.refresh_from_db()
    assert list(reader._open()) == [id_]


def test_the_schedule_reads_what_is_open(bifit: Bifit, bifit_settle: Any) -> None:
    id_, order = steps.born(bifit)
    bifit.change(id_, comment="Ring twice")
    pull.Schedule.objects.filter(name="bifit").update(due_at=timezone.now())
    bifit_settle()
    order.refresh_from_db()
    assert order.description == "Ring twice"
    assert Pull.objects.filter(what="bifit", params={}, state="done").exists()


def test_a_bad_one_among_a_slice_is_told_and_the_others_are_stored(
    bifit: Bifit, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [bifit.add(externalId=f"N{number}")["id"] for number in range(5)]
    make = arrivals._new

    def fail_at_one(feed: Feed, arrival: Arrival) -> Order:
        if arrival.number == "N3":
            raise ValueError("cannot be stored")
        return make(feed, arrival)

    monkeypatch.setattr(arrivals, "_new", fail_at_one)
    run = steps.read(*ids)
    assert (run.state, run.created_count, run.bad_count) == ("done", 4, 1)
    assert "cannot be stored" in run.error
    assert sorted(Order.objects.values_list("number", flat=True)) == ["N0", "N1", "N2", "N4"]


def test_a_sum_that_no_column_holds_harms_no_other_order(bifit: Bifit) -> None:
    ids = [bifit.add(totalAmount=amount)["id"] for amount in (100, 10**15, 200)]
    run = steps.read(*ids)
    assert (run.state, run.bad_count) == ("done", 1)
    assert sorted(Order.objects.values_list("amount_to_pay", flat=True)) == [100, 200]


@pytest.mark.parametrize("is_known", [False, True])
def test_many_orders_take_as_many_statements_as_a_few(
    bifit: Bifit, is_known: bool, django_assert_max_num_queries: Any
) -> None:
    def statements(count: int) -> int:
        read = [steps.fetched(str(bifit.add(clientId=7)["id"])) for _ in range(count)]
        if is_known:
            reader.take(read)
            read = [msgspec.structs.replace(order, comment="changed") for order in read]
            Order.objects.update(delivery_status=10)  # what is over is merged without a write of the order
        with django_assert_max_num_queries(10_000) as captured:
            assert not reader.take(read).bad
        return len(captured.captured_queries)

    statements(1)  # the source, the client
    if is_known:
        assert statements(20) - statements(10) <= 10 * 5  # merged one by one, each under its lock
    else:
        assert statements(60) - statements(5) <= 10  # SQLite takes so many values at once


def test_an_order_at_the_end_of_time_is_told_and_harms_no_other(bifit: Bifit) -> None:
    ids = [bifit.add(deliveryTime=moment)["id"] for moment in (253402300799000, 1645690408369)]
    run = steps.read(*ids)
    assert (run.state, run.created_count, run.bad_count) == ("done", 1, 1)
    assert "deliveryTime" in run.error
