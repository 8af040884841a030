"""A partner that speaks to `/api/v1/`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from backoffice.partners.models import Scope, Source, Token

API = "/api/v1"


class Partner:
    """A source with a token, and what a shop's program would do with it."""

    def __init__(self, title: str, scopes: list[str] | None = None, **values: Any) -> None:
        self.source = Source.objects.create(title=title, scopes=Scope.values if scopes is None else scopes, **values)
        self.token, self.text = Token.make(self.source)
        self.client = Client(headers={"authorization": f"Bearer {self.text}"}, raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
        content_type = {"content_type": "application/json"} if body is not None else {}
        return self.client.generic(method, f"{API}/{path}", data, headers=headers, **content_type)

    def get(self, path: str, **headers: str) -> Any:
        """The decoded answer; the status must be 200."""
        response = self.call("GET", path, **headers)
        content = response.getvalue()
        assert response.status_code == 200, content
        return json.loads(content)


@pytest.fixture
def partner(db: None) -> Partner:
    return Partner("Shop")


@pytest.fixture
def stranger(db: None) -> Partner:
    """Another partner with every scope."""
    return Partner("Another shop")
