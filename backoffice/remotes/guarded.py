"""POSTs to addresses that others chose, so that none of them leads into our own network.

The name is resolved once for each connection, and the connection goes to the very address that was checked: a name that
answers with another address a moment later gains nothing, and a port of ours is not even touched. Redirects, proxies,
cookies and .netrc are unknown here. Time and answer are bounded as a whole, not only between two bytes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, ClassVar

import certifi
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
)
from urllib3.util.connection import create_connection

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class BadAddress(ValueError):
    """The address is none that may be called. `reason` is a key of REASONS, the text its English."""

    REASONS: ClassVar[Mapping[str, str]] = {
        "unreadable": "it cannot be read",
        "scheme": "it begins neither with http:// nor with https://",
        "host": "it names no host",
        "credentials": "it holds a user name or a password",
        "port": "its port is that of another kind of service",
        "network": "it leads into a network that is not allowed",
    }

    def __init__(self, reason: str) -> None:
        super().__init__(self.REASONS[reason])
        self.reason = reason


class Unanswered(Exception):
    """There was no whole answer; the text says why. The other side may have had the request all the same."""


@dataclass(frozen=True)
class Answer:
    """`body` is the beginning of the answer's body."""

    status: int
    body: bytes


# Below it ports belong to services of old, mail and file servers among them, that a POST could be made to talk to.
_FIRST_FREE_PORT = 1024
_WEB_PORTS = {"http": 80, "https": 443}


def is_allowed(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether an address is of the public internet, or of one of the allowed networks.

    What an IPv6 address carries of IPv4 (::ffff:127.0.0.1, 2002:7f00:1::) is judged as that.
    """
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is not None:
            return is_allowed(embedded, allowed)
    if any(address in network for network in allowed):
        return True
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    return address.is_global and not is_special and not getattr(address, "is_site_local", False)


@dataclass(frozen=True)
class Target:
    """The parts of an address that a request needs."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str, allowed: Iterable[Network] = ()) -> Target:
    """The parts of an http(s) address. Raises BadAddress, also where the host is a forbidden address in any spelling.

    No name is looked up: what a name stands for is judged when connecting.
    """
    try:
        parts = urllib3.util.parse_url(url)
    except LocationParseError as error:
        raise BadAddress("unreadable") from error
    if parts.scheme not in ("http", "https"):
        raise BadAddress("scheme")
    if not parts.host:
        raise BadAddress("host")
    if parts.auth is not None:
        raise BadAddress("credentials")
    if any(character <= " " or character == "\x7f" for character in url):
        raise BadAddress("unreadable")
    host = parts.host.strip("[]")
    port = parts.port if parts.port is not None else _WEB_PORTS[parts.scheme]
    if port < _FIRST_FREE_PORT and port not in _WEB_PORTS.values():
        raise BadAddress("port")
    try:
        _choose(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST), allowed)
    except UnicodeError as error:  # a name that no name server could be asked for
        raise BadAddress("unreadable") from error
    except socket.gaierror:
        pass  # a name, which is looked up when it is called
    if host.lower().rstrip(".").rpartition(".")[2] == "localhost" and not is_allowed(ip_address("127.0.0.1"), allowed):
        raise BadAddress("network")
    return Target(parts.scheme, host, port, parts.request_uri)


def _choose(found: Sequence[Any], allowed: Iterable[Network]) -> list[str]:
    """The addresses of a `getaddrinfo` that may be called; raises BadAddress where there is none."""
    addresses = [str(sockaddr[0]) for _family, _type, _protocol, _name, sockaddr in found]
    chosen = [text for text in addresses if is_allowed(ip_address(text.partition("%")[0]), allowed)]
    if not chosen:
        raise BadAddress("network")
    return chosen


class _Guarded(HTTPConnection):
    """Connects to addresses that it has checked itself."""

    allowed: tuple[Network, ...] = ()

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, error) from error  # type: ignore[arg-type]  # it prints any error
        failure: OSError | None = None
        until = time.monotonic() + float(self.timeout)  # type: ignore[arg-type]  # always a number here
        for address in _choose(found, self.allowed):
            try:
                return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
            except OSError as error:
                failure = error
            if time.monotonic() > until:
                break
        if isinstance(failure, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection within {self.timeout} s") from failure
        raise NewConnectionError(self, f"no connection: {failure}") from failure


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same over TLS; the certificate must be that of the host."""


class Poster:
    """POSTs to one address over a connection that is kept open between them. Not for several threads at once.

    `timeout`: seconds for connecting, and between two bytes. `deadline`: seconds for a request with its answer, once
    connected. `max_bytes`: how much of an answer's body is read.
    """

    def __init__(
        self, url: str, *, allowed: Iterable[Network] = (), timeout: float, deadline: float, max_bytes: int
    ) -> None:
        self.url, self.allowed = url, tuple(allowed)
        self.timeout, self.deadline, self.max_bytes = timeout, deadline, max_bytes
        self._connection: _Guarded | None = None

    def __enter__(self) -> Poster:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send once. Raises BadAddress (nothing was sent) or Unanswered."""
        target = parse(self.url, self.allowed)
        if self._connection is not None and not self._connection.is_connected:
            self.close()  # the other side hung up meanwhile
        connection = self._connection = self._connection or self._connection_to(target)
        watch = _Watch(connection, self.deadline)
        is_reusable = False
        try:
            if connection.sock is None:
                connection.connect()
            with watch:
                connection.request("POST", target.path, body=body, headers=headers, preload_content=False)
                response = connection.getresponse()
                if watch.has_bitten:  # the headers are cut off, which nothing else would tell
                    raise TimeoutError
                text, is_reusable = self._beginning(response)
        except BadAddress:
            raise
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            if watch.has_bitten:
                raise Unanswered(f"no answer within {self.deadline:g} s") from error
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        finally:
            if not is_reusable:
                self.close()
        return Answer(response.status, text)

    def _beginning(self, response: urllib3.HTTPResponse) -> tuple[bytes, bool]:
        """The beginning of the body, and whether it was all. The status stands, whatever becomes of the body."""
        try:
            text = response.read(self.max_bytes, decode_content=False)
            return text, not response.read(1, decode_content=False)
        except (HTTPError, HTTPException, OSError):
            return b"", False

    def _connection_to(self, target: Target) -> _Guarded:
        connection: _Guarded
        if target.scheme == "https":
            connection = _GuardedTls(
                target.host, target.port, timeout=self.timeout, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
            )
        else:
            connection = _Guarded(target.host, target.port, timeout=self.timeout)
        connection.allowed = self.allowed
        return connection


class _Watch:
    """Cuts a connection off at its deadline, for a socket's own timeout begins anew with every byte."""

    def __init__(self, connection: HTTPConnection, seconds: float) -> None:
        self.connection, self.has_bitten = connection, False
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_exception: object) -> None:
        self._timer.cancel()

    def _bite(self) -> None:
        self.has_bitten = True
        sock = self.connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):  # closed by itself this moment
                # The plain shutdown: that of a TLS socket would first talk to the other side.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
