"""One HTTP session to one remote: timeouts, retries of reads, errors by name, redaction, an observer for the log.

What lives here knows HTTP and no remote in particular. A write is sent exactly once: the outbox, not this module,
repeats it. Redirects are never followed, for they would carry the token to another host.
"""

import json as jsonlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from .errors import Config, Refused, RemoteError, Retry, Unknown, documented_error, error_text, is_page
from .redact import redact
from .transport import Bearer, Patience, RetryReads, never_sent, retry_after, tls_was_cut
from .wirejson import BrokenRow, MalformedJson, iter_array, loads

__all__ = [
    "BrokenRow",
    "Config",
    "Exchange",
    "Refused",
    "RemoteError",
    "Retry",
    "Session",
    "Unknown",
    "iter_array",
]

logger = logging.getLogger(__name__)

LOGGED_CHARACTERS = 20_000
# What is masked before it is cut: 20,000 characters of any script, and a margin, for masking may shorten the text and
# a secret must not lie across the end.
_LOGGED_BYTES = LOGGED_CHARACTERS * 4 + 4096
MAX_BYTES = 200 * 2**20
_MAX_ERROR = 2**20  # bytes of an answer that says no; what stands behind them tells nobody anything
PATIENCE = 900.0  # seconds that are spent waiting for the body of one answer, however steadily it drips
_CHUNK = 64 * 1024
_TIMED_OUT = frozenset({408, 499})  # 499 is nginx's: it did not wait for who is behind it
_DOWN = frozenset({425, 429, 502, 503, 504}) | _TIMED_OUT
_LOST_BEHIND_GATEWAY = frozenset({499, 502, 504})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as the log keeps them: secrets masked, bodies of at most 20,000 characters.

    `path` is the path of the URL, `query` its query string, `status` None when no answer came, `error` "" when all
    went well. `subjects` name the objects concerned, such as "orders:209900".
    """

    remote: str
    method: str
    path: str
    query: str
    status: int | None
    request_body: str
    response_body: str
    error: str
    started_at: datetime
    duration_ms: int
    subjects: tuple[str, ...]


@dataclass(slots=True)
class _Call:
    """A request under way, and what becomes of it."""

    method: str
    path: str
    params: list[tuple[str, str]]
    body: bytes | None
    content_type: str
    repeatable: bool
    subjects: tuple[str, ...]
    started_at: datetime
    started: float
    status: int | None = None
    answer: bytes = b""

    def lost(self, message: str) -> RemoteError:
        """The failure for an answer that was lost after the request may have been processed."""
        return Retry(message, status=self.status) if self.repeatable else Unknown(message, status=self.status)

    def unreadable(self, message: str) -> RemoteError:
        """The failure for an answer that came and cannot be understood."""
        return (
            Retry(message, status=self.status, down=False) if self.repeatable else Unknown(message, status=self.status)
        )


class Session:
    """Calls to one remote under one base address.

    `timeout` is (connect, between two reads) in seconds. `observer` is given an Exchange for every call, also for
    failed ones; when it raises, that is logged and the call goes on, for a write that was done must not be reported
    as failed. `before` is called ahead of each request and may take its time, which is how a rate is kept; when it
    raises, nothing was sent. `max_bytes` bounds an answer (after decompression), `patience` the seconds
    of waiting for its body, for a timeout begins anew with every byte. Use one Session per worker thread.

    `token` goes along as "Bearer". It and `secrets` are masked wherever they stand in what is logged or raised; both
    may be renewed by assigning them. `retry_reads` False is for a remote that writes with GET: nothing is repeated
    here.
    """

    def __init__(
        self,
        remote: str,
        base_url: str,
        token: str | None = None,
        timeout: tuple[float, float] = (5, 60),
        observer: Callable[[Exchange], None] | None = None,
        user_agent: str = "courier-backoffice",
        max_bytes: int = MAX_BYTES,
        before: Callable[[], object] | None = None,
        secrets: Sequence[str] = (),
        accept: str = "application/json",
        retry_reads: bool = True,
        patience: float = PATIENCE,
    ):
        self.remote = remote
        self.base_url = base_url.rstrip("/")
        # By hand, for an address that cannot be parsed must still be logged
        self._base_path = self.base_url.partition("://")[2].partition("/")[2]
        self.timeout = timeout
        self.observer = observer
        self.before = before
        self.max_bytes = max_bytes
        self.patience = patience
        self.token = token
        self.secrets = tuple(secrets)
        self._http = requests.Session()
        self._http.headers.update({"Accept": accept, "User-Agent": user_agent})
        # No Retry-After here: a remote that asks for an hour must not block a worker for it.
        retries = RetryReads(
            total=2 if retry_reads else 0,
            status_forcelist=(502, 503, 504),
            allowed_methods={"GET"},
            backoff_factor=0.2,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        for scheme in ("http://", "https://"):
            self._http.mount(scheme, HTTPAdapter(max_retries=retries))

    def __repr__(self) -> str:
        return f"<Session {self.remote} {self.mask(self.base_url)}>"

    def mask(self, text: str) -> str:
        """`text` without this session's secrets."""
        return redact(text, self.token, *self.secrets)

    def close(self) -> None:
        """Close the pooled connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        idempotent: bool = True,
        subjects: Sequence[str] = (),
        stream: bool = False,
        read: Callable[[Iterator[bytes]], Any] | None = None,
    ) -> Any:
        """Send one request; return the decoded JSON of the answer (fractions as Decimal), None when it has none.

        `params` whose value is None are left out. `json` must hold JSON builtins only, or be JSON already (bytes);
        `form` is sent form-encoded instead. `idempotent` False marks a write that must not be repeated when its
        answer is lost. With `stream` the answer's bytes come as an iterator, whatever they are. `read` makes the value
        of these bytes where the answer is no JSON: it raises a RemoteError, or ValueError when it cannot understand
        them, and the log tells which.
        Raises Retry, Refused, Config or Unknown.
        """
        call = self._call(method, path, params, json, form, idempotent, subjects)
        response = self._open(call)
        if stream:
            return self._stream(call, response)
        if read is not None:
            value, failure = self._understand(call, response, read)
        else:
            value, failure = None, self._read(call, response)
            if failure is None:
                value, failure = self._judge(call, response)
        self._observe(call, failure)
        if failure is not None:
            raise failure
        return value

    def rows(
        self, path: str, *, params: Mapping[str, Any] | None = None, subjects: Sequence[str] = ()
    ) -> Iterator[Any]:
        """GET a list and yield its rows one by one with flat memory, a BrokenRow for a row that is no JSON.

        Tolerates one object, {"someKey": [...]}, null and an empty answer where a list is expected. Raises as
        `request` does; the rows that came before a failure have been yielded.
        """
        call = self._call("GET", path, params, None, None, True, subjects)
        response = self._open(call)
        failure: RemoteError | None = None
        try:
            yield from iter_array(self._chunks(call, response), whole=_refuse)
        except RemoteError as error:
            failure = error
        except MalformedJson as error:
            failure = call.unreadable(f"The answer is not JSON: {error}")
        finally:
            response.close()
            self._observe(call, failure)
        if failure is not None:
            raise failure

    def _call(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        json: Any,
        form: Mapping[str, str] | None,
        idempotent: bool,
        subjects: Sequence[str],
    ) -> _Call:
        """A call that is about to be sent. Its time counts from here: a wait of `before` is none of the remote's."""
        if self.before is not None:
            self.before()
        body, content_type = None, ""
        if form is not None:
            body, content_type = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif json is not None:
            encoded = isinstance(json, bytes)
            body = json if encoded else jsonlib.dumps(json, ensure_ascii=False, allow_nan=False).encode()
            content_type = "application/json"
        return _Call(
            method=method,
            path=path.lstrip("/"),
            params=[(key, str(value)) for key, value in (params or {}).items() if value is not None],
            body=body,
            content_type=content_type,
            repeatable=idempotent,
            subjects=tuple(subjects),
            started_at=datetime.now(UTC),
            started=time.perf_counter(),
        )

    def _open(self, call: _Call) -> requests.Response:
        """Send; return the answer with its body unread. Raise when there is none or its status is a failure."""
        try:
            response = self._http.request(
                call.method,
                f"{self.base_url}/{call.path}",  # T06: one slash, whatever the base ends with
                params=call.params,
                data=call.body,
                headers={"Content-Type": call.content_type} if call.content_type else {},
                auth=Bearer(self.token),
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            )
        # ValueError: http.client's own complaint about a header
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            failure = self._transport_failure(call, error)
            failure.not_carried_out = never_sent(error)
        else:
            call.status = response.status_code
            if 200 <= response.status_code < 300:
                return response
            # Should the text of the error be cut off, the status stands.
            self._read(call, response, _MAX_ERROR)
            failure = self._status_failure(call, response)
            failure.not_carried_out = 400 <= response.status_code < 500 and response.status_code not in _TIMED_OUT
        # Raised outside the handler, so that no chained exception carries an unmasked address along.
        self._observe(call, failure)
        raise failure

    def _stream(self, call: _Call, response: requests.Response) -> Iterator[bytes]:
        failure: RemoteError | None = None
        try:
            yield from self._chunks(call, response)
        except RemoteError as error:
            failure = error
        finally:
            response.close()
            self._observe(call, failure)
        if failure is not None:
            raise failure

    def _chunks(self, call: _Call, response: requests.Response, most: int | None = None) -> Iterator[bytes]:
        """The answer's bytes; raise when they end early, are more than `most` (`max_bytes`), or take too long."""
        size = 0
        most = self.max_bytes if most is None else min(most, self.max_bytes)
        failure: RemoteError | None = None
        patience = Patience(response, self.patience)
        try:
            for chunk in patience.over(response.iter_content(_CHUNK)):
                size += len(chunk)
                if size > most:
                    failure = call.unreadable(f"The answer is larger than {most} bytes")
                    break
                if len(call.answer) < _LOGGED_BYTES:
                    call.answer += chunk
                yield chunk
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if patience.is_over:
                failure = call.lost(f"The answer has not ended within {self.patience:g} s")
            else:
                failure = call.lost(f"The answer was cut off: {self._describe(error)}")
        if failure is not None:
            raise failure

    def _read(self, call: _Call, response: requests.Response, most: int | None = None) -> RemoteError | None:
        """Read the whole body into `call.answer`; its beginning, where it is not all to be had."""
        try:
            call.answer = b"".join(self._chunks(call, response, most))
        except RemoteError as error:
            return error
        finally:
            response.close()
        return None

    def _understand(
        self, call: _Call, response: requests.Response, read: Callable[[Iterator[bytes]], Any]
    ) -> tuple[Any, RemoteError | None]:
        """What `read` makes of a 2xx answer, or why it is a failure all the same."""
        try:
            return read(self._chunks(call, response)), None
        except RemoteError as error:
            return None, error
        except ValueError as error:
            return None, call.unreadable(self.mask(f"The answer cannot be read: {error}"))
        finally:
            response.close()

    def _judge(self, call: _Call, response: requests.Response) -> tuple[Any, RemoteError | None]:
        """The value of a 2xx answer, or why it is a failure all the same."""
        if not call.answer.strip():
            return None, None
        try:
            value = loads(call.answer)
        except MalformedJson as error:
            # T01: the documented spelling of an error is no JSON.
            is_error, message = error_text(call.answer)
            if is_error:
                return None, Refused(self.mask(message), status=response.status_code)
            # T09, T10: a write needs no body. A page of HTML, though, comes from a proxy or a login form
            # and proves nothing about the write.
            if call.method != "GET" and not call.answer.lstrip().startswith(b"<"):
                return None, None
            return None, call.unreadable(f"The answer is not JSON: {error}")
        documented = documented_error(value)
        if documented is not None:  # T01: an error may come with any status
            return None, Refused(self.mask(documented), status=response.status_code)
        return value, None

    def _status_failure(self, call: _Call, response: requests.Response) -> RemoteError:
        """Name the failure that a status other than 2xx stands for."""
        status = response.status_code
        documented, text = error_text(call.answer)
        text = self.mask(text or f"HTTP {status}")
        if 300 <= status < 400:
            where = self.mask(response.headers.get("Location", ""))
            return Config(
                f"The address redirects (HTTP {status}) to {where!r}; redirects are not followed", status=status
            )
        if status in (401, 407) or (status == 403 and not documented):
            # A 403 in the documented form is about this object: what only the cabinet may create, for one (T69).
            return Config(text, status=status)
        if not documented and (status == 405 or (status == 404 and is_page(call.answer))):
            # Some web server's page. The API's own "not there", in whatever JSON or none, concerns one object only.
            return Config(f"Wrong address? HTTP {status}: {text}", status=status)
        if status in _LOST_BEHIND_GATEWAY and not call.repeatable:
            return Unknown(text, status=status)
        if status in _DOWN or not 400 <= status < 500:
            return Retry(text, status=status, retry_after=retry_after(response), down=status in _DOWN)
        return Refused(text, status=status)

    def _transport_failure(self, call: _Call, error: Exception) -> RemoteError:
        """Name the failure of a request that got no answer."""
        text = self._describe(error)
        if isinstance(error, requests.exceptions.SSLError):
            return call.lost(text) if tls_was_cut(error) else Config(text)
        if never_sent(error):
            return Retry(text)
        if isinstance(error, requests.ConnectionError | requests.Timeout | urllib3.exceptions.HTTPError):
            return call.lost(text)
        if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
            return call.lost(text)
        # What is left never reached the network: a wrong scheme, an address or a header that cannot be sent.
        return Config(text)

    def _describe(self, error: Exception) -> str:
        return self.mask(f"{type(error).__name__}: {error}")[:2000]

    def _observe(self, call: _Call, failure: RemoteError | None) -> None:
        if self.observer is None:
            return
        exchange = Exchange(
            remote=self.remote,
            method=call.method,
            path=self.mask("/" + "/".join(filter(None, (self._base_path, call.path)))),
            query=self.mask(urlencode(call.params)),
            status=call.status,
            request_body=self._logged(call.body or b""),
            response_body=self._logged(call.answer),
            error="" if failure is None else f"{type(failure).__name__}: {failure.message}",
            started_at=call.started_at,
            duration_ms=round((time.perf_counter() - call.started) * 1000),
            subjects=call.subjects,
        )
        try:
            self.observer(exchange)
        except Exception:
            # The exchange took place: a log that cannot be written must not turn its answer into a failure.
            logger.exception("The observer of %s failed", self.remote)

    def _logged(self, body: bytes) -> str:
        text = body[:_LOGGED_BYTES].decode("utf-8", errors="replace")
        return self.mask(text)[:LOGGED_CHARACTERS]


def _refuse(value: Any) -> None:
    """T01 for lists: an object instead of a list may be an error that came with status 200."""
    message = documented_error(value)
    if message is not None:
        raise Refused(redact(message), status=200)
