"""Settings as texts of the environment, each of which is checked when it is read: a wrong one is told in a sentence
that names the variable and what is expected (`manage.py` prints it). Nothing here knows what a setting is for.
"""

from __future__ import annotations

import logging
import math
import os
import re
from collections.abc import Callable, Collection
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
Word = TypeVar("Word", bound=str)
_MISSING = object()
YES, NO = ("1", "true", "yes", "y", "on", "ok"), ("0", "false", "no", "n", "off", "")
DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql", "psql", "pgsql")
# What Celery has a transport for.
BROKERS = frozenset(
    (
        *("amqp", "amqps", "azureservicebus", "azurestoragequeues", "confluentkafka", "consul", "etcd", "filesystem"),
        *("gcpubsub", "kafka", "librabbitmq", "memory", "mongodb", "pgmq", "pyamqp", "pyro", "qpid", "redis", "rediss"),
        *("sentinel", "slmq", "sqla", "sqlalchemy", "sqs", "zookeeper"),
    )
)


def read_file(path: Path) -> dict[str, str]:
    """What a file in the format of `.env` says; nothing when it does not exist."""

    class FileEnv(environ.Env):
        ENVIRON: dict[str, str] = {}

    if path.is_file():
        FileEnv.read_env(str(path))
    return FileEnv.ENVIRON


def load(file: Path, *, must_exist: bool) -> Path | None:
    """Take what an `.env` says for whatever the environment does not. Returns the file if there is one."""
    if file.is_file():
        environ.Env.read_env(str(file))
        return file
    if must_exist:
        raise ImproperlyConfigured(f"ENV_FILE is {file}, but there is no such file.")
    return None


def load_directory(directory: Path) -> None:
    """Files that are called as variables are, one value in each: how containers get their secrets."""
    file = directory
    try:
        for file in sorted(directory.iterdir()):
            if file.is_file():
                os.environ.setdefault(file.name, file.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it holds something that is no text"
        what = "which" if file == directory else f"where {file.name}"
        raise ImproperlyConfigured(f"SECRETS_DIR is {directory}, {what} cannot be read: {reason}.") from None


# Methods below are called as these are.
_str = str
_int = int
_float = float
_bool = bool
_list = list


class Environment:
    """`names`: of all variables that were asked for, set or not. All methods raise ImproperlyConfigured."""

    def __init__(self) -> None:
        self._env = environ.Env()
        self.names: set[_str] = set()

    def read(
        self, name: _str, default: T, parse: Callable[[_str], T], expected: _str, *, holds_secret: _bool = False
    ) -> T:
        """`parse` fails with whatever it likes on a text that will not do. What may hold a secret is not told."""
        self.names.add(name)
        text: Any = self._env.get_value(name, cast=_str, default=_MISSING)
        if text is _MISSING:
            return default
        try:
            return parse(text)
        except Exception:  # noqa: BLE001  # parsers are other people's, and all errors of theirs mean the same
            told = " is empty, but" if not text.strip() else "" if holds_secret else f" is {text!r}, but"
            raise ImproperlyConfigured(f"{name}{told} must be {expected}.") from None

    def str(self, name: _str, default: _str) -> _str:
        return self.read(name, default, lambda text: text, "a text")

    def bool(self, name: _str, default: _bool) -> _bool:
        def parse(text: _str) -> _bool:
            word = text.strip().lower()
            return word in YES or (False if word in NO else bool(_int(word)))

        return self.read(name, default, parse, "1 or 0")

    def int(self, name: _str, default: _int, *, least: _int | None = None, most: _int | None = None) -> _int:
        def parse(text: _str) -> _int:
            return _within(_int(text), least, most)

        return self.read(name, default, parse, f"a whole number{_range(least, most)}")

    def float(self, name: _str, default: _float, *, least: _float | None = None, above: _float | None = None) -> _float:
        def parse(text: _str) -> _float:
            value = _float(text)
            if not math.isfinite(value) or (above is not None and value <= above):
                raise ValueError(text)
            return _within(value, least, None)

        limits = f" above {above:g}" if above is not None else _range(least, None)
        return self.read(name, default, parse, f"a number{limits}")

    def list(self, name: _str, default: Collection[_str] = ()) -> _list[_str]:
        """Texts with commas between; empty ones do not count."""
        return self.read(
            name, [*default], lambda text: [part.strip() for part in text.split(",") if part.strip()], "a list"
        )

    def choice(self, name: _str, default: Word, choices: Collection[Word]) -> Word:
        def parse(text: _str) -> Word:
            return next(choice for choice in choices if choice == text)

        *others, last = choices
        return self.read(name, default, parse, f"{', '.join(others)} or {last}")

    def level(self, name: _str, default: _str) -> _str:
        """Of a log. Every name that Python has will do."""

        def parse(text: _str) -> _str:
            return logging.getLevelName(logging.getLevelNamesMapping()[text.strip().upper()])

        return self.read(name, default, parse, "DEBUG, INFO, WARNING, ERROR or CRITICAL")

    def duration(self, name: _str, default: _str) -> _str:
        """As PostgreSQL takes one."""

        def parse(text: _str) -> _str:
            if not re.fullmatch(r"\d{1,9} ?(ms|s|min|h|d)?", text.strip()):
                raise ValueError(text)
            return text.strip()

        return self.read(name, default, parse, "a time such as 500ms, 5s or 2min")

    def zone(self, name: _str, default: _str) -> _str:
        return self.read(name, default, lambda text: ZoneInfo(text).key, "a time zone such as Europe/Moscow")

    def networks(self, name: _str) -> _list[_str]:
        def parse(text: _str) -> _list[_str]:
            return [str(ip_network(part.strip())) for part in text.split(",") if part.strip()]

        return self.read(name, [], parse, "networks such as 10.0.0.0/8, with commas between")

    def database(self, name: _str, default: _str) -> dict[_str, Any]:
        """As DATABASES has it; nothing for an empty default."""
        expected = "sqlite:///var/db.sqlite3 or the like of postgres://user:password@host:5432/name"
        nothing = _database(default) if default else {}
        return self.read(name, nothing, _database, expected, holds_secret=True)

    def pool(self, name: _str) -> tuple[_int, _int] | None:
        """Connections, the least and the most; None without one."""

        def parse(text: _str) -> tuple[_int, _int] | None:
            if not text:
                return None
            least, most = (_int(number) for number in text.split(":"))
            if not 0 <= least <= most or most < 1:
                raise ValueError(text)
            return least, most

        return self.read(name, None, parse, "two numbers, the smaller one first, such as 4:20")

    def cache(self, name: _str, default: _str) -> dict[_str, Any]:
        """As CACHES has it."""

        def parse(text: _str) -> dict[_str, Any]:
            found: dict[_str, Any] = environ.Env.cache_url_config(text)
            return {**found, "BACKEND": found["BACKEND"]}

        return self.read(name, parse(default), parse, "the like of rediscache://host:6379/1", holds_secret=True)

    def mail(self, name: _str) -> dict[_str, Any]:
        """The server of outgoing mail; of nobody when it is not set."""

        def parse(text: _str) -> dict[_str, Any]:
            return dict(environ.Env.email_url_config(text or "dummymail://"))

        expected = "the like of smtp+tls://user:password@host:587"
        return self.read(name, parse(""), parse, expected, holds_secret=True)

    def broker(self, name: _str) -> _str:
        def parse(text: _str) -> _str:
            if text and text.partition("://")[0].partition("+")[0].lower() not in BROKERS:
                raise ValueError(text)
            return text

        return self.read(name, "", parse, "the like of redis://host:6379/0 or amqp://host", holds_secret=True)


def _within(value: Any, least: float | None, most: float | None) -> Any:
    if (least is not None and value < least) or (most is not None and value > most):
        raise ValueError(value)
    return value


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return ""
    return f", {least:g} at least" if most is None else f" from {least:g} to {most:g}"


def _database(text: str) -> dict[str, Any]:
    scheme = text.partition("://")[0]
    if scheme not in DATABASE_SCHEMES:
        raise ValueError(scheme)
    found: dict[str, Any] = environ.Env.db_url_config(text)
    if scheme != "sqlite" and not (found["NAME"] or found.get("OPTIONS", {}).get("service")):
        raise ValueError("no name")
    return found
