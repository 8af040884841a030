"""Reports read from a copy of the database where one is set and fresh; the copy here is the same rows, mirrored."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice import replica
from backoffice.sync.models import Worker
from orders.models import Order, SavedView

pytestmark = pytest.mark.django_db(databases=["default", "replica"], transaction=True)


@pytest.fixture(autouse=True)
def _with_replica(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REPLICA_URL = "postgres://copy/backoffice"
    monkeypatch.setattr(replica, "_known", (float("-inf"), None))


def beat(ago: float) -> None:
    moment = timezone.now() - timedelta(seconds=ago)
    Worker.objects.update_or_create(name="w", defaults={"beat_at": moment})


def counted(client: Client, path: str) -> tuple[str, int, int]:
    """The page, and how many of its queries about orders went where."""
    with CaptureQueriesContext(connections["replica"]) as there, CaptureQueriesContext(connections["default"]) as here:
        answer = client.get(path)
        assert answer.status_code == 200
        body = b"".join(answer) if answer.streaming else answer.content
    numbers = [sum("orders_order" in query["sql"] for query in asked.captured_queries) for asked in (there, here)]
    return body.decode(errors="replace"), numbers[0], numbers[1]


@pytest.fixture
def path(admin_client: Client) -> str:
    return "/reports/orders/"


def test_a_fresh_copy_is_read_and_the_page_says_as_of_when(admin_client: Client, path: str) -> None:
    beat(3)
    body, there, here = counted(admin_client, path)
    assert there > 0
    assert here == 0
    assert 'id="as-of"' in body


@pytest.mark.parametrize("ago", [3600, None])
def test_a_copy_that_is_behind_is_left_alone(admin_client: Client, path: str, ago: float | None) -> None:
    if ago is not None:
        beat(ago)
    body, there, here = counted(admin_client, path)
    assert (there, here > 0) == (0, True)
    assert 'id="as-of"' in body


def test_a_copy_that_is_away_is_left_alone(
    admin_client: Client, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        asked.append(1)
        raise OperationalError("connection refused")

    asked: list[int] = []
    monkeypatch.setattr(replica, "_replayed_until", refuse)
    for _ in range(3):
        _body, there, here = counted(admin_client, path)
        assert (there, here > 0) == (0, True)
    assert len(asked) == 1  # not at every page: each might wait for its time-out
    assert "connection refused" in caplog.text


@pytest.mark.parametrize("is_connected", [True, False])
def test_a_copy_that_goes_while_a_page_is_made_is_left_alone(
    admin_client: Client, path: str, is_connected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked a second ago, so it is chosen; then its server ends the connection, or takes no new one."""

    def gone(*_arguments: Any) -> None:
        raise OperationalError("terminating connection due to administrator command")

    beat(3)
    with replica.reading() as source:
        assert source.is_replica
    copy = connections["replica"]
    monkeypatch.setattr(copy, "is_usable", lambda: not is_connected)
    if not is_connected:
        monkeypatch.setattr(copy, "ensure_connection", gone)
    with copy.execute_wrapper(gone), CaptureQueriesContext(connections["default"]) as here:
        answer = admin_client.get(path)
    assert answer.status_code == 200
    assert 'id="as-of"' in answer.content.decode()
    assert sum("orders_order" in query["sql"] for query in here.captured_queries) > 0
    with replica.reading() as source:
        assert not source.is_replica  # nor for the next page


def test_a_query_that_a_standby_had_to_end_is_asked_of_the_main_database(admin_client: Client, path: str) -> None:
    def conflict(*_arguments: Any) -> None:
        error = OperationalError("canceling statement due to conflict with recovery")
        error.__cause__ = psycopg.errors.SerializationFailure()
        raise error

    beat(3)
    with replica.reading() as source:
        assert source.is_replica
    with connections["replica"].execute_wrapper(conflict):
        assert admin_client.get(path).status_code == 200


def test_an_error_of_a_copy_that_answers_is_told(admin_client: Client, path: str) -> None:
    asked: list[int] = []

    def broken(*_arguments: Any) -> None:
        asked.append(1)
        error = OperationalError("the query was cancelled")
        error.__cause__ = psycopg.errors.QueryCanceled()
        raise error

    beat(3)
    with replica.reading() as source:
        assert source.is_replica
    with connections["replica"].execute_wrapper(broken), pytest.raises(OperationalError):
        admin_client.get(path)
    assert len(asked) == 1  # the copy answers, and one does not ask it again


def test_without_a_copy_nothing_is_said(admin_client: Client, path: str, settings: Any) -> None:
    settings.REPLICA_URL = ""
    body, there, _here = counted(admin_client, path)
    assert there == 0
    assert 'id="as-of"' not in body


def test_a_download_is_read_from_the_copy_to_its_last_row(admin_client: Client, path: str) -> None:
    beat(3)
    _body, there, here = counted(admin_client, f"{path}export/csv/")
    assert there > 0
    assert here == 0


def test_writes_and_what_was_just_written_stay_where_they_are() -> None:
    beat(1)
    with replica.reading() as source:
        assert source.is_replica
        assert Order.objects.all().db == "replica"
        assert SavedView.objects.all().db == "default"
        router = replica.Router()
        assert router.db_for_write(Order) == "default"
        assert router.allow_migrate("replica", "orders") is False
    assert Order.objects.all().db == "default"
