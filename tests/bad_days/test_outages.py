"""What PostgreSQL and its driver call otherwise, though it is an outage: it is told, waited for and passes like one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, ProgrammingError, close_old_connections, connection, connections
from django.test import Client as Browser

from backoffice.database import is_gone, outages
from backoffice.remotes.ireca import contract
from backoffice.sync import bulk
from backoffice.sync.apply import apply_each
from backoffice.sync.mirror import registry
from orders.models import Order

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has neither a standby nor COPY"),
]


@pytest.fixture(autouse=True)
def _another_connection() -> Iterator[None]:
    yield
    connection.close()


@pytest.fixture
def standby() -> None:
    """The server that this connection is to has become a standby."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")


def test_a_page_that_cannot_be_stored_is_told_to_come_again(admin_user: object, standby: None) -> None:
    browser = Browser(raise_request_exception=False)
    shown = browser.post("/admin/login/", {"username": "admin", "password": "password"})
    assert (shown.status_code, shown["Retry-After"]) == (503, "5")


def test_what_was_read_waits_and_is_no_fault_of_an_order(standby: None) -> None:
    mirror = registry.for_model(Order)
    assert mirror is not None
    with pytest.raises(OperationalError) as caught:
        apply_each(mirror, [contract.decode(contract.Order, {"orderId": "1"})])
    assert is_gone(caught.value)


def test_the_next_round_looks_for_the_main_database(standby: None) -> None:
    with pytest.raises(OperationalError):
        Order.objects.create()
    close_old_connections()
    assert connection.connection is None
    assert Order.objects.create().pk


def end_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


def test_a_connection_that_ends_before_a_copy_is_an_outage() -> None:
    fields = Order._meta.concrete_fields
    rows = bulk._tuples(fields, [Order.objects.create()], is_new=True)
    end_connection()
    with pytest.raises(OperationalError) as caught:
        bulk._copy(Order, fields, rows)
    assert is_gone(caught.value)


def test_what_the_driver_then_takes_for_a_mistake_of_ours_is_an_outage() -> None:
    """Where the end comes between the COPY and its answer, psycopg sees two answers to one question."""
    end_connection()
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with pytest.raises(OperationalError) as caught, outages(connection):
        raise ProgrammingError("COPY cannot be mixed with other operations")
    assert is_gone(caught.value)
    connection.close()
    with pytest.raises(ProgrammingError), connection.cursor(), outages(connection):
        raise ProgrammingError("a mistake of ours, on a connection that is well")


def test_a_mistake_of_ours_stays_one() -> None:
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute("SELECT nothing FROM nowhere")


def test_a_pool_gives_no_connection_to_a_standby_again() -> None:
    """Its health check is answered by a standby, too."""
    pooled = connections.create_connection("default")
    options = {**pooled.settings_dict["OPTIONS"], "pool": {"min_size": 1, "max_size": 1}}
    pooled.settings_dict = {**pooled.settings_dict, "OPTIONS": options, "CONN_MAX_AGE": 0}
    try:
        with pooled.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        with pytest.raises(OperationalError), pooled.cursor() as cursor:
            cursor.execute("CREATE TABLE standby (id int)")
        pooled.close_if_unusable_or_obsolete()
        with pooled.cursor() as cursor:
            cursor.execute("SHOW default_transaction_read_only")
            assert cursor.fetchone() == ("off",)
    finally:
        pooled.close()
        pooled.close_pool()


def test_a_wrapper_of_somebody_else_comes_and_goes() -> None:
    """Ours is put in when the connection is made, which may be in the middle of theirs."""
    connection.close()
    seen: list[str] = []

    def theirs(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(theirs), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 2")
        cursor.execute("SET default_transaction_read_only = on")
    assert seen == ["SELECT 1"]
    with pytest.raises(OperationalError):
        Order.objects.create()
