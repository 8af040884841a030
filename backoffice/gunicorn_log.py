"""gunicorn's log through ours: `gunicorn --logger-class backoffice.gunicorn_log.Log`.

Its own would print the callback secret with the address, in a format of its own. This is made by gunicorn's first
process, which lives on when settings and code are read anew (HUP): so nothing else of ours is imported before a worker
does it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger


class Log(Logger):
    """One record for each request. What goes wrong in a worker is a record like any other (`adopt`)."""

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        from backoffice import trace

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
        requests = logging.getLogger("backoffice.access")
        requests.info("%(method)s %(path)s %(status)s %(duration_ms)s ms", told, extra={**told, **more})


def adopt() -> None:
    """From here on the errors of this process are logged as the settings say; gunicorn's own handler masks nothing."""
    errors = logging.getLogger("gunicorn.error")
    errors.handlers.clear()
    errors.propagate = True
