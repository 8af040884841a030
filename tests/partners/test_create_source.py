"""`manage.py create_source`, as a person at a terminal uses it; and the demo's partner."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from backoffice.partners.models import Scope, Source, Token
from backoffice.partners.models.token import digest
from orders import demo

pytestmark = pytest.mark.django_db


def create(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("create_source", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_a_new_source_and_its_token_on_the_last_line() -> None:
    *lines, text = create("Tea shop")

    source = Source.objects.get()
    token = Token.objects.get()
    assert (token.source, token.digest, token.expires_at) == (source, digest(text), None)
    assert source.scopes == ["orders:read", "orders:write", "clients", "catalogue:read"]
    assert lines == [
        "Source 'Tea shop' is created.",
        "scopes: orders:read, orders:write, clients, catalogue:read",
        "requests a minute: 3000",
        "networks: anywhere",
        f"New token {text[:8]}…, valid for ever:",
    ]


def test_what_is_asked_for_is_there() -> None:
    options = ["--rate", "0", "--networks", "203.0.113.0/24", "198.51.100.7", "--valid-days", "30", "--label", "web-1"]
    lines = create("ERP", "--scopes", "orders:read fiscal", *options)

    source, token = Source.objects.get(), Token.objects.get()
    assert source.scopes == ["orders:read", "fiscal"]
    assert (source.rate_limit, source.allowed_networks) == (0, "203.0.113.0/24\n198.51.100.7")
    assert token.label == "web-1"
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    assert "requests a minute: no limit" in lines
    assert "networks: 203.0.113.0/24, 198.51.100.7" in lines


def test_a_known_title_gets_one_more_token_and_keeps_the_rest() -> None:
    first = create("ERP", "--scopes", "all", "--rate", "60")[-1]
    *lines, second = create("ERP", "--scopes", "all")

    source = Source.objects.get()
    assert {token.digest for token in source.tokens.valid()} == {digest(first), digest(second)}
    assert (source.scopes, source.rate_limit) == (list(Scope.values), 60)
    assert lines[0] == "Source 'ERP' exists already (1 valid token); it gets one more."
    assert len(lines) == 2


def test_what_is_given_again_replaces_what_a_known_source_has() -> None:
    create("ERP", "--scopes", "all", "--networks", "10.0.0.0/8")
    Source.objects.update(is_active=False)
    lines = create("ERP", "--scopes", "clients", "--networks", "")

    source = Source.objects.get()
    assert (source.scopes, source.allowed_networks) == (["clients"], "")
    assert lines[1:3] == ["Changed: scopes: clients", "Changed: networks: anywhere"]
    assert "inactive" in lines[3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scopes", "orders,prices"], "--scopes: unknown scope 'prices'; there are: all, orders:read, orders:write"),
        (["--scopes", ""], "--scopes names none; there are: all, orders:read"),
        (["--networks", "10.0.0.1/8"], "--networks: 10.0.0.1/8 .* write 10.0.0.0/8, or 10.0.0.1 alone"),
        (["--networks", "shop.example"], "--networks: shop.example is no address and no network"),
        (["--rate", "-1"], "--rate: "),
        (["--valid-days", "0"], "--valid-days: '0' is no number of days from 1 to 36500"),
        (["--label", "x" * 101], "--label: "),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(arguments: list[str], message: str) -> None:
    with override("ru"), pytest.raises(CommandError, match=message):
        create("ERP", *arguments)
    assert not Source.objects.exists()


def test_a_title_of_blanks_is_none() -> None:
    with pytest.raises(CommandError, match="TITLE: "):
        create("  ")


def test_help_lists_the_scopes(capsys: pytest.CaptureFixture[str]) -> None:
    with override("ru"), pytest.raises(SystemExit) as end:
        call_command("create_source", "--help")
    page = capsys.readouterr().out
    assert end.value.code in (0, None)
    assert all(f"  {scope.value}" in page for scope in Scope)
    assert "create and change orders" in page


def test_the_demo_partner_keeps_its_token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG, settings.PUBLIC_URL = True, "http://127.0.0.1:8010"
    monkeypatch.setenv("DEMO_TOKEN", "a-token-of-the-demo")
    out = StringIO()
    for _time in range(2):
        call_command("demo", stdout=out)
        Token.objects.get().revoke()
        Source.objects.filter(title=demo.PARTNER).update(is_active=False)
    call_command("demo", stdout=out)

    token = Token.objects.get(digest=digest("a-token-of-the-demo"))
    assert token.is_valid
    assert token.source.is_active
    assert token.source.scopes == list(Scope.values)
    line = 'curl -H "Authorization: Bearer a-token-of-the-demo" "http://127.0.0.1:8010/api/v1/orders?page=0&count=5"'
    assert out.getvalue().splitlines()[-1].strip() == line


def test_the_demo_has_no_partner_without_a_token(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    monkeypatch.delenv("DEMO_TOKEN", raising=False)
    out = StringIO()
    call_command("demo", stdout=out)
    assert "curl" not in out.getvalue()
    assert not Token.objects.exists()
