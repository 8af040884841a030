"""A shared cache that is away costs nobody a request, and nobody a wait."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

import pytest
import redis
from django.core.cache.backends.base import BaseCache

from backoffice import forgetful
from tests.broker import free_port, valkey


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetful.Client, "away_until", float("-inf"))


def cache_at(port: int, **options: Any) -> BaseCache:
    return forgetful.Forgetful(f"redis://127.0.0.1:{port}/1", {"OPTIONS": options})


def test_one_that_is_there_keeps_what_it_is_given() -> None:
    port = free_port()
    with valkey(port):
        cache = cache_at(port)
        assert cache.add("rate", 0, 60) is True
        assert cache.add("rate", 5, 60) is False
        assert cache.incr("rate") == 1
        cache.set_many({"a": 1, "b": [2]})
        assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": [2]}
        assert cache.delete("a") is True
        assert cache.get("a", "none") == "none"
        with pytest.raises(ValueError, match="not found"):
            cache.incr("never")


def test_one_that_is_away_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    cache = cache_at(free_port())
    with caplog.at_level(logging.WARNING):
        cache.set("a", 1)
        assert cache.get("a") is None
        assert cache.get("a", 7) == 7
        assert cache.add("a", 1) is False
        assert cache.get_many(["a"]) == {}
        assert cache.has_key("a") is False
        assert cache.touch("a") is False
        assert cache.delete("a") is False
        cache.delete_many(["a"])
        assert cache.set_many({"a": 1}) in (None, [])
        assert cache.get_or_set("a", 3) == 3
        with pytest.raises(ValueError, match="not found"):
            cache.incr("a")
    assert len(caplog.records) == 1  # asked once, and not again for a while


def test_one_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    cache = cache_at(port)
    monkeypatch.setattr(forgetful, "PAUSE", 600)
    cache.set("a", 1)
    with valkey(port):
        cache.set("a", 1)
        assert cache.get("a") is None  # not asked yet
        monkeypatch.setattr(forgetful.Client, "away_until", time.monotonic())
        cache.set("a", 1)
        assert cache.get("a") == 1


def test_one_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = cache_at(silent.getsockname()[1], socket_timeout=0.2)
        began = time.monotonic()
        for _ in range(50):
            assert cache.get("a") is None
        assert time.monotonic() - began < 5


def test_one_that_is_full_takes_nothing() -> None:
    port = free_port()
    with valkey(port):
        server = redis.Redis(port=port)
        server.config_set("maxmemory", "1")
        server.config_set("maxmemory-policy", "noeviction")
        assert cache_at(port).add("rate", 0, 60) is False
