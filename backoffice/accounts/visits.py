"""Sessions: how long they last, which of them a person has, and their end.

A session holds when it began and was last used, so that its limits cost no query. `Visit` is what people see of it;
ending one deletes the session itself, and so its next request is nobody's, in whatever process.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from backoffice.accounts import audit
from backoffice.accounts.models import Event, Visit

VISIT, BEGUN, SEEN = "visit", "visit_begun", "visit_seen"  # in the session; times are seconds of the epoch
NOTED_EVERY = 60.0  # seconds: how exactly the last use is known
PRESENCE = "/together/"  # what a form posts by itself


def begin(request: HttpRequest, user: Any) -> Visit:
    """The session of this request is the person's from now on."""
    session = request.session
    if session.session_key is None:
        session.save()
    now = timezone.now()
    visit, _is_new = Visit.objects.update_or_create(
        key=session.session_key,
        defaults={
            "user": user,
            "begun_at": now,
            "seen_at": now,
            "address": audit.address(request),
            "agent": request.META.get("HTTP_USER_AGENT", "")[:300],
        },
    )
    session[VISIT], session[BEGUN], session[SEEN] = visit.pk, now.timestamp(), now.timestamp()
    return visit


def open_of(user: Any) -> QuerySet[Visit]:
    """The sessions of a person that still last, the latest first."""
    now = timezone.now()
    return Visit.objects.filter(
        user=user,
        ended_at=None,
        seen_at__gt=now - timedelta(hours=settings.SESSION_IDLE_HOURS),
        begun_at__gt=now - timedelta(hours=settings.SESSION_HOURS),
    )


def end(visits: QuerySet[Visit], why: Visit.End) -> int:
    """End sessions at once. Returns how many there were."""
    found = list(visits.filter(ended_at=None).values_list("pk", "key"))
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for _pk, key in found:
        if key:
            store(key).delete()
    Visit.objects.filter(pk__in=[pk for pk, _key in found]).update(key=None, ended_at=timezone.now(), end=why)
    return len(found)


def end_others(request: HttpRequest | None, user: Any, why: Visit.End) -> int:
    """End a person's sessions but the one in which he asks for it, if it is he who asks."""
    visits = Visit.objects.filter(user=user)
    if request is not None and getattr(request, "user", None) == user:
        visits = visits.exclude(pk=request.session.get(VISIT, 0))
    return end(visits, why)


class VisitMiddleware:
    """Ends a session that has lasted too long or was not used for too long, and notes the use of any other.

    Stands after the middleware of authentication.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        session = request.session
        if session.session_key is None or SESSION_KEY not in session or not request.user.is_authenticated:
            return self.get_response(request)
        if VISIT not in session:
            begin(request, request.user)  # it began before visits were noted
        if (why := _over(session, time.time())) is not None:
            session["visit_why"] = why
            logout(request)
            return self.get_response(request)
        _use(request)
        key = session.session_key
        response = self.get_response(request)
        if session.session_key != key and (visit := session.get(VISIT)) is not None:
            Visit.objects.filter(pk=visit, ended_at=None).update(key=session.session_key)  # the key was changed
        return response


def ended(request: HttpRequest, user: Any) -> None:
    """The session of this request is about to be flushed."""
    session = request.session
    why = Visit.End(session.pop("visit_why", Visit.End.LOGOUT))
    visit: int = session.get(VISIT, 0)
    Visit.objects.filter(pk=visit, ended_at=None).update(key=None, ended_at=timezone.now(), end=why)
    if why == Visit.End.LOGOUT:
        audit.note(Event.Kind.LOGOUT, actor=user, request=request)
    else:
        audit.note(Event.Kind.SESSION_ENDED, user, actor=user, request=request, why=why)


def _over(session: Any, now: float) -> Visit.End | None:
    if now - session[BEGUN] > settings.SESSION_HOURS * 3600:
        return Visit.End.AGE
    if now - session[SEEN] > settings.SESSION_IDLE_HOURS * 3600:
        return Visit.End.IDLE
    return None


def _use(request: HttpRequest) -> None:
    session, now = request.session, time.time()
    if now - session[SEEN] < NOTED_EVERY or _is_in_background(request):
        return
    session[SEEN] = now
    Visit.objects.filter(pk=session[VISIT]).update(seen_at=timezone.now(), address=audit.address(request))


def _is_in_background(request: HttpRequest) -> bool:
    """Whether a script asks, as live lists do every few seconds whether anybody sits before them or not. What it
    posts is a person's doing, but for the presence.
    """
    by_script = request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    return by_script and (request.method in ("GET", "HEAD") or request.path.endswith(PRESENCE))
