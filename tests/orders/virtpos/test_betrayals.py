"""What VirtPos's people do between two looks of ours, and what its answers leave out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.remotes.virtpos.client import VirtposClient
from backoffice.sync.models import Push, RemoteState
from orders import arrivals
from orders.models import Client, Customer, DeliveryStatus, Feed, Order, Origin
from orders.virtpos import customers
from orders.virtpos.customers import unanswered_words
from orders.virtpos.enrolment import enrol
from tests.orders import builders
from tests.orders.virtpos.test_customers import Do, Read, due_now, ivan, pulled, settled, there, writable
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


def test_what_changed_there_since_the_last_look_is_not_overwritten(virtpos: Virtpos, read: Read, tell: Do) -> None:
    pulled(read)
    change_there(virtpos, phone="+7 916 000-00-03", custom_information="VIP")
    edit(phone="+7 916 000-00-02", email="new@example.com")
    tell()
    assert (there(virtpos)["phone"], there(virtpos)["email"]) == ("+7 916 000-00-03", "new@example.com")
    row = Customer.objects.get()
    assert row.sync_conflict == {"phone": {"base": "+7 812 555-01-03", "theirs": "+7 916 000-00-03"}}
    assert (row.sync_state, ivan().description) == ("conflict", "VIP")


def test_a_change_is_told_where_no_list_can_be_read(virtpos: Virtpos, read: Read, tell: Do, settings: Any) -> None:
    pulled(read)
    settings.VIRTPOS_CUSTOMERS_PATH = "nowhere"
    edit(email="new@example.com")
    tell()
    assert (there(virtpos)["email"], Customer.objects.get().sync_state) == ("new@example.com", "clean")


def test_what_is_set_back_there_is_seen(virtpos: Virtpos, read: Read, tell: Do) -> None:
    pulled(read)
    before = writable(virtpos)
    edit(phone="+7 916 000-00-02")
    tell()
    virtpos.add_customer(**before)  # just as it was read last
    pulled(read)
    assert ivan().phone == "+7 812 555-01-03"


def test_a_page_that_was_read_before_ours_arrived_takes_nothing_back(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    customers = VirtposClient.customers

    def told(client: VirtposClient, *asked: Any, **given: Any) -> Iterator[Any]:
        rows = list(customers(client, *asked, **given))
        if not given:
            edit(phone="+7 916 000-00-02")
            tell()
        return iter(rows)

    monkeypatch.setattr(VirtposClient, "customers", told)
    change_there(virtpos, custom_information="VIP")
    pulled(read)
    assert (there(virtpos)["phone"], ivan().phone) == ("+7 916 000-00-02", "+7 916 000-00-02")


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


def test_two_orders_that_cannot_be_told_apart_are_told(virtpos: Virtpos, read: Read) -> None:
    at = "2026-01-02 10:00:00"
    for address in ("Арбат, 1", "Арбат, 2"):
        by_courier(virtpos, created_date=at, amount="91.00", shipping_address=address)
    run = read()
    assert (run.state, run.bad_count) == ("done", 1)
    assert f"3/{at}/91" in run.error
    assert Order.objects.get(external_id=f"3/{at}/91").hold == "waits"


def test_an_order_that_is_told_no_more_says_so(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    with virtpos._state.lock:
        virtpos._state.store.remove("virtpos_orders", number)
    read()
    order = Order.objects.get(external_id="g-1")
    assert (order.origin.sync_state, "no more" in order.origin.sync_error) == ("failed", True)
    assert Order.objects.exclude(pk=order.pk).get().origin.sync_state == "clean"
    by_courier(virtpos, guid="g-1")
    done(read())
    assert order.origin.__class__.objects.get(pk=order.origin.pk).sync_state == "clean"


# merged


def test_what_is_answered_and_not_taken_is_told(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(email="new@example.com")
    tell()
    row = Customer.objects.get()
    assert (row.sync_state, "e-mail" in row.sync_error) == ("failed", True)
    pulled(read)
    assert (ivan().email, there(virtpos)["email"]) == ("new@example.com", "ivan.petrov@example.com")
    monkeypatch.undo()
    edit(firstname="Пётр")
    tell()
    assert (there(virtpos)["email"], there(virtpos)["fname"]) == ("new@example.com", "Пётр")
    assert Customer.objects.get().sync_state == "clean"


def test_a_phone_that_is_only_spelt_otherwise_is_taken(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(phone="8 812 555 01 03")
    tell()
    assert Customer.objects.get().sync_state == "clean"


@pytest.mark.parametrize("way", ["tell", "read"])
def test_a_word_of_ours_whose_answer_was_lost_is_not_taken_for_theirs(
    virtpos: Virtpos, sandbox: Sandbox, read: Read, tell: Do, way: str
) -> None:
    pulled(read)
    sandbox.faults.set("reset_after", times=1, path_contains="customer/update")
    edit(phone="+7 916 000-00-02")
    tell()
    edit(phone="+7 916 000-00-04")
    if way == "read":
        pulled(read)
    settled(tell)
    assert (there(virtpos)["phone"], ivan().phone) == ("+7 916 000-00-04", "+7 916 000-00-04")
    assert Customer.objects.get().sync_state == "clean"


def test_one_whose_request_is_still_on_its_way_is_not_looked_for_yet(
    virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do
) -> None:
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")  # nobody waits for it any more
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    enrol([client])
    start = timezone.now()
    with time_machine.travel(start):
        tell()
    with time_machine.travel(start + timedelta(seconds=30)):
        RemoteState.objects.all().delete()
        tell()
    virtpos.add_customer(id="50", fname="Анна", phone="+79160000001")  # and now it arrives
    with time_machine.travel(start + timedelta(minutes=3)):
        tell()
    assert [customer["id"] for customer in virtpos.customers] == ["3", "50"]
    assert Customer.objects.get(client=client).key == "50"


def test_an_older_word_of_ours_that_arrives_late_is_said_over(
    virtpos: Virtpos, sandbox: Sandbox, read: Read, tell: Do
) -> None:
    pulled(read)
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")  # nobody waits for it any more
    edit(phone="+7 916 000-00-02")
    tell()
    edit(phone="+7 916 000-00-04")
    settled(tell)
    assert there(virtpos)["phone"] == "+7 916 000-00-04"
    change_there(virtpos, phone="+7 916 000-00-02")  # and now it arrives
    pulled(read)
    assert (ivan().phone, Customer.objects.get().sync_state) == ("+7 916 000-00-04", "pending")
    settled(tell)
    assert (there(virtpos)["phone"], Customer.objects.get().sync_state) == ("+7 916 000-00-04", "clean")
    change_there(virtpos, phone="+7 916 000-00-03")
    pulled(read)
    change_there(virtpos, phone="+7 916 000-00-04")  # what was answered is theirs to say
    pulled(read)
    assert (ivan().phone, there(virtpos)["phone"]) == ("+7 916 000-00-04", "+7 916 000-00-04")


def test_words_that_nobody_answered_are_kept_once(virtpos: Virtpos, sandbox: Sandbox, read: Read, tell: Do) -> None:
    pulled(read)
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")
    edit(phone="+7 916 000-00-02")
    tell()
    for nth in range(6):
        edit(phone=f"+7 916 000-00-1{nth}")
        due_now()
        tell()
    assert there(virtpos)["phone"] == "+7 916 000-00-15"
    assert unanswered_words([ivan().pk]) == {ivan().pk: {"phone": ["+7 916 000-00-02"]}}


def test_what_was_not_taken_and_is_there_now_is_no_failure_any_more(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(email="new@example.com")
    tell()
    assert Customer.objects.get().sync_state == "failed"
    monkeypatch.undo()
    change_there(virtpos, email="new@example.com")  # it was only slow, or a person wrote it there
    pulled(read)
    row = Customer.objects.get()
    assert (row.sync_state, row.sync_error) == ("clean", "")
    assert not Push.objects.filter(remote="virtpos", state="refused").exists()


def test_what_was_not_taken_and_is_taken_back_here_is_no_failure_any_more(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(email="new@example.com")
    tell()
    edit(email="ivan.petrov@example.com")
    tell()
    assert Customer.objects.get().sync_state == "clean"
    assert not Push.objects.filter(remote="virtpos", state="refused").exists()


def test_an_address_that_is_kept_in_small_letters_is_taken(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(email="Ivan.Petrov@Example.com")
    tell()
    assert Customer.objects.get().sync_state == "clean"


def test_a_phone_that_is_emptied_and_not_taken_is_told(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_there(virtpos, phone="нет")
    pulled(read)
    monkeypatch.setattr(virtpos._records, "put_customer", lambda id_, old, fields: old)
    edit(phone="")
    tell()
    assert Customer.objects.get().sync_state == "failed"


def test_a_database_that_stumbles_while_one_is_told_refuses_nothing(
    virtpos: Virtpos, read: Read, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(read)
    edit(email="new@example.com")

    def deadlock(*_args: Any) -> Any:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(customers, "_apply_slice", deadlock)
    tell()
    monkeypatch.undo()
    settled(tell)
    assert (there(virtpos)["email"], Customer.objects.get().sync_state) == ("new@example.com", "clean")


@pytest.mark.parametrize("fault", ["500", "html"])
def test_a_change_is_told_where_the_list_always_fails(
    virtpos: Virtpos, sandbox: Sandbox, read: Read, tell: Do, settings: Any, fault: str
) -> None:
    pulled(read)
    settings.VIRTPOS_CUSTOMERS_PATH = "customers-list"
    sandbox.faults.set(fault, path_contains="customers-list")
    edit(email="new@example.com")
    tell()
    assert there(virtpos)["email"] != "new@example.com"  # it may have been once
    settled(tell)
    assert (there(virtpos)["email"], Customer.objects.get().sync_state) == ("new@example.com", "clean")


def test_one_whose_sender_was_killed_is_not_looked_for_yet(
    virtpos: Virtpos, feed: Feed, tell: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_args: Any, **_given: Any) -> Any:
        raise Killed

    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    enrol([client])
    start = timezone.now()
    with time_machine.travel(start), monkeypatch.context() as dying:
        dying.setattr(VirtposClient, "update_customer", killed)
        with pytest.raises(Killed):
            tell()
    Push.objects.update(lease_owner="", lease_until=None)  # as `release_dead` does
    with time_machine.travel(start + timedelta(seconds=5)):
        tell()
    virtpos.add_customer(id="50", fname="Анна", phone="+79160000001")  # and now it arrives
    with time_machine.travel(start + timedelta(minutes=3)):
        tell()
    assert [customer["id"] for customer in virtpos.customers] == ["3", "50"]


# told no more


def test_an_order_that_came_while_an_older_answer_was_on_its_way_is_not_gone(
    virtpos: Virtpos, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = VirtposClient.orders

    def older(client: VirtposClient, *asked: Any, **given: Any) -> Iterator[Any]:
        rows = list(orders(client, *asked, **given))
        monkeypatch.undo()
        by_courier(virtpos, guid="g-1")
        done(read(since=timezone.now() - timedelta(days=9999)))  # as another worker does
        return iter(rows)

    monkeypatch.setattr(VirtposClient, "orders", older)
    done(read())
    assert Order.objects.get(external_id="g-1").origin.sync_state == "clean"


def test_what_is_gone_is_still_told_after_a_conflict_was_settled(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    order = Order.objects.get(external_id="g-1")
    order.description = "Наше"
    order.save()
    virtpos.change_order(number, comment="Их")
    read()
    with virtpos._state.lock:
        virtpos._state.store.remove("virtpos_orders", number)
    read()
    origin = Origin.objects.get(key="g-1")
    assert (origin.sync_state, list(origin.sync_conflict)) == ("conflict", ["description"])
    arrivals.resolve(origin, {"description": "ours"})
    read()
    origin.refresh_from_db()
    assert (origin.sync_state, "no more" in origin.sync_error) == ("failed", True)


def test_many_that_are_gone_cost_as_much_as_few(virtpos: Virtpos, read: Read) -> None:
    counts = []
    for nth in (1, 21):
        numbers = [by_courier(virtpos, guid=f"g-{nth}-{n}")["number"] for n in range(nth)]
        done(read())
        with virtpos._state.lock:
            for number in numbers:
                virtpos._state.store.remove("virtpos_orders", number)
        read()
        with CaptureQueriesContext(connection) as queries:
            read()
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 2, counts


def test_a_clock_that_once_ran_ahead_stops_no_order(virtpos: Virtpos, read: Read) -> None:
    number = by_courier(virtpos, guid="g-1")["number"]
    done(read())
    Origin.objects.update(read_at=timezone.now() + timedelta(days=300))
    virtpos.change_order(number, shipping_address="Арбат, 2")
    done(read())
    assert Order.objects.get(external_id="g-1").to_line == "Арбат, 2"


def test_two_states_of_one_order_with_a_guid_are_one_order(virtpos: Virtpos, read: Read) -> None:
    for address in ("Арбат, 1", "Арбат, 2"):
        by_courier(virtpos, guid="g-1", shipping_address=address)
    done(read())
    order = Order.objects.get(external_id="g-1")
    assert (order.to_line, order.hold) == ("Арбат, 2", "")
