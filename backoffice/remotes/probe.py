"""Is anybody there, what does his clock say, and how long is his certificate good? One request without a token.

Not for work: for whoever looks why work does not go well.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

TIMEOUT = 10.0  # seconds for each step


@dataclass(frozen=True)
class Answer:
    """`skew` is their clock minus ours in seconds, to about a second; None where they tell no time. `body` is its
    beginning. `certificate_ends` is None without TLS.
    """

    status: int
    skew: float | None
    certificate_ends: datetime | None
    body: bytes


def probe(url: str, timeout: float = TIMEOUT) -> Answer:
    """GET the address, following nothing. Any status is an answer. Raises OSError where there is none."""
    parts = urlsplit(url)
    make = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    http = make(parts.hostname or "", parts.port, timeout=timeout)
    try:
        http.connect()
        ends = _certificate_ends(http.sock)
        before = datetime.now(UTC)
        http.request("GET", parts.path or "/", headers={"User-Agent": "courier-backoffice-doctor"})
        answer = http.getresponse()
        middle = before + (datetime.now(UTC) - before) / 2
        return Answer(answer.status, _skew(answer.getheader("Date", ""), middle), ends, answer.read(1000))
    except (HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        http.close()


def _certificate_ends(socket: object) -> datetime | None:
    if not isinstance(socket, ssl.SSLSocket):
        return None
    ends = (socket.getpeercert() or {}).get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None


def _skew(date: str, ours: datetime) -> float | None:
    """Half a second is added, for the header has whole seconds, cut off."""
    try:
        theirs = parsedate_to_datetime(date)
    except ValueError:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return (theirs - ours).total_seconds() + 0.5
