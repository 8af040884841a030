"""A tiny HTTP server on loopback whose every answer a test writes itself, down to resets in mid-air."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Reply = Callable[["_Handler"], None]


def answer(status: int = 200, body: Any = None, **headers: str) -> Reply:
    """An ordinary answer; `body` is bytes, text, or anything that JSON can hold."""
    if isinstance(body, str):
        payload = body.encode()
    elif isinstance(body, bytes) or body is None:
        payload = body or b""
    else:
        payload = json.dumps(body).encode()

    def reply(handler: "_Handler") -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(payload)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(payload)

    return reply


def reset(handler: "_Handler") -> None:
    """Drop the connection with a TCP reset and no answer."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True
    handler.connection.close()
    handler.rfile.close()


def cut(body: bytes, promised: int) -> Reply:
    """Promise more bytes than are sent, then close."""

    def reply(handler: "_Handler") -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(promised))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return reply


def silence(released: threading.Event) -> Reply:
    """Say nothing until `released`, longer than the client waits."""

    def reply(handler: "_Handler") -> None:
        released.wait(10)
        handler.close_connection = True

    return reply


@dataclass
class Loopback:
    """The server as a test sees it: `replies` are used up in order, the last one stays."""

    url: str
    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    loopback: Loopback

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.loopback.requests.append(
            Request(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers), body)
        )
        replies = self.loopback.replies
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        reply(self)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests look at `requests`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of these tests."""


@contextmanager
def loopback(*replies: Reply) -> Iterator[Loopback]:
    """Serve `replies` on a free port under /api/v1."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
    state = Loopback(f"http://127.0.0.1:{server.server_address[1]}/api/v1/", list(replies))
    server.RequestHandlerClass.loopback = state  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
