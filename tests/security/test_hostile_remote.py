"""What a remote may do to us with its answers: send too much, too deep, too slowly, or squeezed together."""

from __future__ import annotations

import gzip
import threading
import time
import tracemalloc
from typing import Any

import pytest

from backoffice.remotes import wirejson
from backoffice.remotes.errors import RemoteError, Retry, error_text
from backoffice.remotes.http import Session
from backoffice.remotes.ireca import contract
from tests.remotes.loopback import Loopback, Reply, answer, loopback

MB = 2**20


def session(server: Loopback, **options: Any) -> Session:
    return Session("ireca", server.url, **{"timeout": (10, 10), **options})


def drip(released: threading.Event) -> Reply:
    """A byte now and then, each well within the timeout."""

    def reply(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not released.wait(0.1):
            handler.wfile.write(b" ")
        handler.close_connection = True

    return reply


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_an_answer_is_bounded_after_it_is_unpacked(encoding: str, is_stream: bool) -> None:
    body = b"[" + b" " * (64 * MB)
    for _ in encoding.split(","):
        body = gzip.compress(body, 6)
    with loopback(answer(200, body, Content_Encoding=encoding)) as server:
        http = session(server, max_bytes=4 * MB)
        tracemalloc.start()
        with pytest.raises(RemoteError, match="larger than 4194304 bytes"):
            list(http.rows("orders")) if is_stream else http.request("GET", "orders")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 24 * MB


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_drips_is_given_up(status: int) -> None:
    released = threading.Event()
    with loopback(drip(released)) as server:
        started = time.monotonic()
        with pytest.raises(Retry, match=r"not ended within 0\.5 s"):
            session(server, patience=0.5).request("GET", "orders")
        assert time.monotonic() - started < 5
        released.set()


def test_what_is_done_between_two_rows_is_no_waiting() -> None:
    with loopback(answer(200, b'[{"orderId": 1},' + b" " * 200_000 + b'{"orderId": 2}]')) as server:
        rows = session(server, patience=1).rows("orders")
        next(rows)
        time.sleep(1.2)
        assert next(rows) == {"orderId": 2}


def test_the_text_of_an_error_is_cut_and_found_in_no_time() -> None:
    with loopback(answer(500, b"<script" * MB)) as server:
        tracemalloc.start()
        started = time.process_time()
        with pytest.raises(Retry) as refused:
            session(server).request("GET", "orders")
        assert time.process_time() - started < 5
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(refused.value.message) <= 2000
    assert peak < 24 * MB
    started = time.process_time()
    error_text(b"<script" * 200_000)
    assert time.process_time() - started < 2


def test_a_row_without_end_is_looked_through_once() -> None:
    body = b'[{"a": "' + b"x" * (12 * MB)
    started = time.process_time()
    with pytest.raises(wirejson.MalformedJson):
        list(wirejson.iter_array(body[at : at + 65536] for at in range(0, len(body), 65536)))
    assert time.process_time() - started < 3


@pytest.mark.parametrize("depth", [40, 300, 900, 5_000])
def test_a_value_that_is_too_deep_is_one_bad_row(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    rows = b'[{"event":"deep","beforeItem":' + deep + b'},{"event":"next"}]'
    good, bad = contract.decode_rows(contract.JournalEntry, wirejson.iter_array([rows]))
    assert [entry.event for entry in good] == ["next"]
    assert len(bad) == 1


def test_a_bag_holds_nothing_that_a_database_cannot() -> None:
    (entry,), _bad = contract.decode_rows(
        contract.JournalEntry, wirejson.iter_array([b'[{"afterItem":{"a\\u0000":["\\u0000", 1.50]}}]'])
    )
    assert entry.after_item == {"a\ufffd": ["\ufffd", "1.5"]}


@pytest.mark.parametrize("number", ["1e999999", "-1e400", "1e-999999", "9" * 300, "NaN", "Infinity"])
@pytest.mark.parametrize("key", ["orderId", "amountToPay", "statusId", "isRefund", "deliveryTimeFrom", "number"])
def test_a_number_without_measure_is_read_or_refused(key: str, number: str) -> None:
    good, bad = contract.decode_rows(
        contract.Order, wirejson.iter_array([f'[{{"{key}":{number}}},{{"orderId":"1"}}]'.encode()])
    )
    assert [order.order_id for order in good][-1] == "1"
    assert len(good) + len(bad) == 2
    for order in good:
        assert len(repr(contract.dump(order))) < 1000
