"""Sources in the admin: what a partner may do, its tokens, and who may touch them; each page as a browser uses it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from pytest_django.fixtures import Settings

from backoffice.partners.models import Scope, Source, Token
from backoffice.partners.models.token import digest
from orders.models import Client, Order
from tests.sync.admin_pages import loaded, messages

pytestmark = pytest.mark.django_db

LIST = "/admin/partners/source/"
SHOWN = re.compile(r'<input readonly aria-label="([^"]+)" value="([^"]+)"')


@pytest.fixture
def source() -> Source:
    return Source.objects.create(title="Tea shop", scopes=["orders:read", "clients"])


@pytest.fixture
def english(admin_client: Browser) -> Browser:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return admin_client


def page(source: Source) -> str:
    return f"{LIST}{source.pk}/change/"


def add_url(source: Source) -> str:
    return f"{LIST}{source.pk}/tokens/add/"


def revoke_url(token: Token) -> str:
    return f"{LIST}{token.source_id}/tokens/{token.pk}/revoke/"


def save(browser: Browser, source: Source, **changes: Any) -> Any:
    data = loaded(browser, page(source), "source_form")
    # a browser sends each ticked box under the one name
    return browser.post(page(source), {**data, "scopes": source.scopes, **changes}, follow=True)


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


# the list


def test_the_list_tells_of_tokens_and_their_use(english: Browser, source: Source) -> None:
    for changes in (
        {"last_used_at": datetime(2026, 3, 4, 5, 6, tzinfo=UTC)},
        {"expires_at": timezone.now() - timedelta(days=1)},
        {"revoked_at": timezone.now()},
        {},
    ):
        token, _text = Token.make(source)
        Token.objects.filter(pk=token.pk).update(**changes)

    row = english.get(LIST).context["cl"].result_list[0]
    assert row.valid_count == 2
    assert row.used_at == datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    html = english.get(LIST).content.decode()
    assert "orders:read" in html
    assert "orders:write</span>" not in html


def test_the_list_takes_as_many_queries_for_twenty_sources_as_for_two(english: Browser) -> None:
    def add(count: int) -> None:
        for number in range(count):
            made = Source.objects.create(title=f"Shop {count}-{number}", scopes=list(Scope.values))
            Token.make(made)
            Token.make(made)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert english.get(LIST).status_code == 200
        return len(captured)

    add(2)
    english.get(LIST)
    few = queries()
    add(18)
    assert queries() == few


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?scope=clients", ["ERP", "Tea shop"]),
        ("?scope=orders:write", ["ERP"]),
        ("?tokens=valid", ["ERP", "Tea shop"]),
        ("?tokens=soon", ["ERP"]),
        ("?tokens=none", ["Old"]),
        ("?is_active__exact=0", ["Old"]),
        ("?q=tea", ["Tea shop"]),
        ("?tokens=nonsense", ["ERP", "Old", "Tea shop"]),
    ],
)
def test_filters(english: Browser, source: Source, query: str, expected: list[str]) -> None:
    Token.make(source)
    erp = Source.objects.create(title="ERP", scopes=list(Scope.values))
    Token.make(erp, expires_at=timezone.now() + timedelta(days=3))
    old = Source.objects.create(title="Old", is_active=False)
    Token.make(old, expires_at=timezone.now() - timedelta(days=3))

    response = english.get(LIST + query)
    assert sorted(row.title for row in response.context["cl"].result_list) == expected


# the form


def test_a_source_is_made_with_scopes_and_limits(english: Browser) -> None:
    data = {
        "title": "ERP",
        "is_active": "on",
        "scopes": ["orders:read", "fiscal"],
        "rate_limit": "0",
        "allowed_networks": "203.0.113.0/24, 2001:db8::/32;198.51.100.7",
    }
    response = english.post(f"{LIST}add/", data, follow=True)

    made = Source.objects.get()
    assert response.redirect_chain
    assert (made.scopes, made.rate_limit) == (["orders:read", "fiscal"], 0)
    assert made.allowed_networks.split("\n") == ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"]


def test_the_form_shows_what_the_source_may_and_saves_nothing_else(english: Browser, source: Source) -> None:
    html = english.get(page(source)).content.decode()
    ticked = re.findall(r'<input type="checkbox" name="scopes" value="([^"]+)"[^>]*\schecked(?=[\s>])', html)
    assert ticked == source.scopes
    assert "Orders and clients" in html

    Source.objects.filter(pk=source.pk).update(description="written meanwhile")
    assert save(english, source, scopes=["clients", "licences"]).redirect_chain
    source.refresh_from_db()
    assert (source.scopes, source.description) == (["clients", "licences"], "written meanwhile")

    assert save(english, source, scopes=[]).redirect_chain
    source.refresh_from_db()
    assert source.scopes == []


def test_an_unknown_scope_is_refused(english: Browser, source: Source) -> None:
    assert "scopes" in errors(save(english, source, scopes=["everything"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shop.example", "shop.example is no address and no network, such as 203.0.113.7 or 203.0.113.0/24."),
        (
            "10.0.0.0/8, 203.0.113.7/24",
            "203.0.113.7/24 has an address that goes on behind the mask: write 203.0.113.0/24, or 203.0.113.7 alone.",
        ),
    ],
)
def test_networks_are_checked(english: Browser, source: Source, text: str, message: str) -> None:
    assert errors(save(english, source, allowed_networks=text)) == {"allowed_networks": [message]}
    source.refresh_from_db()
    assert source.allowed_networks == ""


def test_a_source_is_deactivated(english: Browser, source: Source) -> None:
    Token.make(source)
    data = loaded(english, page(source), "source_form")
    del data["is_active"]
    response = english.post(page(source), {**data, "scopes": source.scopes, "_continue": "1"}, follow=True)

    source.refresh_from_db()
    assert not source.is_active
    assert "the API refuses all its tokens" in response.content.decode()
    assert source.tokens.valid().count() == 1


# tokens


def test_a_token_is_shown_in_one_answer_and_nowhere_else(
    english: Browser, source: Source, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PUBLIC_URL = "https://office.example"
    day = timezone.localdate() + timedelta(days=30)
    assert english.get(add_url(source)).status_code == 200
    assert not Token.objects.exists()
    response = english.post(add_url(source), {"label": "web-1", "valid_until": day.isoformat()})

    token = Token.objects.get()
    shown = {label: unescape(value) for label, value in SHOWN.findall(response.content.decode())}
    text = shown["Token"]
    assert digest(text) == token.digest
    line = f'curl -H "Authorization: Bearer {text}" "https://office.example/api/v1/orders?page=0&count=5"'
    assert shown["Command line"] == line
    assert "no-store" in response["Cache-Control"]
    assert "backoffice/copy.js" in response.content.decode()
    assert (token.label, timezone.localtime(token.expires_at).date()) == ("web-1", day)

    later = english.get(page(source))
    assert f"{text[:8]}…" in later.content.decode()
    assert "web-1" in later.content.decode()
    history = english.get(f"{LIST}{source.pk}/history/").content.decode()
    assert f"New token {text[:8]}… (web-1)" in history
    kept = [
        later.content.decode(),
        english.get(add_url(source)).content.decode(),
        history,
        caplog.text,
        str(response.cookies),
        str(later.cookies),
        *(str(session.get_decoded()) for session in Session.objects.all()),
        *(entry.change_message for entry in LogEntry.objects.all()),
        *(str(row) for row in Token.objects.values()),
    ]
    assert [place for place in kept if text in place] == []


def test_several_tokens_are_valid_at_a_time(english: Browser, source: Source) -> None:
    for _time in range(2):
        assert english.post(add_url(source), {"label": "", "valid_until": ""}).status_code == 200
    assert source.tokens.valid().filter(expires_at=None).count() == 2


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"valid_until": "2020-01-01"}, "valid_until"),
        ({"valid_until": "soon"}, "valid_until"),
        ({"label": "x" * 101}, "label"),
    ],
)
def test_a_wrong_form_makes_no_token(english: Browser, source: Source, data: dict[str, str], field: str) -> None:
    response = english.post(add_url(source), data)
    assert list(response.context["form"].errors) == [field]
    assert not Token.objects.exists()


def test_a_token_made_until_today_is_valid_today(english: Browser, source: Source) -> None:
    english.post(add_url(source), {"valid_until": timezone.localdate().isoformat()})
    assert Token.objects.get().is_valid


def test_a_source_that_may_only_write_gets_no_curl_line(english: Browser, source: Source) -> None:
    Source.objects.update(scopes=["orders:write"])
    assert [label for label, _value in SHOWN.findall(english.post(add_url(source)).content.decode())] == ["Token"]
    Source.objects.update(scopes=[])
    assert "may do nothing yet" in english.post(add_url(source)).content.decode()


def test_the_panel_tells_the_state_of_each(english: Browser, source: Source) -> None:
    assert "It has no token yet" in english.get(page(source)).content.decode()
    now = timezone.now()
    for label, changes in {
        "Revoked": {"revoked_at": now},
        "Expired": {"expires_at": now - timedelta(hours=1)},
        "Expires soon": {"expires_at": now + timedelta(days=3)},
        "Valid": {"expires_at": now + timedelta(days=300)},
    }.items():
        token, _text = Token.make(source, label=f"is {label}")
        Token.objects.filter(pk=token.pk).update(**changes)

    rows = english.get(page(source)).context["tokens"].table["rows"]
    for row in rows:
        assert row[1].removeprefix("is ") == re.sub(r"<[^>]+>", "", row[5]).strip()
    assert [row[1] for row in rows] == ["is Valid", "is Expires soon", "is Expired", "is Revoked"]
    assert [("Revoke" in row[6]) for row in rows] == [True, True, True, False]


def test_a_token_is_revoked_after_it_was_asked(english: Browser, source: Source) -> None:
    (token, _text), (other, _other_text) = Token.make(source, label="old"), Token.make(source)
    asked = english.get(revoke_url(token)).content.decode()
    assert "This cannot be undone" in asked
    assert "no other valid token" not in asked
    token.refresh_from_db()
    assert token.is_valid

    response = english.post(revoke_url(token), follow=True)
    token.refresh_from_db()
    other.refresh_from_db()
    assert (token.is_valid, other.is_valid) == (False, True)
    assert messages(response) == [f"The token {token.prefix}… (old) is revoked."]
    assert f"Revoked token {token.prefix}… (old)" in english.get(f"{LIST}{source.pk}/history/").content.decode()

    first = token.revoked_at
    english.post(revoke_url(token))
    token.refresh_from_db()
    assert token.revoked_at == first
    assert "no other valid token" in english.get(revoke_url(other)).content.decode()


def test_a_token_is_found_below_its_own_source_only(english: Browser, source: Source) -> None:
    token, _text = Token.make(source)
    other = Source.objects.create(title="Other")
    assert english.post(f"{LIST}{other.pk}/tokens/{token.pk}/revoke/").status_code == 404
    assert english.post(f"{LIST}0/tokens/add/").status_code == 404
    assert english.put(add_url(source)).status_code == english.put(revoke_url(token)).status_code == 405
    token.refresh_from_db()
    assert token.is_valid
    assert Token.objects.count() == 1


# deleting


def test_a_source_that_orders_came_from_is_not_deleted(english: Browser, source: Source) -> None:
    Order.objects.create(source=source, external_id="1")
    Client.objects.create(source=source, external_id="1")
    url = f"{LIST}{source.pk}/delete/"
    html = english.get(url).content.decode()
    assert "Tea shop cannot be deleted" in html
    assert "Orders: 1" in html
    assert "Clients: 1" in html
    assert "Make it inactive instead" in html
    assert english.post(url, {"post": "yes"}).status_code == 200
    assert Source.objects.exists()


def test_a_source_without_orders_is_deleted_with_its_tokens(english: Browser, source: Source) -> None:
    Token.make(source)
    url = f"{LIST}{source.pk}/delete/"
    assert "Tokens: 1" in english.get(url).content.decode()
    assert english.post(url, {"post": "yes"}).status_code == 302
    assert not Source.objects.exists()
    assert not Token.objects.exists()


def test_an_order_that_comes_in_between_saves_its_source(
    english: Browser, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    Order.objects.create(source=source, external_id="1")
    with monkeypatch.context() as earlier:
        earlier.setattr("backoffice.partners.admin.source._related", lambda *_args, **_options: iter(()))
        response = english.post(f"{LIST}{source.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert "something refers to it" in messages(english.get(response["Location"]))[0]
    assert Source.objects.exists()


def test_the_list_deletes_nothing(english: Browser, source: Source) -> None:
    english.post(LIST, {"action": "delete_selected", "_selected_action": [source.pk], "post": "yes"})
    assert Source.objects.exists()


# who may


def person(*permissions: str) -> Browser:
    user = User.objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions, content_type__app_label="partners"))
    browser = Browser(headers={"accept-language": "en"})
    browser.force_login(user)
    return browser


def attempts(token: Token) -> list[tuple[str, dict[str, Any]]]:
    source = token.source
    return [
        (f"{LIST}add/", {"title": "Mine", "rate_limit": "1"}),
        (page(source), {"title": "Mine", "rate_limit": "1"}),
        (f"{LIST}{source.pk}/delete/", {"post": "yes"}),
        (add_url(source), {"label": "mine"}),
        (revoke_url(token), {}),
    ]


def assert_untouched(token: Token) -> None:
    token.refresh_from_db()
    assert token.is_valid
    assert list(Source.objects.values_list("title", flat=True)) == ["Tea shop"]
    assert Token.objects.count() == 1


@pytest.mark.parametrize("permissions", [(), ("view_source",)], ids=["nobody", "looks only"])
def test_who_has_no_right_changes_nothing(source: Source, permissions: tuple[str, ...]) -> None:
    token, _text = Token.make(source)
    browser = person(*permissions)
    for url, data in attempts(token):
        assert browser.post(url, data).status_code == 403, url
    for url in (add_url(source), revoke_url(token)):
        assert browser.get(url).status_code == 403, url
    assert_untouched(token)
    assert browser.get(LIST).status_code == browser.get(page(source)).status_code == (200 if permissions else 403)


def test_a_stranger_is_asked_to_sign_in(source: Source, client: Browser) -> None:
    token, _text = Token.make(source)
    for url, data in attempts(token):
        for response in (client.post(url, data), client.get(url)):
            assert response.status_code == 302, url
            assert response["Location"].startswith("/admin/login/"), url
    assert_untouched(token)


def test_without_the_csrf_token_nothing_happens(source: Source, admin_user: User) -> None:
    token, _text = Token.make(source)
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(admin_user)
    for url, data in attempts(token):
        assert browser.post(url, data).status_code == 403, url
    assert_untouched(token)


def test_who_looks_only_sees_labels_and_no_buttons(source: Source) -> None:
    token, _text = Token.make(source, label="web-1")
    html = person("view_source").get(page(source)).content.decode()
    assert "orders:read" in html
    assert "[&quot;orders:read" not in html
    assert token.prefix in html
    assert "tokens/add" not in html
    assert "/revoke/" not in html


def test_rights_for_tokens_are_their_own(source: Source) -> None:
    token, _text = Token.make(source)
    browser = person("view_source", "add_token")
    assert browser.post(add_url(source), {}).status_code == 200
    assert browser.post(revoke_url(token)).status_code == 403
    assert "tokens/add" in browser.get(page(source)).content.decode()
    assert Token.objects.count() == 2


def test_rights_for_tokens_show_nothing_to_who_may_not_see_sources(source: Source) -> None:
    token, _text = Token.make(source)
    browser = person("add_token", "change_token")
    assert browser.post(add_url(source), {}).status_code == browser.post(revoke_url(token)).status_code == 403
    assert browser.post(f"{LIST}0/tokens/add/").status_code == 403


@pytest.mark.parametrize("name", ["Dispatchers", "Managers", "Accountants"])
def test_the_groups_see_sources_and_make_no_tokens(name: str) -> None:
    rights = Group.objects.get(name=name).permissions.filter(content_type__app_label="partners")
    assert list(rights.values_list("codename", flat=True)) == ["view_source"]


def test_every_scope_is_in_the_form_once(english: Browser, source: Source) -> None:
    html = english.get(page(source)).content.decode()
    assert sorted(re.findall(r'name="scopes" value="([^"]+)"', html)) == sorted(Scope.values)
    with override("en"):
        assert all(f"({scope.value})" in html for scope in Scope)


# what the page of a new token tells to try


@pytest.mark.parametrize(
    "scope", [scope for scope in Scope if scope not in (Scope.ORDERS_WRITE, Scope.CATALOGUE_WRITE)]
)
def test_the_line_to_try_works(english: Browser, source: Source, scope: str) -> None:
    Source.objects.update(scopes=[scope])
    shown = dict(SHOWN.findall(english.post(add_url(source)).content.decode()))
    found = re.fullmatch(r'curl -H "(.+): (.+)" "http://127.0.0.1:\d+(/.+)"', unescape(shown["Command line"]))
    name, value, address = found.groups()
    assert Browser().get(address, headers={name: value}).status_code == 200
    assert Browser().get(address).status_code == 401
