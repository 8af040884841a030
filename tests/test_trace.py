"""One id from a request to its push, to the exchange and to every line of the log; secrets masked in both formats."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client as Browser
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backoffice import gunicorn_log, trace
from backoffice.logs import JsonFormatter, LineFormatter
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import callbacks, clients, worker
from backoffice.sync.models import Callback, Exchange, ExchangeSubject, Push
from backoffice.sync.tasks import Task
from catalog.models import Supplier
from orders.models import ReturnReason

SECRET = 'callback "secret" ключ/0123456789'


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What is logged from now on, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


# the id


@pytest.mark.parametrize(
    "given", ["", "short", "a b c d e f g h", "x" * 65, "id\r\nSet-Cookie: a=b", "номер-0001", "a:b:c:d:e"]
)
def test_a_request_has_an_id_and_what_is_not_sane_is_not_taken(client: Browser, given: str) -> None:
    answers = [client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] for _ in range(2)]
    assert trace.sane(answers[0]) == answers[0] != answers[1]
    assert given not in answers


def test_the_id_of_a_proxy_is_taken_and_ends_with_the_request(client: Browser) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": "proxy-0001"})["X-Request-ID"] == "proxy-0001"
    assert trace.current() == ""


def test_it_is_gone_after_a_request_that_fails() -> None:
    def fail(request: Any) -> HttpResponse:
        assert trace.current() == "proxy-0001"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        trace.TraceMiddleware(fail)(RequestFactory().get("/", headers={"X-Request-ID": "proxy-0001"}))
    assert trace.current() == ""


def test_one_of_many_and_none() -> None:
    with trace.bound(["outer-01"]):
        with trace.bound([]):
            assert (trace.current(), trace.carried()) == ("outer-01", ())
        with trace.bound(["first-01", "", "other-01", "first-01"]):
            assert trace.carried() == ("first-01", "other-01")
            assert trace.current() not in {"", "outer-01", "first-01", "other-01"}
            with trace.bound(["first-01"]):
                assert (trace.current(), trace.carried()) == ("first-01", ())
        assert (trace.current(), trace.carried()) == ("outer-01", ())


# from request to exchange


@pytest.fixture(autouse=True)
def _all_is_made_here(settings: Any) -> None:
    settings.IRECA_MODE = "api"  # suppliers too


def save(browser: Browser, title: str, request_id: str) -> Supplier:
    """A supplier, as a person makes one in the admin."""
    fields = {"title": title, "phone": "", "inn": ""}
    answer = browser.post(reverse("admin:catalog_supplier_add"), fields, headers={"X-Request-ID": request_id})
    assert answer.status_code == 302, answer.context["errors"]
    return Supplier.objects.get(title=title)


def found(browser: Browser, model: str, term: str) -> list[Any]:
    page = browser.get(reverse(f"admin:sync_{model}_changelist"), {"q": term})
    return list(page.context["cl"].result_list)


def test_from_the_request_to_the_push_and_to_the_exchange(
    ireca: Sandbox, admin_client: Browser, settle: Callable[[], None]
) -> None:
    save(admin_client, "First", "request-first")
    (push,) = found(admin_client, "push", "request-first")
    assert (push.entity, push.trace) == ("suppliers", "request-first")
    settle()
    (alone,) = found(admin_client, "exchange", "request-first")
    assert (alone.method, alone.trace) == ("POST", "request-first")

    save(admin_client, "Second", "request-second")
    save(admin_client, "Third", "request-third")
    settle()
    (both,) = found(admin_client, "exchange", "request-second")
    assert found(admin_client, "exchange", "request-third") == [both] != [alone]
    assert found(admin_client, "exchange", both.trace) == [both]
    page = admin_client.get(reverse("admin:sync_exchange_change", args=[both.pk])).content.decode()
    assert "trace:request-second" in page
    assert (
        reverse("admin:sync_exchange_changelist") + "?q=request-first"
        in admin_client.get(reverse("admin:sync_push_change", args=[push.pk])).content.decode()
    )


def test_the_latest_change_names_an_open_push(admin_client: Browser, db: None) -> None:
    supplier = save(admin_client, "First", "request-first")
    with trace.bound(["request-again"]):
        supplier.save()
    assert Push.objects.get().trace == "request-again"


def test_a_bulk_change_costs_no_statement_more(db: None) -> None:
    reasons = ReturnReason.objects.bulk_create(ReturnReason(title=f"reason {n}") for n in range(30))

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            ReturnReason.objects.filter(pk__in=[reason.pk for reason in reasons]).update(title="x")
        return len(captured)

    without = statements()
    with trace.bound(["request-bulk"]):
        assert statements() == without
    assert set(Push.objects.values_list("trace", flat=True)) == {"request-bulk"}


def test_a_callback_and_what_is_read_because_of_it(listening: Sandbox, client: Browser, settings: Any) -> None:
    Exchange.objects.all().delete()
    order = listening.get("orders", "209900")
    assert order is not None
    body = json.dumps([{**order, "description": "told there"}])
    url = reverse("ireca-callback", kwargs={"secret": settings.CALLBACK_SECRET, "kind": "orders"})
    answer = client.post(url, body, content_type="application/json", headers={"X-Request-ID": "callback-0001"})
    assert answer.status_code == 201
    assert Callback.objects.get().trace == "callback-0001"
    callbacks.process(clients.client(), "tests")
    assert set(Exchange.objects.values_list("trace", flat=True)) == {"callback-0001"}


def test_a_broken_callback_tells_its_id_in_the_log(
    db: None, monkeypatch: pytest.MonkeyPatch, lines: Callable[[], list[dict[str, Any]]]
) -> None:
    def fail(*args: Any) -> str:
        raise RuntimeError("a bug")

    monkeypatch.setattr(callbacks, "_process_one", fail)
    with trace.bound(["callback-0002"]):
        callbacks.store("ireca", "orders", b"[]")
    callbacks.process(None, "tests")
    (line,) = [line for line in lines() if line["logger"] == "backoffice.sync.callbacks"]
    assert "callback-0002" in line["event"]
    assert "RuntimeError: a bug" in line["exception"]


def test_the_exchanges_of_a_pull_have_one_id(ireca: Sandbox) -> None:
    Exchange.objects.all().delete()
    call_command("pull", "goods", verbosity=0)
    (one,) = set(Exchange.objects.values_list("trace", flat=True))
    assert one.startswith("pull-")
    assert not ExchangeSubject.objects.filter(subject__startswith="trace:").exists()


@pytest.mark.django_db
def test_each_round_of_a_worker_has_an_id(lines: Callable[[], list[dict[str, Any]]]) -> None:
    def fail(holder: str) -> int:
        raise RuntimeError("a bug")

    for _ in range(2):
        worker.turn(Task("failing", fail), "tests")
    first, second = [line["trace"] for line in lines()]
    assert trace.sane(first) == first != second


# the log


def record(**extra: Any) -> logging.LogRecord:
    try:
        raise ValueError(f"answered 401 to {SECRET}")
    except ValueError:
        return logging.getLogger("orders").makeRecord(
            "orders", logging.ERROR, "", 0, "Not Found: %s", (SECRET,), sys.exc_info(), extra=extra
        )


def test_both_formats_mask_secrets_in_texts_and_tracebacks(settings: Any) -> None:
    settings.CALLBACK_SECRET = SECRET
    options = django_settings.LOGGING["formatters"]["line"]
    formatters = [JsonFormatter(), LineFormatter(options["format"], style=options["style"])]
    for formatter in formatters:
        with trace.bound(["request-0001"]):
            text = formatter.format(
                record(path="/callbacks/ireca/callback%20%22secret%22%20%D0%BA%D0%BB%D1%8E%D1%87/0123456789/orders")
            )
        assert "request-0001" in text
        assert "••••6789" in text
        assert "0123456789" not in text
        assert "Traceback" in text


def test_a_line_of_json_has_what_a_search_needs_and_no_objects(settings: Any) -> None:
    settings.CALLBACK_SECRET = SECRET
    with trace.bound(["request-0001"]):
        text = JsonFormatter().format(record(status_code=404, request=object()))
    assert "\n" not in text
    told = json.loads(text)
    assert told.pop("timestamp").endswith("Z")
    assert "ValueError: answered 401 to ••••6789" in told.pop("exception")
    assert told.pop("process")
    assert told.pop("thread")
    assert told == {
        "event": "Not Found: ••••6789",
        "level": "error",
        "logger": "orders",
        "status_code": 404,
        "trace": "request-0001",
    }


def test_a_line_without_an_id_has_no_brackets() -> None:
    options = django_settings.LOGGING["formatters"]["line"]
    plain = logging.LogRecord("orders", logging.INFO, "", 0, "all is well", (), None)
    assert LineFormatter(options["format"], style="{").format(plain).endswith(" INFO orders: all is well")


def test_the_access_log_of_gunicorn(settings: Any, lines: Callable[[], list[dict[str, Any]]]) -> None:
    settings.CALLBACK_SECRET = "callback-secret-0123456789"
    environ = {
        "REQUEST_METHOD": "POST",
        "RAW_URI": f"/callbacks/ireca/{settings.CALLBACK_SECRET}/orders",
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_USER_AGENT": "iRECA",
    }
    answer = SimpleNamespace(status_code=201, sent=0, headers=[("x-request-id", "callback-0003")])
    log = gunicorn_log.Log.__new__(gunicorn_log.Log)
    log.access(answer, None, environ, timedelta(milliseconds=12))
    (line,) = lines()
    assert line["event"] == "POST /callbacks/ireca/••••6789/orders 201 12 ms"
    assert (line["trace"], line["status"], line["duration_ms"], line["client"]) == (
        "callback-0003",
        201,
        12,
        "10.0.0.1",
    )
