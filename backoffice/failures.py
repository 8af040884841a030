"""What people see instead of a page: what happened, what became of what they entered, and what to do.

These pages are made without the database, a session or the theme, since any of them may be what failed. Endpoints of
the API have words of their own (`backoffice/partners/api/errors.py`).
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from backoffice import trace
from backoffice.database import is_gone

log = logging.getLogger(__name__)

AGAIN = 5  # seconds until a page is asked for again when the database did not answer


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = _("The request cannot be understood, and nothing was stored. Go back, reload the page and try again.")
    return _page(request, 400, _("This cannot be read"), text)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = _("You have no right to this. An administrator can give it to you.")
    return _page(request, 403, _("Not for you"), text)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form of a session that has ended, or one that another site has sent."""
    text = _(
        "The form is too old, or you have logged in or out since. Nothing was stored. Go back, reload and try again."
    )
    return _page(request, 403, _("This form is no longer good"), text)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    text = _("The address is wrong, or what was here has been deleted.")
    return _page(request, 404, _("There is nothing here"), text)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 where the database does not answer or is busy, which passes; everything else is a fault of ours."""
    error = sys.exc_info()[1]
    if isinstance(error, (OperationalError, InterfaceError)) and is_gone(error):
        text = _(
            "The database does not answer at the moment. Look whether what you sent is there before you send it again."
        )
        if request.method in ("GET", "HEAD"):
            text = _("The database does not answer at the moment. The page is asked for again by itself.")
        response = _page(request, 503, _("One moment"), text, again=AGAIN if request.method == "GET" else None)
        response["Retry-After"] = str(AGAIN)
        return response
    text = _(
        "This is a fault of the program. Look whether what you sent is there. Tell your administrator the number below."
    )
    return _page(request, 500, _("Something went wrong"), text)


def _page(request: HttpRequest, status: int, title: str, text: str, *, again: int | None = None) -> HttpResponse:
    context: dict[str, Any] = {"status": status, "title": title, "text": text, "again": again, "trace": trace.current()}
    try:
        return HttpResponse(render_to_string("failure.html", context), status=status)
    except Exception:
        log.exception("the page of a failure cannot be made either")
        return HttpResponse(f"{status} {title}. {text}", status=status, content_type="text/plain; charset=utf-8")
