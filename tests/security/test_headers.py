"""What every answer says besides its content, cookies, ways to other places, and words that tell too much."""

from __future__ import annotations

from http.cookies import Morsel
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice.partners.models import Scope, Source, Token
from backoffice.sync.notices import kinds
from tests.accounts.logging_in import LOGIN, PASSWORD, person
from tests.reports.data import World
from tests.test_house import PRODUCTION, manage

pytestmark = pytest.mark.django_db

PAGES = [
    *("/admin/", "/admin/account/", "/admin/orders/order/", "/admin/orders/client/", "/admin/orders/order/board/"),
    *("/admin/orders/order/map/", "/admin/sync/health/", "/admin/notices/", "/admin/fiscal/control/", "/reports/"),
    *("/reports/orders/", "/reports/cash/", "/admin/accounts/event/", "/api/v1/orders", LOGIN),
]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_kept_by_nobody_and_framed_by_nobody(admin_client: Browser, path: str) -> None:
    browser, extra = admin_client, {}
    if path.startswith("/api/"):
        token = Token.make(Source.objects.create(title="Partner", scopes=list(Scope.values)))[1]
        browser, extra = Browser(), {"headers": {"authorization": f"Bearer {token}"}}
    answer = browser.get(path, **extra)
    assert answer.status_code in (200, 302), path
    assert "no-store" in answer["Cache-Control"], path
    policy = answer["Content-Security-Policy"]
    for directive in ("default-src 'self'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'self'"):
        assert directive in policy
    assert "form-action 'self'" in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in answer
    assert not {"Server", "X-Powered-By"} & set(answer.headers)
    assert "charset" in answer["Content-Type"] or answer["Content-Type"] == "application/json"


def test_production_has_safe_cookies_and_transport() -> None:
    """As the product's own settings make them from a production's environment."""
    names = (
        *("SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE"),
        *("SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH", "CSRF_COOKIE_NAME", "CSRF_COOKIE_SECURE"),
        *("CSRF_COOKIE_HTTPONLY", "CSRF_COOKIE_SAMESITE", "CSRF_COOKIE_DOMAIN", "LANGUAGE_COOKIE_SECURE"),
        *("SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SECURE_HSTS_INCLUDE_SUBDOMAINS", "DEBUG"),
    )
    code = f"from django.conf import settings; print([getattr(settings, name) for name in {names}])"
    result = manage("shell", "--no-imports", "-c", code, **PRODUCTION)
    assert result.returncode == 0, result.stderr
    expected = [
        *("__Host-session", True, True, "Lax", None, "/", "__Host-csrf", True, True, "Lax", None, True),
        *(True, 365 * 24 * 3600, True, False),
    ]
    assert result.stdout.strip() == str(expected)


def test_cookies_are_for_no_script() -> None:
    browser = Browser()
    person("anna")
    browser.get(LOGIN)
    browser.post(LOGIN, {"username": "anna", "password": PASSWORD})
    browser.post("/i18n/setlang/", {"language": "en"})
    cookies: dict[str, Morsel[str]] = browser.cookies
    names = (
        django_settings.SESSION_COOKIE_NAME,
        django_settings.CSRF_COOKIE_NAME,
        django_settings.LANGUAGE_COOKIE_NAME,
    )
    for name in names:
        assert (cookies[name]["httponly"], cookies[name]["samesite"], cookies[name]["path"]) == (True, "Lax", "/"), name


ELSEWHERE = [
    *("https://evil.example/", "//evil.example/", r"\\evil.example", "https:evil.example", "/\\evil.example"),
    *(
        "javascript:alert(1)",
        "http://testserver@evil.example/",
        "https://testserver.evil.example/",
        "\thttps://evil.example",
    ),
]


@pytest.mark.parametrize("where", ELSEWHERE)
def test_no_way_leads_to_a_strangers_page(where: str, admin_client: Browser) -> None:
    person("anna")
    answers: list[Any] = [
        Browser().post(LOGIN, {"username": "anna", "password": PASSWORD, "next": where}),
        Browser().post("/i18n/setlang/", {"language": "en", "next": where}),
        Browser().post("/i18n/setlang/", {"language": "en"}, headers={"referer": where}),
        admin_client.get("/admin/account/second-step/", {"next": where}),
        admin_client.post("/admin/notices/seen/", {"next": where}),
        admin_client.post("/admin/notices/put-off/", {"kind": kinds.every()[0].name, "span": "1h", "next": where}),
        admin_client.get("/admin/login/", {"next": where}),
    ]
    for answer in answers:
        assert answer.status_code in (204, 302, 400), answer
        assert "evil" not in answer.headers.get("Location", "")
        assert not answer.headers.get("Location", "").startswith("javascript")


def test_a_stranger_is_told_nothing_of_who_there_is() -> None:
    person("anna")
    texts = set()
    for name in ("anna", "nobody"):
        answer = Browser().post(LOGIN, {"username": name, "password": "wrong"})
        texts.add(answer.content.decode().replace(f'value="{name}"', "").split("csrfmiddlewaretoken")[0][:1000])
        assert answer.status_code == 200
    assert len(texts) == 1


def test_every_form_that_changes_something_asks_for_its_token(checked: Browser) -> None:
    for path in ("/admin/logout/", "/admin/orders/order/add/", "/reports/mails/", "/i18n/setlang/", LOGIN):
        assert checked.post(path).status_code == 403, path


@pytest.fixture
def checked() -> Browser:
    browser = Browser(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("checked"))
    return browser


def test_short_and_usual_passwords_are_refused(admin_client: Browser) -> None:
    for password in ("elevenchars", "123456789012", "password1234", "chocolate123"[:11]):
        answer = admin_client.post(
            "/admin/auth/user/add/",
            {"username": "new", "password1": password, "password2": password, "usable_password": "true"},
        )
        assert answer.status_code == 200, password
    assert not User.objects.filter(username="new").exists()


def test_texts_of_others_are_texts_on_every_page(admin_client: Browser) -> None:
    """What came from a remote or a partner is no markup, wherever it is shown."""
    world = World(1, orders=2)
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'"
    order = world.orders[0]
    order.description = order.to_street = order.number = evil
    order.save()
    for row in world.clients:
        row.lastname = row.firstname = row.description = evil
        row.save()
    for good in world.goods:
        good.title = good.article = evil
        good.save()
    for courier in world.couriers:
        courier.title = evil
        courier.save()
    shown = 0
    pages = [
        *("/admin/orders/order/", f"/admin/orders/order/{order.pk}/change/", "/admin/orders/order/board/"),
        *("/admin/orders/order/map/", "/admin/orders/order/map/data/", "/admin/orders/client/", "/admin/catalog/good/"),
        *(f"/admin/orders/order/{order.pk}/card/", f"/admin/orders/order/{order.pk}/timeline/", "/admin/"),
        *(
            f"/admin/orders/order/print/sheets/?ids={order.pk}",
            "/admin/couriers/courier/",
            "/admin/couriers/courier/map/",
        ),
        *("/reports/orders/?by=courier", "/reports/goods/", "/reports/couriers/", "/admin/search/?s=script"),
    ]
    for page in pages:
        answer = admin_client.get(page, follow=True)
        body = b"".join(answer) if answer.streaming else answer.content
        if "html" in answer["Content-Type"]:
            assert b"<script>alert" not in body, page
            assert b"<img src=x" not in body, page
            shown += b"&lt;script&gt;alert" in body
    assert shown > 8
