"""No webhook leads into our own network, whatever its address says now or resolves to later."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from backoffice.partners.models import Delivery, Source, Webhook
from backoffice.partners.webhooks import manage
from backoffice.remotes.guarded import Answer, BadAddress, Poster, Unanswered, is_allowed, parse
from tests.partners.webhooks.conftest import deliver, order
from tests.partners.webhooks.receiver import Receiver

LOOPBACK = (ip_network("127.0.0.0/8"),)


def poster(url: str, allowed: Any = (), **values: Any) -> Poster:
    return Poster(url, allowed=allowed, **{"timeout": 1.0, "deadline": 2.0, "max_bytes": 100, **values})


def post(url: str, allowed: Any = (), **values: Any) -> Answer:
    sender = poster(url, allowed, **values)
    try:
        return sender.post(b"{}", {})
    finally:
        sender.close()


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:4136:e378::"),
    ],
)
def test_addresses_that_are_not_public_are_refused(text: str) -> None:
    assert not is_allowed(ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "77.88.8.8", "2a02:6b8::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_allowed(ip_address(text))


def test_a_network_can_be_allowed() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert is_allowed(ip_address("10.1.2.3"), allowed)
    assert is_allowed(ip_address("::ffff:10.1.2.3"), allowed)
    assert is_allowed(ip_address("fd00::5"), allowed)
    assert not is_allowed(ip_address("10.2.0.1"), allowed)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("example.com/hook", "scheme"),
        ("http://", "host"),
        ("http://name:password@example.com/", "credentials"),
        ("http://example.com/a b", "unreadable"),
        ("http://example.com/\r\nX: y", "unreadable"),
        ("http://[::1", "unreadable"),
        ("http://example.com:99999/", "unreadable"),
        ("http://a..b/", "unreadable"),
        (f"http://{'a' * 70}.example/", "unreadable"),
        ("http://exam\x00ple.com/", "unreadable"),
        ("http://127.0.0.1/", "network"),
        ("http://localhost:8000/", "network"),
        ("http://sub.LOCALHOST./", "network"),
        ("http://2130706433/", "network"),
        ("http://0x7f000001/", "network"),
        ("http://0177.0.0.1/", "network"),
        ("http://127.1/", "network"),
        ("http://[::1]/", "network"),
        ("http://[::ffff:127.0.0.1]/", "network"),
        ("http://169.254.169.254/latest/meta-data", "network"),
    ],
)
def test_what_can_never_be_called_is_refused_at_once(url: str, reason: str) -> None:
    with pytest.raises(BadAddress) as refused:
        parse(url)
    assert refused.value.reason == reason
    with pytest.raises(BadAddress):
        post(url)


@pytest.mark.parametrize("url", ["https://example.com", "http://example.com:8080/a?b=c#d", "https://почта.рф/hook"])
def test_names_are_judged_when_they_are_called(url: str) -> None:
    assert parse(url).path.startswith("/")


# when connecting


@pytest.fixture
def touched() -> Iterator[tuple[int, list[Any]]]:
    """A port of ours, and who connected to it."""
    connections: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def listen() -> None:
            while not stop.is_set():
                try:
                    connections.append(server.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], connections
        stop.set()
        thread.join()
    for sock, _peer in connections:
        sock.close()


def resolves(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """A name server that gives these answers, one a question, the last one for ever."""
    left = list(answers)
    real = socket.getaddrinfo

    def lookup(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "partner.example":
            if kwargs.get("flags"):  # AI_NUMERICHOST
                raise socket.gaierror
            return real(left.pop(0) if len(left) > 1 else left[0], port, *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.mark.parametrize("address", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_loopback_is_not_even_connected_to(
    monkeypatch: pytest.MonkeyPatch, touched: tuple[int, list[Any]], address: str
) -> None:
    port, connections = touched
    resolves(monkeypatch, address)
    with pytest.raises(BadAddress):
        post(f"http://partner.example:{port}/")
    time.sleep(0.2)
    assert connections == []


def test_a_name_that_changes_its_mind_is_checked_at_each_connection(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    """The first answer is allowed; the second, of another loopback address here, is not."""
    resolves(monkeypatch, "127.0.0.1", "127.0.0.2")
    sender = poster(f"http://partner.example:{receiver.port}/", [ip_network("127.0.0.1/32")])
    assert sender.post(b"{}", {}).status == 201
    sender.close()
    with pytest.raises(BadAddress):
        sender.post(b"{}", {})
    assert len(receiver.requests) == 1
    assert receiver.requests[0].headers["host"] == f"partner.example:{receiver.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda received: status
    receiver.headers = {"Location": receiver.url + "/inside"}
    assert post(receiver.url, LOOPBACK).status == status
    assert [received.path for received in receiver.requests] == ["/hook"]


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert post(receiver.url, LOOPBACK).status == 201


def test_v6_loopback_is_refused_and_can_be_allowed() -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        probe.listen()
        port = probe.getsockname()[1]
        with pytest.raises(BadAddress):
            post(f"http://[::1]:{port}/")
        probe.settimeout(0.1)
        with pytest.raises(TimeoutError):
            probe.accept()
        with pytest.raises(Unanswered):  # connected; nobody answers
            post(f"http://[::1]:{port}/", [ip_network("::1/128")], deadline=0.2)
        probe.accept()[0].close()


def test_https_is_not_taken_for_granted(receiver: Receiver) -> None:
    with pytest.raises(Unanswered):
        post(receiver.url.replace("http:", "https:"), LOOPBACK)
    assert receiver.requests == []


# bounds


def server(talk: Callable[[socket.socket], None]) -> int:
    """A server that talks to one client as told. Returns its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _peer = listening.accept()
        with client, listening:
            client.recv(65536)
            try:
                talk(client)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]


def drip(text: bytes) -> Callable[[socket.socket], None]:
    def talk(client: socket.socket) -> None:
        for byte in text:
            client.sendall(bytes([byte]))
            time.sleep(0.05)

    return talk


@pytest.mark.parametrize(
    "text", [b"HTTP/1.1 201 Created" + b"x" * 400, b"HTTP/1.1 201 Created\r\nX: " + b"x" * 400, b""]
)
def test_an_answer_that_drips_ends_at_the_deadline(text: bytes) -> None:
    started = time.monotonic()
    talk = drip(text) if text else (lambda client: time.sleep(20))
    with pytest.raises(Unanswered):
        post(f"http://127.0.0.1:{server(talk)}/", LOOPBACK, deadline=0.5, timeout=15.0)
    assert time.monotonic() - started < 10


def test_a_body_that_drips_takes_nothing_from_the_status() -> None:
    started = time.monotonic()

    def talk(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 400\r\n\r\n")
        drip(b"x" * 400)(client)

    assert post(f"http://127.0.0.1:{server(talk)}/", LOOPBACK, deadline=2).status == 201
    assert time.monotonic() - started < 10


def test_a_long_answer_is_read_to_its_limit(receiver: Receiver) -> None:
    receiver.text = b"x" * 1_000_000
    assert post(receiver.url, LOOPBACK) == Answer(201, b"x" * 100)


def test_a_connection_is_kept_and_renewed(receiver: Receiver) -> None:
    sender = poster(receiver.url, LOOPBACK)
    for _ in range(3):
        assert sender.post(b"{}", {}).status == 201
    receiver.stop()
    receiver.start()
    assert sender.post(b"{}", {}).status == 201
    sender.close()


@pytest.mark.parametrize("talk", [lambda client: client.sendall(b"nonsense\r\n\r\n"), lambda client: None])
def test_what_is_no_http_is_no_answer(talk: Callable[[socket.socket], None]) -> None:
    with pytest.raises(Unanswered):
        post(f"http://127.0.0.1:{server(talk)}/", LOOPBACK)


# the webhook


@pytest.mark.django_db(transaction=True)
def test_a_bad_address_is_refused_when_saved_and_when_called(
    source: Source, receiver: Receiver, told: None, settings: Any
) -> None:
    hook = manage.create(source, "orders", receiver.url)
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    settings.WEBHOOK_FIRST_WAIT = 60
    with pytest.raises(ValidationError):
        manage.create(source, "orders", receiver.url)
    with pytest.raises(ValidationError):
        manage.set_documented(source, "orders", receiver.url, is_active=True)
    order(source, 1)
    deliver()
    left = Delivery.objects.get()
    assert (left.state, left.status) == ("queued", None)
    assert left.error
    assert receiver.requests == []
    assert Webhook.objects.get() == hook
