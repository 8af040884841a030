"""A remote that takes whatever is posted to it and says nothing: what is measured against it is the sender.

A process of its own, as a remote is; what it does for a request is read it, and wait where a slow remote is meant.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Taker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    delay = 0.0  # seconds that it thinks

    def do_POST(self) -> None:
        """Read all of it, think, and answer nothing."""
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self._answer(b"")

    do_PUT = do_POST

    def do_GET(self) -> None:
        """It has nothing of anything, for workers that read by schedule."""
        self._answer(b"[]")

    def _answer(self, body: bytes) -> None:
        time.sleep(self.delay)
        with suppress(ConnectionError):  # whoever asked has ended
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def taker(delay: float = 0.0) -> Iterator[str]:
    """Serve on loopback; gives the base address, with the path that iRECA has."""
    command = [sys.executable, "-m", "benchmarks.taker", "--delay", str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # PIPE was asked for
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/api/v1"
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each request takes")
    Taker.delay = parser.parse_args().delay
    server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
