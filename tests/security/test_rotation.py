"""Our secrets are rotated by command, and the one before counts until it is dropped."""

from __future__ import annotations

import io
import os
import traceback
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core import signing
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from backoffice import rotation
from backoffice.partners.models import Source, Webhook
from backoffice.partners.webhooks import manage
from backoffice.partners.webhooks.signature import sign
from backoffice.secrets import fingerprint, has_fingerprint, matches
from backoffice.sync.management.commands import rotate_secrets
from backoffice.sync.models import Callback, RemoteState

ENV = "# settings\nDEBUG=0\nexport SECRET_KEY='old-secret-key'\nCALLBACK_SECRET=old-callback\nFIELD_KEYS=old,older\n"


def said(place: Path) -> dict[str, str]:
    if place.is_dir():
        return {file.name: file.read_text().strip() for file in place.iterdir()}
    before = dict(os.environ)
    try:
        for name in (*rotation.NAMES, *(f"{each}_FALLBACKS" for each in rotation.NAMES)):
            os.environ.pop(name, None)
        environ.Env.read_env(place)
        return {name: value for name, value in os.environ.items() if value != before.get(name)}
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(params=["file", "directory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "file":
        path = tmp_path / ".env"
        path.write_text(ENV)
        path.chmod(0o640)
        return path
    files = {"SECRET_KEY": "old-secret-key", "CALLBACK_SECRET": "old-callback", "FIELD_KEYS": "old,older"}
    for name, value in files.items():
        (tmp_path / name).write_text(f"{value}\n")
    return tmp_path


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["SECRET_KEY", "CALLBACK_SECRET"])
def test_a_secret_is_renewed_twice_and_those_before_dropped(place: Path, name: str, settings: Any) -> None:
    old = said(place)[name]
    call_command("rotate_secrets", name, "--in", str(place), stdout=io.StringIO())
    first = said(place)
    assert first[name] != old
    assert len(first[name]) >= 64
    assert first[f"{name}_FALLBACKS"] == old
    call_command("rotate_secrets", name, "--in", str(place), stdout=io.StringIO())
    second = said(place)
    assert second[f"{name}_FALLBACKS"] == f"{first[name]},{old}"
    setattr(settings, name, second[name])
    call_command("rotate_secrets", name, "--drop", "--in", str(place), stdout=io.StringIO())
    assert said(place).get(f"{name}_FALLBACKS", "") == ""
    assert said(place)[name] == second[name]


def test_it_is_renewed_where_the_settings_were_read(place: Path, settings: Any) -> None:
    settings.ENV_FILE = None if place.is_dir() else place
    settings.SECRETS_DIR = str(place) if place.is_dir() else ""
    settings.SECRET_KEY = "old-secret-key"
    call_command("rotate_secrets", "SECRET_KEY", stdout=io.StringIO())
    assert said(place)["SECRET_KEY_FALLBACKS"] == "old-secret-key"


def test_a_value_that_is_not_in_force_is_not_renewed(place: Path, settings: Any) -> None:
    settings.ENV_FILE = None if place.is_dir() else place
    settings.SECRETS_DIR = str(place) if place.is_dir() else ""
    settings.SECRET_KEY = "of the environment"
    before = said(place)
    with pytest.raises(CommandError, match="in force stands in no file"):
        call_command("rotate_secrets", "SECRET_KEY", stdout=io.StringIO())
    assert said(place) == before


def test_nothing_is_renewed_in_a_file_that_nobody_reads(settings: Any, tmp_path: Path) -> None:
    settings.ENV_FILE, settings.SECRETS_DIR, settings.BASE_DIR = None, "", tmp_path
    (tmp_path / ".env").write_text(ENV)
    with pytest.raises(CommandError, match="in force stands in no file"):
        call_command("rotate_secrets", "SECRET_KEY", stdout=io.StringIO())
    assert (tmp_path / ".env").read_text() == ENV


def test_the_keys_of_fields_are_a_list(place: Path) -> None:
    rotation.renew(place, "FIELD_KEYS")
    assert said(place)["FIELD_KEYS"].endswith(",old,older")
    rotation.drop(place, "FIELD_KEYS")
    assert "," not in said(place)["FIELD_KEYS"]


@pytest.mark.parametrize("option", [["--drop"], ["--in", "/etc/backoffice"]])
def test_what_is_for_one_secret_needs_its_name(option: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotate_secrets, "reencrypt_all", lambda: pytest.fail("nobody asked for it"))
    with pytest.raises(CommandError, match="need the name of a secret: one of SECRET_KEY, FIELD_KEYS"):
        call_command("rotate_secrets", *option)


@pytest.mark.django_db
def test_a_secret_that_no_address_can_hold_is_not_shown(settings: Any) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    settings.CALLBACK_SECRET = "half/other-half"
    with pytest.raises(CommandError) as caught:
        call_command("register_callbacks")
    shown = "".join(traceback.format_exception(caught.value))
    assert str(caught.value) == (
        "CALLBACK_SECRET cannot stand in an address: make it of letters, digits, - and _ only."
    )
    assert "half" not in shown


@pytest.mark.django_db
def test_a_key_is_dropped_when_nothing_needs_it(tmp_path: Path, settings: Any) -> None:
    path = tmp_path / ".env"
    path.write_text("FIELD_KEYS=new,old\n")
    settings.FIELD_KEYS = ["old"]
    hook = manage.create(Source.objects.create(title="Shop", scopes=["orders:read"]), "orders", "https://shop.example/")
    with pytest.raises(CommandError, match="restart first"):
        call_command("rotate_secrets", "FIELD_KEYS", "--drop", "--in", str(path))
    settings.FIELD_KEYS = ["new", "another"]  # who has lost the old one drops none
    with pytest.raises(CommandError, match="fits none of FIELD_KEYS"):
        call_command("rotate_secrets", "FIELD_KEYS", "--drop", "--in", str(path))
    assert path.read_text() == "FIELD_KEYS=new,old\n"
    settings.FIELD_KEYS = ["new", "old"]
    call_command("rotate_secrets", "FIELD_KEYS", "--drop", "--in", str(path), stdout=io.StringIO())
    assert path.read_text() == "FIELD_KEYS=new\n"
    settings.FIELD_KEYS = ["new"]
    assert str(Webhook.objects.get(pk=hook.pk).secret) == str(hook.secret)


def test_the_file_keeps_its_rights_and_all_else(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(ENV)
    path.chmod(0o640)
    rotation.renew(path, "CALLBACK_SECRET")
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_text().startswith("# settings\nDEBUG=0\nexport SECRET_KEY='old-secret-key'\nCALLBACK_SECRET=")
    assert [file.name for file in tmp_path.iterdir()] == [".env"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "There is no"),
        ("DEBUG=1\n", "is not set"),
        ("SECRET_KEY=a\nSECRET_KEY=b\n", "more than once"),
        ("SECRET_KEY=a,b\n", "comma"),
    ],
)
def test_what_cannot_be_renewed_is_left_as_it_was(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / ".env"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CommandError, match=words):
        call_command("rotate_secrets", "SECRET_KEY", "--in", str(path))
    assert text is None or path.read_text() == text


# both are taken in between


@pytest.mark.django_db
def test_both_callback_secrets_are_taken(client: Browser, settings: Any) -> None:
    settings.CALLBACK_SECRET, settings.CALLBACK_SECRET_FALLBACKS = "new-secret", ["old-secret"]
    for secret, status in (("new-secret", 201), ("old-secret", 201), ("older-secret", 404), ("", 404)):
        for address in (f"/callbacks/ireca/{secret}/orders", f"/callbacks/bifit/{secret}/orders"):
            assert client.post(address, b"{}", content_type="application/json").status_code == status, address
    assert Callback.objects.count() == 4
    settings.CALLBACK_SECRET = ""  # callbacks are off, whatever was left behind
    assert client.post("/callbacks/ireca/old-secret/orders", b"{}", content_type="text/plain").status_code == 404


@pytest.mark.django_db
def test_both_tokens_of_metrics_are_taken(client: Browser, settings: Any) -> None:
    settings.METRICS_TOKEN, settings.METRICS_TOKEN_FALLBACKS = "new-token", ["old-token"]
    address = reverse("metrics")
    statuses = [
        client.get(address, headers={"authorization": f"Bearer {token}"}).status_code
        for token in ("new-token", "old-token", "other", "")
    ]
    assert statuses == [200, 200, 404, 404]


@pytest.mark.django_db
def test_the_secret_key_is_rotated_under_people_who_work(admin_client: Browser, settings: Any) -> None:
    kept, signed, before = fingerprint("secret"), signing.dumps("x"), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-key", [before]
    assert admin_client.get("/admin/account/").status_code == 200
    assert signing.loads(signed) == "x"
    assert has_fingerprint("secret", kept)
    assert not has_fingerprint("other", kept)
    settings.SECRET_KEY_FALLBACKS = []
    assert admin_client.get("/admin/account/").status_code == 200  # who came meanwhile has a session under the new one
    assert not has_fingerprint("secret", kept)
    with pytest.raises(signing.BadSignature):
        signing.loads(signed)


@pytest.mark.django_db
def test_what_was_told_of_callbacks_is_known_when_the_key_before_is_dropped(tmp_path: Path, settings: Any) -> None:
    settings.CALLBACK_SECRET, settings.CALLBACK_SECRET_FALLBACKS = "callback-now", ["callback-before"]
    path = tmp_path / ".env"
    path.write_text("SECRET_KEY=new\nSECRET_KEY_FALLBACKS=old\n")
    settings.SECRET_KEY = "old"
    RemoteState.objects.create(pk="ireca", callbacks_secret=fingerprint("callback-before"))
    with pytest.raises(CommandError, match="restart first"):
        call_command("rotate_secrets", "SECRET_KEY", "--drop", "--in", str(path))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    call_command("rotate_secrets", "SECRET_KEY", "--drop", "--in", str(path), stdout=io.StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    assert "old" not in path.read_text()
    told = RemoteState.objects.get().callbacks_secret
    assert has_fingerprint("callback-before", told)
    assert not has_fingerprint("callback-now", told)


@pytest.mark.django_db
def test_a_webhook_signs_with_both(capsys: pytest.CaptureFixture[str]) -> None:
    hook = manage.create(Source.objects.create(title="Shop", scopes=["orders:read"]), "orders", "https://shop.example/")
    old = str(hook.secret)
    call_command("rotate_webhook", str(hook.pk))
    new = capsys.readouterr().out.strip()
    hook = Webhook.objects.get(pk=hook.pk)
    assert (str(hook.secret), str(hook.previous_secret)) == (new, old)
    assert sign([new, old], "e", 1, b"{}") == f"{sign([new], 'e', 1, b'{}')} {sign([old], 'e', 1, b'{}')}"
    with pytest.raises(CommandError, match="no webhook"):
        call_command("rotate_webhook", "999999")


def test_comparing_looks_at_all_that_is_expected() -> None:
    assert matches("b", "a", "b")
    assert not matches("", "", "")
    assert not matches("c", "a", "b")
    assert not matches("\ud800", "a")
