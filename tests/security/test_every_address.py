"""Every address that the product answers, asked by everybody who must not get anything there.

The addresses are those of the URL configuration, so a new page is closed to strangers by this test, or named here with
the right that opens it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.urls import URLPattern, URLResolver, get_resolver

from backoffice.partners.models import Scope, Source, Token
from orders.admin.fiscal import cash
from tests.reports.data import World

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
LOGIN_AGAIN = 401  # how a way to the login is counted here
# Pages that each model has, made by the same code for all of them: one stranger is sent to each, that is enough.
USUAL = re.compile(
    r"_(changelist|add|history|delete|change|simple_history|export|conflict|send_now|refresh|together|import\w*)$|^admin:$"
)


class Address(NamedTuple):
    name: str
    path: str


def _patterns(resolver: Any, prefix: str = "", names: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _patterns(each, route, (*names, each.namespace) if each.namespace else names)
        elif isinstance(each, URLPattern):
            yield ":".join((*names, each.name or "")), route


def model_of(name: str) -> Any:
    """The model whose pages these are; None for a page of its own."""
    found = re.match(r"admin:([a-z]+)_([a-z0-9]+)_", name)
    try:
        return apps.get_model(found[1], found[2]) if found else None
    except LookupError:
        return None


def addresses() -> list[Address]:
    """With the key of a row that is there wherever there is one: what is not found hides whether it was closed."""
    found = []
    for name, route in _patterns(get_resolver()):
        if "(?P" in route:
            continue  # the admin's catch-all, and its list of an app, which names what one may see anyhow
        model = model_of(name)
        row = model._base_manager.order_by("pk").first() if model is not None else None
        key = str(row.pk) if row is not None else "1"
        path = re.sub(r"<(?:int|path|str|slug|uuid):(pk|object_id)>", key, route)
        path = re.sub(r"\^?\(\[\^/\]\+\)", key, path).rstrip("$")
        path = re.sub(r"<str:day>", "2026-01-01", path)
        path = re.sub(r"<slug:kind>", "csv", path)
        path = re.sub(r"<slug:name>", "orders", path)
        path = re.sub(r"<[^>]+>", "1", path)
        found.append(Address(name, f"/{path}"))
    return found


@pytest.fixture
def world() -> Iterator[World]:
    logging.disable(logging.WARNING)  # of each address that it is closed
    yield World(1, orders=3)
    logging.disable(logging.NOTSET)


def staff(*rights: Permission, **fields: Any) -> Browser:
    user = User.objects.create_user("person", is_staff=True, **fields)
    user.user_permissions.add(*rights)
    return of(user)


def of(user: User) -> Browser:
    browser = Browser(raise_request_exception=False)
    browser.force_login(user)
    return browser


def answered(browser: Browser, method: str, path: str, **extra: Any) -> int:
    answer = getattr(browser, method)(path, **extra)
    if answer.status_code in (301, 302) and LOGIN in answer["Location"]:
        return LOGIN_AGAIN
    return int(answer.status_code)


@contextmanager
def written() -> Iterator[set[str]]:
    """The tables that something is written to."""
    tables = set()

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if found := re.match(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', sql):
            tables.add(found[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield tables


# What is open to everybody, and how it answers.
PUBLIC = {
    ("", "/"): 302,
    ("", "/favicon.ico"): 302,
    ("admin:login", LOGIN): 200,
    ("second-step", "/admin/account/second-step/"): 401,
    ("choose-password", "/admin/account/password/1/1/"): 200,  # says that the link is none
    ("api-start", "/api/"): 200,
    ("api-docs", "/api/docs/"): 200,
    ("api-schema", "/api/schema/"): 200,
    ("", "/healthz"): 200,
    ("", "/readyz"): 200,
}


# What each request of a person may write: that it was made.
NOTED = {"django_session", "accounts_visit", "accounts_event"}


def wrongly_open(
    browser: Browser, method: str, asked: Iterable[Address], writable: Collection[str] = (), **extra: Any
) -> list[tuple[Any, ...]]:
    """What shows a page, and what writes anything."""
    found: list[tuple[Any, ...]] = []
    for address in asked:
        with written() as tables:
            status = answered(browser, method, address.path, **extra)
        if status in (200, 201, 500):
            found.append((*address, status))
        if wrong := tables - NOTED - set(writable):
            found.append((*address, status, wrong))
    return found


@pytest.mark.parametrize(
    ("who", "method"),
    [
        ("nobody", "get"),
        ("nobody", "post"),
        *((who, "get") for who in ("a partner", "a customer", "somebody dismissed")),
    ],
)
def test_strangers_get_nowhere(world: World, who: str, method: str) -> None:
    browser, extra, asked = Browser(raise_request_exception=False), {}, addresses()
    if who != "nobody":
        asked = [address for address in asked if not USUAL.search(address.name)]
    if who == "a partner":
        source = Source.objects.create(title="Partner", scopes=list(Scope.values))
        extra = {"headers": {"authorization": f"Bearer {Token.make(source)[1]}"}}
        asked = [address for address in asked if not address.path.startswith("/api/v1/")]
    elif who == "a customer":
        browser = of(User.objects.create_user("customer", is_staff=False))
    elif who == "somebody dismissed":
        user = User.objects.create_superuser("gone")
        browser = of(user)
        User.objects.filter(pk=user.pk).update(is_active=False)
    own = {"set_language", "admin:logout", "admin:jsi18n"}
    asked = [address for address in asked if tuple(address) not in PUBLIC and address.name not in own]
    assert wrongly_open(browser, method, asked, **extra) == []


def test_what_is_public_is_that_and_no_more() -> None:
    browser = Browser()
    assert {key: answered(browser, "get", key[1]) for key in PUBLIC} == PUBLIC


# Pages of one's own, which need no right, and where what is one's own is kept.
OWN = {
    *("admin:index", "admin:logout", "admin:jsi18n", "admin:password_change", "admin:password_change_done"),
    *("account", "second-step", "account-authenticator", "account-off", "account-codes", "account-end-visits"),
    *("admin:login", "admin:search", "set_language"),
    *("notices", "notices-settings", "notices-count", "notices-panel", "notices-seen", "notices-put-off"),
}


@pytest.mark.parametrize("method", ["get", "post"])
def test_staff_without_rights_have_their_account_and_nothing_else(world: World, method: str) -> None:
    asked = [address for address in addresses() if tuple(address) not in PUBLIC and address.name not in OWN]
    assert wrongly_open(staff(), method, asked) == []


# Pages that belong to no model, and one of the rights that opens each.
RIGHTS = {
    r"sync-health|metrics": "sync.view_worker",
    r"fiscal-(control|numbers|shifts?|receipt|receipt-print)": "fiscal.view_receipt",
    r"fiscal-correction.*": "fiscal.view_correctionreceipt",
    r"fiscal-cash(-reverse)?": cash.RECORD,
    r"fiscal-cash-act": cash.VIEW,
    r"report.*|courier-days?": "reports.",
}


def may_see(user: User, name: str) -> bool:
    """Whether a person has any right at all that has to do with a page."""
    rights = user.get_all_permissions()
    if model := model_of(name):
        return any(right.startswith(f"{model._meta.app_label}.") for right in rights)
    return name in OWN or any(
        right.startswith(needed)
        for pattern, needed in RIGHTS.items()
        if re.fullmatch(pattern, name)
        for right in rights
    )


@pytest.mark.parametrize("group", ["Dispatchers", "Managers", "Accountants", "Partner managers"])
def test_a_group_opens_no_page_that_it_has_no_right_to(world: World, group: str) -> None:
    user = User.objects.create_user("person", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    asked = [address for address in addresses() if tuple(address) not in PUBLIC and not may_see(user, address.name)]
    assert wrongly_open(of(user), "get", asked) == []


# Who may look at everything may keep for himself how he looks at it.
# And what is shown may be read anew from where it comes from.
LOOKING = {
    "orders_savedview",
    "sync_noticepreference",
    "sync_noticestate",
    "sync_exportlog",
    "sync_presence",
    "sync_pull",
}


def test_who_may_only_look_writes_nothing(world: World) -> None:
    browser = staff(*Permission.objects.filter(codename__startswith="view_"))
    asked = [address for address in addresses() if address.name not in OWN and tuple(address) not in PUBLIC]
    found = wrongly_open(browser, "post", asked, LOOKING)
    assert [each for each in found if len(each) > 3] == []


def test_a_session_of_a_person_is_no_token(world: World) -> None:
    browser = of(User.objects.create_superuser("admin"))
    found = {
        address.path: answered(browser, "get", address.path)
        for address in addresses()
        if address.path.startswith("/api/v1/")
    }
    assert set(found.values()) <= {401, 404, 405}


def test_a_token_without_scopes_reads_nothing(world: World) -> None:
    source = Source.objects.create(title="Partner", scopes=[])
    headers = {"authorization": f"Bearer {Token.make(source)[1]}"}
    asked = [address for address in addresses() if address.path.startswith("/api/v1/")]
    # Lists of words that stand in the document too; and of its own webhooks, of which it may read no kind.
    asked = [each for each in asked if not re.search("/dictionary/|/webhooks", each.path)]
    for method in ("get", "post", "put", "delete"):
        content = {"headers": headers, "content_type": "application/json"}
        assert wrongly_open(Browser(), method, asked, {"partners_token"}, **content) == []
