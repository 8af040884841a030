"""The product as a WSGI application that tells how long each answer took, for `benchmarks/day.py`.

`Server-Timing: server;dur=…` are milliseconds from the request to the end of the answer, without those in which the
thread was ready to run and waited for a CPU that something else held (Linux tells): what the server took, and not how
busy the machine was. Without that figure it is plain elapsed time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from backoffice.wsgi import application as product

SCHEDULE = Path("/proc/thread-self/schedstat")  # nanoseconds on a CPU, nanoseconds of waiting for one, turns


def waited() -> float:
    """Seconds for which this thread has waited for a CPU."""
    try:
        return int(SCHEDULE.read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    begun, idle = time.perf_counter(), waited()

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        took = time.perf_counter() - begun - (waited() - idle)
        return start_response(status, [*headers, ("Server-Timing", f"server;dur={took * 1000:.1f}")], *rest)

    return product(environ, start)
