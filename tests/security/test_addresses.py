"""No address that a person or a partner can set leads into our own network: each spelling, and each place in the code.

What happens between the look-up of a name and the connection is proved in `tests/partners/webhooks/test_addresses.py`.
"""

from __future__ import annotations

import ast
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import models

from backoffice.remotes import guarded
from backoffice.remotes.guarded import BadAddress, Poster, Unanswered, is_allowed, parse

ROOT = Path(django_settings.BASE_DIR)

SPELLINGS = {
    "network": [
        *(
            "http://127.0.0.1/",
            "http://127.1/",
            "http://127.0.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0x7f.0.0.1/",
        ),
        *("http://0x7f000001/", "http://0/", "http://0.0.0.0:8000/", "http://10.1/", "http://3232235777/"),
        *("http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::127.0.0.1]/"),
        *("http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:0:127.0.0.1]/"),
        *("http://[64:ff9b::127.0.0.1]/", "http://[64:ff9b::a00:1]/", "http://[64:ff9b:1::1]/"),
        *("http://[2002:7f00:1::]/", "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "http://[fe80::1%25lo]/"),
        *("http://[fd00::1]/", "http://[fec0::1]/", "http://[ff02::1]/", "http://[100::1]/", "http://[5f00::1]/"),
        *("http://169.254.169.254/", "http://[fd00:ec2::254]/", "http://100.64.0.1/", "http://192.0.0.1/"),
        *("http://198.18.0.1/", "http://203.0.113.1/", "http://224.0.0.1/", "http://255.255.255.255/"),
        *("http://localhost/", "http://LOCALHOST:8080/", "http://localhost./", "http://a.localhost/"),
    ],
    "credentials": ["http://a@example.com/", "http://a:b@example.com/", "http://example.com@127.0.0.1/"],
    "scheme": [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "//example.com/",
        "example.com",
        "",
    ],
    "port": [f"http://example.com:{port}/" for port in (0, 1, 21, 22, 25, 110, 143, 445, 465, 587, 1023)],
    "host": ["http:///path", "https://:443/"],
    "unreadable": [
        "http://a b/",
        "http://a\tb/",
        "http://a/\r\nHost: b",
        "http://[::1/",
        "http://a:70000/",
        "http://a:x/",
        *("http://①②⑦.0.0.1/", "http://127。0。0。1/", "http://ｌｏｃａｌｈｏｓｔ/"),
    ],
}


@pytest.mark.parametrize(("reason", "url"), [(reason, url) for reason, urls in SPELLINGS.items() for url in urls])
def test_each_spelling_is_refused_before_anything_is_looked_up(
    reason: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def numeric_only(*args: Any, flags: int = 0, **kwargs: Any) -> Any:
        assert flags & socket.AI_NUMERICHOST, f"{args[0]} was looked up"
        return real(*args, flags=flags, **kwargs)

    monkeypatch.setattr(guarded.socket, "getaddrinfo", numeric_only)
    with pytest.raises(BadAddress) as refused:
        parse(url)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "url", ["https://example.com/", "http://example.com:8080/", "https://8.8.8.8/", "http://a.b:443/"]
)
def test_what_is_public_may_be_called(url: str) -> None:
    parse(url)


@pytest.mark.parametrize(
    ("answers", "is_called"),
    [
        (["127.0.0.1"], False),
        (["10.0.0.1", "::1"], False),
        (["::ffff:127.0.0.1"], False),
        (["64:ff9b::7f00:1"], False),
        (["fe80::1%1"], False),
        (["203.0.113.9"], False),
    ],
)
def test_what_a_name_stands_for_is_judged_at_each_connection(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], is_called: bool
) -> None:
    called: list[Any] = []

    def look_up(host: str, port: int, **kwargs: Any) -> Any:
        if kwargs.get("flags"):
            raise socket.gaierror
        kinds = [socket.AF_INET6 if ":" in text else socket.AF_INET for text in answers]
        return [(kind, socket.SOCK_STREAM, 6, "", (text, port)) for kind, text in zip(kinds, answers, strict=True)]

    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(address)
        raise OSError("refused")

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(guarded, "create_connection", connect)
    with Poster("http://rebound.example/", timeout=1, deadline=1, max_bytes=10) as poster, pytest.raises(BadAddress):
        poster.post(b"", {})
    assert bool(called) is is_called


def test_only_what_is_allowed_of_several_answers_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def look_up(host: str, port: int, **kwargs: Any) -> Any:
        if kwargs.get("flags"):
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in ("10.0.0.1", "8.8.8.8")]

    def connect(address: Any, *args: Any, **kwargs: Any) -> Any:
        called.append(address[0])
        raise OSError("refused")

    monkeypatch.setattr(guarded.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(guarded, "create_connection", connect)
    with Poster("http://both.example/", timeout=1, deadline=1, max_bytes=10) as poster, pytest.raises(Unanswered):
        poster.post(b"", {})
    assert called == ["8.8.8.8"]


def test_every_form_of_an_address_of_our_own_is_one_of_ours() -> None:
    """The judgement holds on every Python that the product runs on, whose own lists differ."""
    for text in ("192.168.0.1", "::ffff:192.168.0.1", "2002:c0a8:1::", "64:ff9b::c0a8:1", "64:ff9b:1::c0a8:1"):
        assert not is_allowed(ip_address(text)), text


# where addresses come from, and who calls them

PASSED_ON = "text that is passed on: never fetched, never a link on a page"
# Each column that looks like an address, and what becomes of it.
ADDRESSES = {
    "partners.Webhook.url": "called by backoffice/remotes/guarded.py alone",
    "sync.RemoteState.callbacks_url": "ours, as we told it",
    "sync.Notice.url": "a path of ours",
    "fiscal.Pechka54.url": "told by iRECA and shown with a button to copy it; never called",
    **{
        f"catalog.{model}.{name}": PASSED_ON
        for model in ("Good", "Specificity")
        for name in ("image_url", "image_big_url")
    },
    **{f"orders.Line.{name}": PASSED_ON for name in ("image_url", "image_big_url")},
}


def test_every_column_with_an_address_is_known() -> None:
    found = {
        f"{model._meta.app_label}.{model.__name__}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if not model.__name__.startswith("Historical")
        and (
            isinstance(field, models.URLField | models.FileField)
            or field.name in ("url", "link", "href", "host", "endpoint", "image")
            or field.name.endswith(("_url", "_link", "_host", "_image"))
        )
    }
    assert found == set(ADDRESSES)


# Modules that open connections, and to whom. Whoever adds one says here whose address it calls.
CALLERS = {
    "backoffice/remotes/guarded.py": "addresses of partners, guarded",
    "backoffice/remotes/http.py": "addresses of settings",
    "backoffice/remotes/transport.py": "errors and headers only",
    "backoffice/remotes/probe.py": "addresses of settings",
    "backoffice/remotes/sandbox/": "loopback",
    "backoffice/supervise.py": "loopback",
    "backoffice/sync/lease.py": "the name of this machine",
    "backoffice/accounts/letters.py": "the mail server of settings",
    "backoffice/sync/notices/mail.py": "the mail server of settings",
    "backoffice/reports/mails.py": "the mail server of settings",
}
NETWORK = (
    "requests",
    "urllib3",
    "http.client",
    "socket",
    "smtplib",
    "ftplib",
    "telnetlib",
    "urllib.request",
    "asyncio",
)
NETWORK += ("django.core.mail",)


def test_nobody_else_opens_connections() -> None:
    found = set()
    for folder in ("backoffice", "catalog", "couriers", "fiscal", "orders"):
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                if any(name == known or name.startswith(f"{known}.") for name in names for known in NETWORK):
                    found.add(str(file.relative_to(ROOT)))
    unknown = {file for file in found if not any(file.startswith(known) for known in CALLERS)}
    assert unknown == set()
    assert all(any(file.startswith(known) for file in found) for known in CALLERS)
