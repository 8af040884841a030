"""What the tests of the sandbox share: a call without any client of ours, a right order, a receiver of callbacks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from backoffice.remotes.sandbox import Sandbox


def call(sandbox: Sandbox, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
    """One request to the API, with the right token unless another is given."""
    headers = {"Authorization": f"Bearer {sandbox.token}"} | headers
    return requests.request(method, sandbox.url + path, json=body, headers=headers, timeout=20)


def order(order_id: int | str = 7001, **changes: Any) -> dict[str, Any]:
    """An order with all that is required and nothing else, plus `changes`; a change to ... takes the attribute away."""
    body = {
        "orderId": str(order_id),
        "statusId": 0,
        "deliveryStatusId": 6,
        "courierId": None,
        "paymentId": "4113",
        "amountToPay": 539.78,
        "deliveryTimeFrom": "2021-05-15 13:21:13",
        "deliveryTimeTo": "2021-05-15 15:21:13",
        "goods": [{"goodId": "355864", "count": 1, "price": 539.78, "total": 539.78, "discountTotal": 0}],
    } | changes
    return {name: value for name, value in body.items() if value is not ...}


class Receiver:
    """What a server got: `bodies` in the order of arrival; `answers` are statuses that it gives first, then 201."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[Any] = []
        self.answers: list[int] = []

    def order_ids(self) -> list[int]:
        return [item["orderId"] for body in self.bodies for item in body["items"]]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running Receiver."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = taken.answers.pop(0) if taken.answers else 201
            taken.bodies.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test reads `bodies`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        taken = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join(5)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for a condition; AssertionError when the time runs out."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.01)
