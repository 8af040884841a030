"""Who may read `/metrics`, and what it answers.

Not everyone: the figures tell how a business goes. Whoever sends METRICS_TOKEN as a bearer token may, and staff who may
see Sync health. A stranger sees no such page, with or without a token being set.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import django
from django.conf import settings
from django.db import Error, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import backoffice
from backoffice.metrics import business, exchange
from backoffice.metrics.families import gauge, single
from backoffice.secrets import matches
from backoffice.sync.admin.health import VIEW

logger = logging.getLogger(__name__)

SOURCES: tuple[Callable[[datetime], Iterator[GaugeMetricFamily]], ...] = (
    *(exchange.remotes, exchange.pushes, exchange.callbacks, exchange.exchanges, exchange.readings),
    *(exchange.workers, exchange.conflicts),
    *(business.orders, business.receipts, business.licences, business.webhooks),
)


class Figures(Collector):
    """All families, read anew for each answer; the number of queries is fixed."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        started, now = time.perf_counter(), timezone.now()
        yield gauge(
            "build_info",
            "What runs here.",
            [([backoffice.__version__, platform.python_version(), django.__version__, connection.vendor], 1)],
            ("version", "python", "django", "database"),
        )
        for source in SOURCES:
            yield from source(now)
        yield single("scrape_seconds", "How long it took to read these figures.", time.perf_counter() - started)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, in the format that is asked for. 503 while the database does not answer."""
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry()
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        registry.register(Figures())
        return HttpResponse(encode(registry), content_type=content_type)
    except Error:
        logger.exception("No metrics: the database does not answer.")
        return HttpResponse("database unavailable\n", status=503, content_type="text/plain")


def _may_read(request: HttpRequest) -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return matches(token.strip(), settings.METRICS_TOKEN, *settings.METRICS_TOKEN_FALLBACKS)
    return request.user.is_active and request.user.is_staff and request.user.has_perm(VIEW)
