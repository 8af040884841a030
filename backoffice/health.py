"""Is this process alive (`/healthz`), and can it do its work (`/readyz`)? For supervisors and load balancers."""

import functools
import logging

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from backoffice.sync import figures

logger = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all. A slow database is no reason to restart the web process: not asked."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and has all migrations, 503 otherwise; the reason goes to the log, because anyone
    may ask.

    The queue's age and the worker's heartbeat are told for whoever watches them, and make nobody unready: with iRECA
    down or the worker stopped, people can work on and nothing is lost, whereas a balancer that took all web processes
    away would hide the very page that says what is wrong.
    """
    try:
        applied = MigrationRecorder(connection).applied_migrations()
        if missing := [name for name in _latest_migrations() if name not in applied]:
            logger.error("Not ready: migrations are missing: %s", ", ".join(".".join(name) for name in missing))
            return HttpResponse("migrations missing\n", status=503, content_type="text/plain")
        lines = figures.lines(timezone.now())
    except Error:
        logger.exception("Not ready: the database does not answer.")
        return HttpResponse("database unavailable\n", status=503, content_type="text/plain")
    return HttpResponse("\n".join(["ok", *lines, ""]), content_type="text/plain")


@functools.cache
def _latest_migrations() -> tuple[tuple[str, str], ...]:
    """The last migration of each app, which this code stands on; it cannot change while the process runs."""
    return tuple(MigrationLoader(None, ignore_no_migrations=True).graph.leaf_nodes())
