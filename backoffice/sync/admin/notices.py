"""What everyone must know, shown above every admin page: a remote is off, paused or blocked; no worker is alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import Q
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
    """iRECA is missed when it is off; a register service that nobody has set up is not."""
    told = []
    if not connection.is_on():
        text = connection.why_off(connection.IRECA) + " " + _("Changes are kept and sent once it is on.")
        told.append(Notice(text, is_bad=False))
    for state in RemoteState.objects.filter(Q(paused=True) | ~Q(block="")).order_by("pk"):
        if not connection.is_on(state.pk):
            continue
        if state.paused:
            text = _("The exchange with %(remote)s is paused. Changes are kept and sent when it is resumed.")
        elif state.block == RemoteState.Block.CONFIG:
            text = _("%(remote)s rejects our settings (address or token). Changes are kept. %(reason)s")
        else:
            text = _("%(remote)s is not reachable. Changes are kept and sent when it is back. %(reason)s")
        said = {"remote": connection.TITLES[state.pk], "reason": state.reason}
        told.append(Notice(text % said, _url(request, "remotestate", state.pk)))
    return told


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
