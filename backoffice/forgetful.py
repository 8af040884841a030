"""A shared cache that may be away, or full: it holds nothing then, and nobody fails or waits because of it.

What is kept in it is of the kind that may be lost at any time (the count of a partner's requests). Whoever looks after
the machines is told by the log and by the doctor.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

PAUSE = 5.0  # seconds for which a cache that did not answer is not asked
TIMEOUT = 1.0  # seconds in which it must answer


def _unless_away(method: Callable[..., Any], nothing: Callable[..., Any]) -> Callable[..., Any]:
    """The method; while the cache is away what `nothing` returns for the same arguments."""

    @wraps(method)
    def asked(self: Client, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < Client.away_until:
            return nothing(*args, **kwargs)
        try:
            return method(self, *args, **kwargs)
        except (RedisError, OSError) as error:  # away, full, or read-only: none of it is the caller's matter
            Client.away_until = time.monotonic() + PAUSE
            log.warning("the cache does not answer and is not asked for %.0f s: %s", PAUSE, error)
            return nothing(*args, **kwargs)

    return asked


def _unknown(key: str, *_args: Any, **_kwargs: Any) -> int:
    raise ValueError(f"Key {key!r} not found.")  # as Django has it for a key that is not there


class Client(RedisCacheClient):
    """What talks to the server. `away_until`: of all threads of the process, by `time.monotonic()`."""

    away_until = float("-inf")

    add = _unless_away(RedisCacheClient.add, lambda *_args, **_kwargs: False)
    get = _unless_away(RedisCacheClient.get, lambda _key, default=None: default)
    set = _unless_away(RedisCacheClient.set, lambda *_args, **_kwargs: None)
    touch = _unless_away(RedisCacheClient.touch, lambda *_args, **_kwargs: False)
    delete = _unless_away(RedisCacheClient.delete, lambda *_args, **_kwargs: False)
    get_many = _unless_away(RedisCacheClient.get_many, lambda *_args, **_kwargs: {})
    has_key = _unless_away(RedisCacheClient.has_key, lambda *_args, **_kwargs: False)
    incr = _unless_away(RedisCacheClient.incr, _unknown)
    set_many = _unless_away(RedisCacheClient.set_many, lambda *_args, **_kwargs: None)
    delete_many = _unless_away(RedisCacheClient.delete_many, lambda *_args, **_kwargs: None)
    clear = _unless_away(RedisCacheClient.clear, lambda *_args, **_kwargs: False)


class Forgetful(RedisCache):
    """Django's own, with that client. Its server, `?socket_timeout=` and the like come from CACHE_URL."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        once = Retry(NoBackoff(), 0)  # its own would keep a request for seconds
        options = {"socket_connect_timeout": TIMEOUT, "socket_timeout": TIMEOUT, "retry": once}
        options.update(params.get("OPTIONS", {}))
        super().__init__(server, {**params, "OPTIONS": options})
        self._class = Client
