"""The bell in the header: how many notices ring, and the panel with them. Pages themselves pay nothing for it.

`bell.js` asks for the count once a minute and for the panel when it is opened. The answer about the count has an ETag,
so that it is sent again only when it changed; to who is signed out it is empty, which ends the asking.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from backoffice.sync import figures
from backoffice.sync.notices import kinds
from backoffice.sync.notices.models import NoticePreference
from backoffice.sync.notices.reading import kinds_for, mark_seen, open_for
from backoffice.values import moment

LISTED = 12  # notices in the panel; the page has all
# How long a kind can be put off: the name in the form, its words, and the span.
SPANS: dict[str, tuple[Any, timedelta]] = {
    "1h": (_("for an hour"), timedelta(hours=1)),
    "4h": (_("for 4 hours"), timedelta(hours=4)),
    "day": (_("for a day"), timedelta(days=1)),
    "week": (_("for a week"), timedelta(days=7)),
}


@require_safe
def count(request: HttpRequest) -> HttpResponse:
    """How many notices ring, as JSON."""
    if not admin.site.has_permission(request):
        return HttpResponse(status=204)
    now = timezone.now()
    ringing = [each for each in open_for(request.user, now) if each.rings]
    data = {
        "count": len(ringing),
        "isGrave": any(each.notice.is_grave for each in ringing),
        "newest": max((each.notice.changed_at.isoformat() for each in ringing), default=""),
        "text": words(len(ringing)),
    }
    response = JsonResponse(data)
    patch_cache_control(response, private=True, no_cache=True)
    etag = '"{}"'.format(hashlib.sha256(f"{get_language()} {request.user.pk} {data}".encode()).hexdigest()[:32])
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


def words(count: int) -> str:
    return ngettext("%(count)s new notice", "%(count)s new notices", count) % {"count": count}


@require_safe
def panel(request: HttpRequest) -> HttpResponse:
    return _panel(request)


def _panel(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    shown = [each for each in open_for(request.user, now) if each.put_off_until is None]
    unseen = [each for each in shown if each.rings]
    ordered = [*unseen, *(each for each in shown if not each.rings)]
    context = {
        "now": now,
        "shown": ordered[:LISTED],
        "unseen": len(unseen),
        "total": len(shown),
        **states(request, now),
    }
    response = TemplateResponse(request, "admin/notices/panel.html", context)
    patch_cache_control(response, private=True, no_store=True)
    return response


def states(request: HttpRequest, now: datetime) -> dict[str, Any]:
    """What the worker, which finds the notices, cannot tell of itself."""
    beat = figures.last_beat()
    return {"is_watched": beat is not None and beat > now - figures.SILENCE, "beat": beat}


@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """One notice, or all, as they were when the page was made."""
    now = timezone.now()
    shown = open_for(request.user, now)
    if (key := request.POST.get("notice")) is not None:
        shown = [each for each in shown if str(each.notice.pk) == key]
    mark_seen(request.user, shown, min(moment(request.POST.get("at", "")) or now, now))
    return _done(request)


@require_POST
def put_off(request: HttpRequest) -> HttpResponse:
    """Leave a kind alone for a while; no span takes it back."""
    user: Any = request.user
    kind = kinds.get(request.POST.get("kind", ""))
    if kind is None or kind not in kinds_for(request.user):
        raise Http404
    now = timezone.now()
    span = SPANS.get(request.POST.get("span", ""))
    preference, _is_new = NoticePreference.objects.get_or_create(user=user)
    preference.put_off(kind.name, now + span[1] if span is not None else None, now)
    preference.save(update_fields=["snoozed"])
    return _done(request)


def _done(request: HttpRequest) -> HttpResponse:
    """The panel anew for the bell, the page again for a form."""
    if request.headers.get("X-Bell"):
        return _panel(request)
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(back if is_ours else reverse("notices"))
