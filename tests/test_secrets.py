"""Secrets at rest (rotation included) and in print."""

import logging
from collections.abc import Iterator
from typing import ClassVar

import pytest
from django.core.exceptions import FieldError
from django.db import connection, models
from pytest_django.fixtures import Settings

from backoffice import secrets
from backoffice.secrets import EncryptedTextField, RedactingFormatter, Secret, UnknownKey, mask, matches


class Vault(models.Model):
    secret = EncryptedTextField(blank=True, default="")
    spare = EncryptedTextField(null=True)

    objects: ClassVar[models.Manager["Vault"]] = models.Manager()

    class Meta:
        app_label = "tests"


@pytest.fixture
def vault(transactional_db: None) -> Iterator[type[Vault]]:
    with connection.schema_editor() as editor:
        editor.create_model(Vault)
    yield Vault
    with connection.schema_editor() as editor:
        editor.delete_model(Vault)


def stored(pk: int) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM tests_vault WHERE id = %s", [pk])
        return str(cursor.fetchone()[0])


def test_the_database_holds_a_token_and_python_the_text(vault: type[Vault]) -> None:
    row = vault.objects.create(secret="пароль")

    assert "пароль" not in stored(row.pk)
    assert vault.objects.get().secret == "пароль"


def test_empty_and_null_stay_what_they_are(vault: type[Vault]) -> None:
    row = vault.objects.create(secret="", spare=None)

    assert stored(row.pk) == ""
    assert vault.objects.get().secret == ""
    assert vault.objects.get().spare is None
    assert vault.objects.filter(spare__isnull=True).exists()


def test_filtering_by_content_is_an_error_and_not_an_empty_answer(vault: type[Vault]) -> None:
    with pytest.raises(FieldError, match="encrypted"):
        vault.objects.filter(secret="пароль")
    with pytest.raises(FieldError, match="encrypted"):
        vault.objects.filter(secret__icontains="пар")


def test_rotation(vault: type[Vault], settings: Settings) -> None:
    settings.FIELD_KEYS = ["old"]
    saved_again, untouched = vault.objects.create(secret="one"), vault.objects.create(secret="two", spare="three")

    settings.FIELD_KEYS = ["new", "old"]
    vault.objects.get(pk=saved_again.pk).save()

    settings.FIELD_KEYS = ["new"]
    assert vault.objects.get(pk=saved_again.pk).secret == "one"
    with pytest.raises(UnknownKey, match="FIELD_KEYS"):
        vault.objects.get(pk=untouched.pk)

    settings.FIELD_KEYS = ["new", "old"]
    assert secrets.reencrypt(vault, secrets.encrypted_fields(vault)) == 2

    settings.FIELD_KEYS = ["new"]
    rotated = vault.objects.get(pk=untouched.pk)
    assert (rotated.secret, rotated.spare) == ("two", "three")


def test_a_secret_does_not_show_itself_but_is_text() -> None:
    secret = secrets.decrypt(secrets.encrypt("0123456789-long-enough"))

    assert "0123456789" not in f"{secret!r} {[secret]} { ({'password': secret}) }"
    assert f"{secret}" == "0123456789-long-enough"
    assert type(str(secret)) is str


@pytest.mark.parametrize(
    ("secret", "shown"), [("", ""), ("qwerty", "••••"), ("123456789012345", "••••"), ("0123456789abcdef", "••••cdef")]
)
def test_mask(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_matches() -> None:
    assert matches("секрет", "секрет")
    assert not matches("секре", "секрет")
    assert not matches("", "")


def test_logs_hold_no_secrets_even_in_tracebacks(settings: Settings) -> None:
    settings.CALLBACK_SECRET = "callback-secret-0123456789"
    settings.IRECA_TOKEN = Secret("token-0123456789-abcdef")
    settings.FIELD_KEYS = ["a"]  # too short to be looked for: it would be found in every other word
    try:
        raise ValueError(f"answered 401 to {settings.IRECA_TOKEN}")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord(
        "django", logging.WARNING, "", 0, "Not Found: /callbacks/ireca/%s/orders", (settings.CALLBACK_SECRET,), trace
    )

    text = RedactingFormatter().format(record)

    assert "Not Found: /callbacks/ireca/••••6789/orders" in text
    assert "answered 401 to ••••cdef" in text
    assert "0123456789" not in text
