"""HTTP/1.1 on loopback: sockets, keep-alive, faults. What is answered is decided by services and by `control`."""

from __future__ import annotations

import io
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from .api import error_reply
from .faults import HTTP_KINDS, Fault, Faults
from .recording import Reply

logger = logging.getLogger(__name__)

CONTROL_ROOT = "/__sandbox__/"
_WHOLE = 256 * 1024

Control = Callable[[str, str, str, bytes], Reply]


class Service(Protocol):
    """One remote: what is answered under its root, such as "/api/v1/". `path` is what follows the root."""

    root: str

    def handle(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply: ...


class Server(ThreadingHTTPServer):
    """A thread for a connection; closing also ends the connections kept alive, as a service that goes down does."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], services: Sequence[Service], control: Control, faults: Faults) -> None:
        """The first of `services` also answers what is under no root, so that it is recorded."""
        self.services = services
        self.control = control
        self.faults = faults
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._guard:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("a connection had already been closed by its client")

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("connection of %s broke", client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "iRECA-sandbox"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if f"{path}/".startswith(CONTROL_ROOT):  # its root also without the slash at the end
            what = f"{path}/".removeprefix(CONTROL_ROOT)
            self._send(self.server.control(self.command, what, parts.query, body))
            return
        struck = self.server.faults.fire(path, HTTP_KINDS, self.command)
        time.sleep(sum(fault.seconds for fault in struck if fault.kind == "delay"))
        fault = next((fault for fault in struck if fault.kind != "delay"), None)
        if fault is not None and fault.kind == "reset_before":
            self._reset()
            return
        reply = _broken(fault) if fault is not None else None
        if reply is None:
            reply = self._answer(path, parts.query, body)
        if fault is not None and fault.kind == "reset_after":
            self._reset()
            return
        if fault is not None and fault.kind == "garbage":
            whole = b"".join(reply.body) or b'{"error": fal'
            reply.body = iter((whole[: max(1, len(whole) // 2)],))
            reply.status = 200
        self._send(reply)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def _answer(self, path: str, query: str, body: bytes) -> Reply:
        under = [service for service in self.server.services if path.startswith(service.root)]
        if not under:
            return self.server.services[0].handle(self.command, f"..{path}", query, self.headers, body)
        service = max(under, key=lambda each: len(each.root))
        return service.handle(self.command, path.removeprefix(service.root), query, self.headers, body)

    def _reset(self) -> None:
        """Ends the connection with RST, so that the client sees a reset and not an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        for stream in (self.rfile, self.wfile):
            stream.close()
        self.connection.close()
        # The base class flushes and closes both once more after the request.
        self.rfile, self.wfile = io.BytesIO(), io.BytesIO()

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        first, rest = _first(reply.body)
        if rest is None:
            if reply.status != 204:
                self.send_header("Content-Length", str(len(first)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(first)
        else:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._chunk(first)
            for piece in rest:
                self._chunk(piece)
            self._chunk(b"")
        self.wfile.flush()

    def _chunk(self, piece: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))


def _first(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """A body that is short enough to be sent whole, or its beginning and the pieces that follow."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size > _WHOLE:
            return b"".join(gathered), pieces
    return b"".join(gathered), None


def _broken(fault: Fault) -> Reply | None:
    """The answer of a fault that keeps the request from being processed."""
    if fault.kind == "401":
        return error_reply(401, "Необходима авторизация")
    if fault.kind in ("429", "503"):
        reply = error_reply(int(fault.kind), "Слишком много запросов" if fault.kind == "429" else "Сервис недоступен")
        reply.headers["Retry-After"] = f"{fault.seconds:.0f}"
        return reply
    if fault.kind == "500":
        return error_reply(500, "Внутренняя ошибка сервера")
    if fault.kind in ("502", "html"):
        page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        # "html" is the page of a captive portal: it comes with 200.
        return Reply(502 if fault.kind == "502" else 200, iter((page,)), {"Content-Type": "text/html"})
    return None
