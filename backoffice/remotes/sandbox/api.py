"""A request of iRECA's API from its bytes to its answer, without a socket: authorisation, routing, validation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from .errors import Refusal
from .operations import Answer, Call
from .orders import Orders
from .recording import Recorded, Reply, json_reply, loads
from .routes import Endpoint, find
from .schema import CREATE, Record, read_fields
from .state import State


def error_reply(status: int, message: str) -> Reply:
    """The documented error (seed line 28), as JSON."""
    return json_reply(status, {"error": True, "message": message})


class Api(Recorded):
    """The service behind /api/v1."""

    root = "/api/v1/"

    def __init__(self, state: State, orders: Orders, token: str, keep: int) -> None:
        super().__init__(state, keep)
        self._orders = orders
        self._token = token

    def refusal(self, refusal: Refusal) -> Reply:
        options = self._state.options
        status = options.error_status if options.error_status == 200 else refusal.status or options.error_status
        return error_reply(status, refusal.message)

    def answer(self, method: str, path: str, raw_query: str, headers: Any, body: bytes) -> Reply:
        if headers.get("Authorization", "") != f"Bearer {self._token}":
            raise Refusal("Необходима авторизация: неверный или отсутствующий токен", status=401)
        pairs = parse_qsl(raw_query, keep_blank_values=True)
        query = dict(pairs)
        if len(query) != len(pairs):
            raise Refusal("Параметр запроса повторяется")
        endpoint, known = find(method, path, query)
        if endpoint is None:
            raise Refusal("Метод не поддерживается" if known else "Адрес не существует", status=405 if known else 404)
        call = Call(
            self._state, self._orders, self._read_query(endpoint, query), self._read_body(endpoint, headers, body)
        )
        with self._state.lock:
            answer = endpoint.operation(call)
            self._state.store.flush()
        return _reply(answer)

    def _read_query(self, endpoint: Endpoint, query: dict[str, str]) -> Record:
        strict = self._state.options.strict
        fields = endpoint.query
        # Both are "required" and count has a default (T04): required only of those who are strict.
        lenient = not strict and "page" not in query
        if lenient:
            fields = tuple(each for each in fields if each.name not in ("page", "count"))
        return read_fields(fields, query, CREATE, "запрос", strict)

    def _read_body(self, endpoint: Endpoint, headers: Any, body: bytes) -> Any:
        if not endpoint.body:
            return None
        if "json" not in headers.get("Content-Type", ""):
            raise Refusal("Ожидается Content-Type: application/json")
        parsed = loads(body, Decimal)
        if endpoint.body == "array" and not isinstance(parsed, list):
            if isinstance(parsed, dict) and not self._state.options.strict:
                return [parsed]
            raise Refusal("Ожидается массив объектов в формате JSON")
        if endpoint.body == "object" and not isinstance(parsed, dict):
            if isinstance(parsed, list) and len(parsed) == 1 and not self._state.options.strict:
                return parsed[0]
            raise Refusal("Ожидается объект в формате JSON")
        return parsed


def _reply(answer: Answer) -> Reply:
    if answer.rows is not None:
        return Reply(answer.status, _stream(answer.rows), {"Content-Type": "application/json; charset=utf-8"})
    if answer.body is None:
        return Reply(answer.status)
    if answer.trailing_commas:
        text = json.dumps(answer.body, ensure_ascii=False, indent=0).replace("\n}", ",\n}")
        return Reply(answer.status, iter((text.encode(),)), {"Content-Type": "application/json; charset=utf-8"})
    return json_reply(answer.status, answer.body)


def _stream(rows: Any) -> Iterator[bytes]:
    """A JSON array, some rows at a time."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    opening = "["
    part: list[str] = []
    for row in rows:
        part.append(encode(row))
        if len(part) == 100:
            yield (opening + ",".join(part)).encode()
            opening, part = ",", []
    if part:
        yield (opening + ",".join(part)).encode()
        opening = ","
    yield b"[]" if opening == "[" else b"]"
