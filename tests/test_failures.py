"""What people see instead of a page: in their language, with what became of what they entered, made of nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.test import Client, override_settings

pytestmark = pytest.mark.django_db
EN, RU = {"accept-language": "en"}, {"accept-language": "ru"}


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Client:
    """A browser of which every page fails when its session is looked for."""

    def fail(_self: Any) -> None:
        raise error

    monkeypatch.setattr(SessionStore, "load", fail)
    browser = Client(raise_request_exception=False)
    browser.cookies["sessionid"] = "x" * 32
    return browser


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_does_not_answer_passes(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    browser = failing(monkeypatch, error)
    shown = browser.get("/admin/orders/order/", headers=EN)
    assert (shown.status_code, shown["Retry-After"]) == (503, "5")
    assert "The page is asked for again by itself." in shown.content.decode()
    assert '<meta http-equiv="refresh" content="5">' in shown.content.decode()
    sent = browser.post("/admin/orders/order/add/", {"number": "7"}, headers=EN)
    assert sent.status_code == 503
    assert "before you send it again" in sent.content.decode()
    assert "refresh" not in sent.content.decode()  # it would be sent again without being asked


def cancelled() -> OperationalError:
    error = OperationalError("canceling statement due to statement timeout")
    error.__cause__ = psycopg.errors.QueryCanceled()
    return error


def no_such_column() -> OperationalError:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:").execute("SELECT nope FROM sqlite_master")
    error = OperationalError("no such column: nope")
    error.__cause__ = caught.value
    return error


@pytest.mark.parametrize("error", [cancelled(), no_such_column()])
def test_what_would_fail_again_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    shown = failing(monkeypatch, error).get("/admin/orders/order/", headers=EN)
    assert shown.status_code == 500
    assert "refresh" not in shown.content.decode()


def test_a_page_that_cannot_be_made_either_is_plain_text(client: Client, settings: Any, tmp_path: Path) -> None:
    """Without `collectstatic` no name of a file is known."""
    manifest = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STATIC_ROOT, settings.STORAGES = tmp_path, {**settings.STORAGES, "staticfiles": manifest}
    shown = client.get("/nowhere/", headers=EN)
    assert (shown.status_code, shown["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert shown.content.decode().startswith("404 There is nothing here.")


def test_a_fault_of_ours_has_a_number_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = failing(monkeypatch, DataError("bad")).get("/admin/", headers=EN)
    assert shown.status_code == 500
    assert "fault of the program" in shown.content.decode()
    assert f"<code>{shown['X-Request-ID']}</code>" in shown.content.decode()
    assert "bad" not in shown.content.decode()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [(PermissionDenied(), 403, "no right to this"), (SuspiciousOperation("?"), 400, "cannot be understood")],
)
def test_what_is_refused_says_so(monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, words: str) -> None:
    shown = failing(monkeypatch, error).get("/admin/", headers=EN)
    assert shown.status_code == status
    assert words in shown.content.decode()
    assert "<code>" not in shown.content.decode()


def test_what_is_not_there(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        shown = client.get("/nowhere/", headers=EN)
    assert shown.status_code == 404
    assert "has been deleted" in shown.content.decode()


def test_a_form_of_a_session_that_has_ended() -> None:
    browser = Client(enforce_csrf_checks=True)
    shown = browser.post("/admin/login/", {"username": "anna"}, headers=EN)
    assert shown.status_code == 403
    assert "The form is too old" in shown.content.decode()
    assert "CSRF" not in shown.content.decode()


@override_settings(ALLOWED_HOSTS=["office.example.com"])
def test_another_host(client: Client) -> None:
    shown = client.get("/admin/", headers={**EN, "host": "evil.example.com"})
    assert shown.status_code == 400
    assert "cannot be understood" in shown.content.decode()


def test_they_speak_russian(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Здесь ничего нет" in client.get("/nowhere/", headers=RU).content.decode()
    shown = failing(monkeypatch, OperationalError("gone")).get("/admin/", headers=RU)
    assert '<html lang="ru">' in shown.content.decode()
    assert "База данных" in shown.content.decode()


def test_who_may_not_sees_the_page(client: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    client.force_login(clerk)
    shown = client.get("/admin/orders/order/", headers=EN)
    assert shown.status_code == 403
    assert "An administrator can give it" in shown.content.decode()
