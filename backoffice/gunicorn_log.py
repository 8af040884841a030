"""gunicorn's log through ours: `gunicorn --logger-class backoffice.gunicorn_log.Log`.

Its own would print the callback secret with the address, in a format of its own. The settings are loaded by the first
process of gunicorn, so a changed setting takes a restart: a reload (HUP) keeps the old ones.
"""

from __future__ import annotations

import logging
import logging.config
import os
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from backoffice import trace

requests = logging.getLogger("backoffice.access")


class Log(Logger):
    """gunicorn's errors as any other records, and one record for each request."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
        from django.conf import settings

        logging.config.dictConfig(settings.LOGGING)
        self.error_log.handlers.clear()
        self.error_log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        given = {name.lower(): value for name, value in resp.headers}
        told = {
            "method": environ.get("REQUEST_METHOD"),
            "path": environ.get("RAW_URI"),
            "status": resp.status_code,
            "duration_ms": round(request_time.total_seconds() * 1000),
        }
        more = {
            "trace": given.get(trace.HEADER.lower(), ""),
            "bytes": resp.sent,
            "client": environ.get("REMOTE_ADDR"),
            "agent": environ.get("HTTP_USER_AGENT"),
        }
        requests.info("%(method)s %(path)s %(status)s %(duration_ms)s ms", told, extra={**told, **more})
