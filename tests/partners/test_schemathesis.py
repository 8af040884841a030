"""Everything that the document allows, and much that it does not, against the endpoints themselves.

No server error, no status that the document does not tell of, no answer that differs from its schema. The requests are
the same in every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.utils.translation import override
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backoffice.partners.openapi.document import document
from backoffice.wsgi import application
from orders.models import Order
from tests.partners.conftest import API, Partner
from tests.partners.endpoints import ORDER, calls, tell

EXAMPLES = 8  # requests that are made up for each operation, besides the examples and the edges of each schema
EDGES = 50  # are all tried; of those that follow, every fourth
# With all that is nested in them, orders have thousands of edges: making them alone would take minutes.
ENDLESS = [("/orders", "POST"), ("/orders", "PUT"), ("/orders/replace", "POST")]
ENDLESS_EXAMPLES = 30

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

pytestmark = pytest.mark.slow


def _schema(*, has_edges: bool) -> Any:
    with override("en"):
        loaded = schemathesis.openapi.from_dict(document())
    loaded.app = application
    loaded.config.phases.coverage.enabled = has_edges
    for path, method in ENDLESS:
        loaded = loaded.exclude(path=API + path, method=method) if has_edges else loaded
    return loaded if has_edges else loaded.include(lambda context: _is_endless(context.operation))


def _is_endless(operation: Any) -> bool:
    return (operation.path.removeprefix(API), operation.method.upper()) in ENDLESS


usual, endless = _schema(has_edges=True), _schema(has_edges=False)
bounded = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def stocked(partner: Partner) -> Iterator[Partner]:
    """A partner with an object of every kind."""
    for call in calls():
        if call.path.endswith("/replace"):
            partner.call("POST", call.path, call.body)
    tell(Order.objects.get(external_id=ORDER))
    # A request over WSGI would close the connection, and with it the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield partner
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def edges() -> Counter[str]:
    return Counter()


@usual.parametrize()
@settings(bounded, max_examples=EXAMPLES)
def test_whatever_is_asked_is_answered_as_the_document_says(case: Any, stocked: Partner, edges: Counter[str]) -> None:
    if case.meta.phase.name is TestPhase.COVERAGE:
        edges[case.operation.label] += 1
        if edges[case.operation.label] % 4 and edges[case.operation.label] > EDGES:
            return
    case.call_and_validate(headers={"Authorization": f"Bearer {stocked.text}"}, checks=CHECKS)


@endless.parametrize()
@settings(bounded, max_examples=ENDLESS_EXAMPLES)
def test_whatever_is_said_of_orders_is_answered_as_the_document_says(case: Any, stocked: Partner) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {stocked.text}"}, checks=CHECKS)
