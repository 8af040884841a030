"""What we ask of requests and urllib3, and how their exceptions and headers are to be understood."""

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import requests
import urllib3
from requests.auth import AuthBase

from .redact import redact

# A TLS connection that ends early is a lost connection; every other TLS error is a wrong setting.
_TLS_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError)


class _MaskSecrets(logging.Filter):
    """urllib3 logs whole addresses, API keys in the query included, when it repeats a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_MaskSecrets())


class RetryReads(urllib3.Retry):
    """Repeats GETs only. urllib3 alone would also repeat a POST that could not connect, behind the outbox's back."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: urllib3.connectionpool.ConnectionPool | None = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        """The policy for the next attempt; raises when there must be none."""
        policy = self if method == "GET" else self.new(total=0, read=False)
        return urllib3.Retry.increment(policy, method, url, response, error, _pool, _stacktrace)


class Bearer(AuthBase):
    """Sets the token. As an `auth` object, because requests would let a .netrc override a mere header."""

    def __init__(self, token: str | None):
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the Authorization header, if there is a token."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Patience:
    """Ends the body of an answer for which `seconds` were waited in all; what is done between two chunks counts not."""

    def __init__(self, response: requests.Response, seconds: float):
        self.response, self.seconds, self.is_over = response, seconds, False
        self._waited = 0.0
        self._since: float | None = None  # when the wait that goes on began
        self._is_done = False

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks; raises an HTTPError of urllib3 or requests where the time is up."""
        source = iter(chunks)
        self._arm(self.seconds)
        try:
            while True:
                self._since = time.monotonic()
                chunk = next(source, None)
                self._waited, self._since = self._waited + time.monotonic() - self._since, None
                if self.is_over:
                    raise urllib3.exceptions.HTTPError("given up")
                if chunk is None:
                    return
                yield chunk
        finally:
            self._is_done = True
            self._timer.cancel()

    def _arm(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        since = self._since
        left = self.seconds - self._waited - (0.0 if since is None else time.monotonic() - since)
        if self._is_done:
            return
        if left > 0:
            self._arm(max(left, 0.05))
        else:
            self.is_over = True
            with contextlib.suppress(OSError, ValueError, RuntimeError):  # it has ended by itself this moment
                self.response.raw.shutdown()


def never_sent(error: Exception) -> bool:
    """True when no connection came about, so that the remote cannot have seen the request."""
    kinds = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ProxyError,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    )
    return any(isinstance(cause, kinds) for cause in _causes(error))


def tls_was_cut(error: Exception) -> bool:
    """True when a TLS error is a connection that ended early, and no wrong certificate or protocol."""
    return any(isinstance(cause, _TLS_CUT) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything that urllib3 and requests wrapped into it."""
    seen: set[int] = set()
    pending: list[BaseException] = [error]
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        pending.extend(item for item in inner if isinstance(item, BaseException))


def retry_after(response: requests.Response) -> float | None:
    """The Retry-After header in seconds from now; None when there is none or it cannot be read."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
