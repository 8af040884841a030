"""Customers of VirtPos and our clients, both ways."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.partners.models import Source
from backoffice.remotes.errors import BadRow
from backoffice.remotes.sandbox import Sandbox
from backoffice.remotes.sandbox.virtpos import Virtpos
from backoffice.sync import clients, lease, push, verdicts
from backoffice.sync.models import Pull, Push, RemoteState
from orders.models import Client, Customer, Feed
from orders.virtpos.enrolment import enrol, resolve

pytestmark = pytest.mark.django_db(transaction=True)
Read = Callable[..., Pull]
Do = Callable[[], int]


def pulled(read: Read) -> Pull:
    run = read("virtpos-customers")
    assert (run.state, run.error) == ("done", "")
    return run


def ivan() -> Client:
    return Client.objects.get(external_id="3")


def there(virtpos: Virtpos, key: str = "3") -> dict[str, Any]:
    return next(customer for customer in virtpos.customers if customer["id"] == key)


def due_now() -> None:
    RemoteState.objects.all().delete()
    Push.objects.exclude(state="done").update(due_at=timezone.now())


def settled(tell: Do) -> None:
    """Whatever is repeated after a pause is repeated now."""
    for _ in range(30):
        due_now()
        tell()
    assert not Push.objects.filter(remote="virtpos", state__in=("queued", "waiting")).exists()


# in


def test_customers_become_clients_of_the_source(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    virtpos.add_customer(id="4", fname="Ольга", birth_day="31", birth_month="2", birth_year="1990")
    run = pulled(read)
    assert (run.read, run.created_count) == (2, 2)
    client = ivan()
    assert (client.firstname, client.lastname, client.email) == ("Иван", "Петров", "ivan.petrov@example.com")
    assert (client.phone_e164, client.birthday, client.source) == ("+78125550103", date(1985, 4, 17), feed.source)
    assert (client.sync_state, client.customer.data["gender"], client.customer.data["mname"]) == (
        *("pending", "M", "Сергеевич"),
    )
    assert Client.objects.get(external_id="4").birthday is None  # there is no 31st of February
    assert (pulled(read).created_count, Client.objects.count()) == (0, 2)
    assert not Push.objects.filter(remote="virtpos").exists()


def test_pages_are_read_with_as_many_queries_whatever_is_in_them(virtpos: Virtpos, read: Read) -> None:
    counts = []
    for first, last in ((0, 2), (2, 42)):
        for nth in range(first, last):
            virtpos.add_customer(id=f"c{nth}", fname="Имя", lname=str(nth))
        with CaptureQueriesContext(connection) as queries:
            pulled(read)
        counts.append(len(queries))
    assert counts[1] <= counts[0] + 4, counts


def test_a_change_there_comes_and_causes_no_echo(virtpos: Virtpos, read: Read) -> None:
    pulled(read)
    virtpos.add_customer(**{**writable(virtpos), "phone": "+7 916 000-00-01", "custom_information": "VIP"})
    assert pulled(read).updated_count == 1
    client = ivan()
    assert (client.phone_e164, client.description, client.customer.sync_state) == ("+79160000001", "VIP", "clean")
    assert not Push.objects.filter(remote="virtpos").exists()


def writable(virtpos: Virtpos) -> dict[str, Any]:
    return {name: value for name, value in there(virtpos).items() if name not in ("age", "group_id")}


def test_what_both_sides_changed_waits_for_a_person(virtpos: Virtpos, read: Read, tell: Do) -> None:
    pulled(read)
    client = ivan()
    client.phone, client.email = "+7 916 000-00-02", "new@example.com"
    client.save()
    virtpos.add_customer(**{**writable(virtpos), "phone": "+7 916 000-00-03"})
    assert pulled(read).conflict_count == 1
    row = Customer.objects.get()
    assert row.sync_conflict == {"phone": {"base": "+7 812 555-01-03", "theirs": "+7 916 000-00-03"}}
    tell()
    assert (there(virtpos)["phone"], there(virtpos)["email"]) == ("+7 916 000-00-03", "new@example.com")

    resolve(row.pk, "ours")
    tell()
    assert there(virtpos)["phone"] == "+7 916 000-00-02"
    row.refresh_from_db()
    assert (row.sync_state, row.sync_conflict) == ("clean", {})

    client = ivan()
    client.phone = "+7 916 000-00-04"
    client.save()
    virtpos.add_customer(**{**writable(virtpos), "phone": "+7 916 000-00-05"})
    pulled(read)
    resolve(row.pk, "theirs")
    assert ivan().phone == "+7 916 000-00-05"
    settled(tell)
    assert there(virtpos)["phone"] == "+7 916 000-00-05"


# out


def test_a_change_here_is_told_by_its_columns_and_never_the_age(virtpos: Virtpos, read: Read, tell: Do) -> None:
    pulled(read)
    client = ivan()
    client.lastname, client.birthday, client.title = "Сидоров", None, "ООО"
    client.save()
    assert Customer.objects.get().sync_state == "pending"
    tell()
    assert (there(virtpos)["lname"], there(virtpos)["birth_year"], there(virtpos)["fname"]) == ("Сидоров", None, "Иван")
    sent = [request for request in virtpos.requests if "update" in request["path"]]
    assert len(sent) == 1
    assert {"age", "fname"}.isdisjoint(sent[0]["query"])
    assert (Customer.objects.get().sync_state, virtpos.violations) == ("clean", [])


def test_a_refusal_is_shown_and_mended_by_the_next_edit(virtpos: Virtpos, read: Read, tell: Do) -> None:
    pulled(read)
    virtpos.refuse("customers", "3", "Телефон занят")
    client = ivan()
    client.phone = "+7 916 000-00-02"
    client.save()
    tell()
    row = Customer.objects.get()
    assert (row.sync_state, row.sync_error) == ("failed", "Телефон занят")
    virtpos.refuse("customers", "3", None)
    client.phone = "+7 916 000-00-06"
    client.save()
    tell()
    row.refresh_from_db()
    assert (row.sync_state, row.sync_error, there(virtpos)["phone"]) == ("clean", "", "+7 916 000-00-06")


def test_a_new_one_is_added_once_into_the_group(virtpos: Virtpos, feed: Feed, read: Read, tell: Do) -> None:
    Feed.objects.update(client_group="Доставка")
    client = Client.objects.create(firstname="Анна")
    assert enrol([client]) == [client]
    assert enrol([client]) == []
    tell()
    tell()
    client.refresh_from_db()
    row = client.customer
    assert (row.key, row.sync_state, client.external_id, client.source) == ("11", "clean", "11", feed.source)
    assert there(virtpos, "11")["fname"] == "Анна"
    assert list(virtpos.groups.values()) == ["Доставка"]
    pulled(read)
    assert Client.objects.filter(firstname="Анна").count() == 1


def test_a_client_of_another_source_keeps_its_number(virtpos: Virtpos, feed: Feed, tell: Do) -> None:
    shop = Source.objects.create(title="Shop")
    client = Client.objects.create(firstname="Анна", source=shop, external_id="77")
    enrol([client])
    tell()
    client.refresh_from_db()
    assert (client.source, client.external_id, client.customer.key) == (shop, "77", "11")


def test_a_lost_answer_adds_nobody_twice(virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do) -> None:
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    sandbox.faults.set("reset_after", times=1, path_contains="customer/update")
    enrol([client])
    settled(tell)
    client.refresh_from_db()
    assert (client.customer.key, client.customer.sync_state) == ("11", "clean")
    assert len(virtpos.customers) == 2


def test_one_whom_the_list_tells_before_he_is_sent_is_not_added(
    virtpos: Virtpos, feed: Feed, read: Read, tell: Do
) -> None:
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    enrol([client])
    virtpos.add_customer(id="50", fname="Анна", phone="+79160000001", email="anna@example.com")
    pulled(read)
    client.refresh_from_db()
    client.description = "VIP"
    client.save()
    settled(tell)
    row = Customer.objects.get(client=client)
    assert (len(virtpos.customers), row.key, row.sync_state, row.sync_error) == (2, "50", "clean", "")
    assert (there(virtpos, "50")["custom_information"], there(virtpos, "50")["email"]) == ("VIP", "anna@example.com")
    assert Push.objects.get(command="add").state == "done"


def test_what_never_arrived_is_sent_again(virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do) -> None:
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")
    enrol([client])
    settled(tell)
    assert [customer["fname"] for customer in virtpos.customers] == ["Иван", "Анна"]


def test_where_the_list_cannot_tell_a_person_decides(
    virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do, read: Read
) -> None:
    virtpos.add_customer(id="50", fname="Мария", phone="+7 916 000-00-01")
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")
    enrol([client])
    tell()
    due_now()
    tell()
    push = Push.objects.get(command="add")
    assert push.state == "unknown"
    assert "cannot tell" in Customer.objects.get().sync_error
    assert verdicts.was_not_done(push)
    tell()
    client.refresh_from_db()
    assert client.customer.key == "11"


def test_the_next_reading_finds_whom_a_person_said_was_added(
    virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do, read: Read, settings: Any
) -> None:
    client = Client.objects.create(firstname="Анна", phone="+79160000001")
    sandbox.faults.set("reset_after", times=1, path_contains="customer/update")
    enrol([client])
    tell()
    settings.VIRTPOS_CUSTOMERS_PATH = "nowhere"
    due_now()
    tell()
    push = Push.objects.get(command="add")
    assert push.state == "unknown"
    assert verdicts.was_done(push)
    settings.VIRTPOS_CUSTOMERS_PATH = "customer"
    pulled(read)
    assert (Customer.objects.get(client=client).key, Client.objects.count()) == ("11", 2)


def test_looking_for_one_leaves_the_client_as_it_was(virtpos: Virtpos, sandbox: Sandbox, feed: Feed) -> None:
    virtpos.add_customer(id="50", fname="Мария", birth_day="first")
    sandbox.faults.set("reset_before", times=1, path_contains="customer/update")
    enrol([Client.objects.create(firstname="Анна", phone="+79160000001")])
    told: list[BadRow] = []
    client = clients.client("virtpos")
    client.on_bad_row = tell = told.append
    for _ in range(2):
        due_now()
        push.drain(client, lease.owner())
    assert Push.objects.get(command="add").state == "unknown"  # it may be the one that cannot be read
    assert client.on_bad_row is tell
    assert [row.id for row in told] == ["50"]


def written(queries: CaptureQueriesContext, *names: str) -> list[str]:
    """Which of these statements began, in order, each where it came first."""
    begun = [name for query in queries for name in names if query["sql"].startswith(name)]
    return list(dict.fromkeys(begun))


LOCKED = 'SELECT "orders_client"."id" AS', 'SELECT "orders_customer"."id", '


def test_rows_are_taken_in_the_order_of_an_edit(virtpos: Virtpos, read: Read) -> None:
    pulled(read)
    virtpos.add_customer(**{**writable(virtpos), "phone": "+7 916 000-00-03"})
    with CaptureQueriesContext(connection) as queries:
        pulled(read)
    assert written(queries, *LOCKED) == [*LOCKED]

    client = ivan()
    client.phone = "+7 916 000-00-02"
    with CaptureQueriesContext(connection) as queries:
        client.save()
    row = 'UPDATE "orders_customer"'
    told = [query["sql"] for query in queries if "'customers'" in query["sql"] or query["sql"].startswith(row)]
    assert [sql.startswith(row) for sql in told] == [True, False]

    virtpos.add_customer(**{**writable(virtpos), "phone": "+7 916 000-00-04"})
    pulled(read)
    with CaptureQueriesContext(connection) as queries:
        resolve(Customer.objects.values_list("pk", flat=True).get(), "theirs")
    assert written(queries, *LOCKED) == [*LOCKED]


def test_an_order_of_a_merged_client_belongs_to_who_stays(virtpos: Virtpos, feed: Feed, read: Read) -> None:
    pulled(read)
    other = Client.objects.create(firstname="Иван", lastname="Петров", phone="+78125550103")
    Client.objects.filter(pk=ivan().pk).update(merged_into=other)
    read()
    order = other.orders.get()
    assert (order.origin.remote, order.phone) == ("virtpos", "+78125550103")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_all_answers_fails(
    virtpos: Virtpos, sandbox: Sandbox, feed: Feed, tell: Do, read: Read, seed: int
) -> None:
    pulled(read)
    clients = [Client.objects.create(firstname=f"К{nth}", phone=f"+7916000010{nth}") for nth in range(5)]
    for kind in ("reset_before", "reset_after", "500", "garbage"):
        sandbox.faults.set(kind, probability=0.08, path_contains="/api/customer")
    enrol(clients)
    client = ivan()
    for nth in range(5):
        client.phone = f"+7916000020{nth}"
        client.save()
        due_now()
        tell()
    for _ in range(20):
        due_now()
        tell()
    sandbox.faults.clear()
    settled(tell)
    assert there(virtpos)["phone"] == "+79160000204"
    names = sorted(customer["fname"] for customer in virtpos.customers)
    assert names == ["Иван", *(f"К{nth}" for nth in range(5))]
    assert not virtpos.violations
