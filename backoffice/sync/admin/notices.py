"""What everyone must know, shown above every admin page: a remote is off, paused or blocked; no worker is alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.sync import connection
from backoffice.sync.figures import SILENCE
from backoffice.sync.models import RemoteState, Worker


@dataclass(frozen=True)
class Notice:
    text: str
    url: str = ""
    is_bad: bool = True


# What apps above have to tell.
MORE: list[Callable[[HttpRequest], list[Notice]]] = []


def notices(request: HttpRequest) -> list[Notice]:
    """For signed-in staff only; the sign-in page tells nothing. Two queries, and one for each of MORE."""
    if not (request.user.is_active and request.user.is_staff):
        return []
    more = [notice for tell in MORE for notice in tell(request)]
    return [*_remote_notices(request), *_worker_notices(request), *more]


def _remote_notices(request: HttpRequest) -> list[Notice]:
    if not connection.is_on():
        text = _(
            "The connection to iRECA is off: its address or token is not set. Changes are kept and sent once it is on."
        )
        return [Notice(text, is_bad=False)]
    state = RemoteState.objects.filter(pk=connection.IRECA).first()
    if state is None or not (state.paused or state.block):
        return []
    url = _url(request, "remotestate", state.pk)
    if state.paused:
        return [Notice(_("The exchange with iRECA is paused. Changes are kept and sent when it is resumed."), url)]
    if state.block == RemoteState.Block.CONFIG:
        text = _("iRECA rejects our settings (address or token). Changes are kept. %(reason)s")
    else:
        text = _("iRECA is not reachable. Changes are kept and sent when it is back. %(reason)s")
    return [Notice(text % {"reason": state.reason}, url)]


def _worker_notices(request: HttpRequest) -> list[Notice]:
    if Worker.objects.filter(stopped_at__isnull=True, beat_at__gt=timezone.now() - SILENCE).exists():
        return []
    text = _("No worker is alive: nothing is sent and nothing is read. Start “manage.py worker”. Changes are kept.")
    return [Notice(text, _url(request, "worker"))]


def _url(request: HttpRequest, model: str, pk: str = "") -> str:
    """Where to look closer, for those who may."""
    if not request.user.has_perm(f"sync.view_{model}"):
        return ""
    return reverse(f"admin:sync_{model}_change", args=[pk]) if pk else reverse(f"admin:sync_{model}_changelist")
