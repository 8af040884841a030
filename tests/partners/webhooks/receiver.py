"""A partner's server, over real HTTP: keeps what it is sent and answers as a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def event(self) -> str:
        return self.headers["webhook-id"]

    @property
    def item(self) -> dict[str, Any]:
        return json.loads(self.body)["items"][0]


@dataclass
class Receiver:
    """`answer` is asked for the status of each request; `headers` are sent with every answer.

    It can be stopped and started again at the same port, as a server that is restarted.
    """

    answer: Callable[[Received], int] = lambda received: 201
    headers: dict[str, str] = field(default_factory=dict)
    text: bytes = b""
    port: int = 0
    host: str = "127.0.0.1"
    requests: list[Received] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Received]:
        """What was answered with 201."""
        return [received for received in self.requests if received.status == 201]

    def start(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if len(body) < int(self.headers["Content-Length"]):  # the sender was killed
                    self.close_connection = True
                    return
                seen = Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body, 0)
                status = receiver.answer(seen)
                receiver.requests.append(Received(seen.path, seen.headers, body, status))
                if status == 0:  # hang up without a word
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(receiver.text)))
                self.end_headers()
                self.wfile.write(receiver.text)

            def log_message(self, format: str, *args: Any) -> None:
                """Tests are quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that hangs up is no news."""

        self._server = Server((self.host, self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
