"""Holds a session at the second step until it is passed, and at its set-up where one is demanded.

Whether a person has an authenticator is written into the session at login (`listening.py`), so that the gate costs no
query; whoever turns the second step on or off ends the other sessions.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from django_otp import DEVICE_ID_SESSION_KEY

from backoffice.accounts import second

DUE = "second_step_due"  # in the session

# What is open to who has not passed: the way through, the way out, the choice of language.
STEP, SETUP = "second-step", "account-authenticator"
OPEN = (STEP, "admin:logout", "admin:jsi18n", "set_language")


def links() -> str:
    """How addresses of links to choose a password begin: whose they are has nothing to do with who is logged in."""
    return f"{reverse('account')}password/"


class SecondStepMiddleware:
    """Stands after the sessions' limits."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        session = request.session
        if session.session_key is None or SESSION_KEY not in session or not request.user.is_authenticated:
            return self.get_response(request)
        if session.get(DUE):
            page = STEP
        elif DEVICE_ID_SESSION_KEY not in session and second.is_required(request.user):
            page = SETUP
        else:
            return self.get_response(request)
        if request.path in {reverse(name) for name in (*OPEN, page)} or request.path.startswith(links()):
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=403)
        return HttpResponseRedirect(f"{reverse(page)}?{urlencode({'next': request.get_full_path()})}")
