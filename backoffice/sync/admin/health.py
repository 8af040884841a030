"""The page *Sync health*: is everything that was changed on its way, and if not, what stops it and what can be done.

It shows the figures of `backoffice.sync.figures` and refreshes itself. It belongs to no model, so `backoffice/urls.py`
mounts it beside the admin. Its buttons are POSTs to `<command>/`, each with a right of its own; what they are about is
in the query, so that a confirmation page is the same address again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from backoffice.sync import connection, figures, personal, pull
from backoffice.sync.admin.confirm import is_confirmed
from backoffice.sync.admin.labels import badge
from backoffice.sync.admin.outbox import KINDS as PUSH_KINDS
from backoffice.sync.admin.pulls import KINDS as PULL_KINDS
from backoffice.sync.models import Push, RemoteState, Worker
from backoffice.sync.outbox import make_due
from backoffice.sync.refresh import unavailable
from backoffice.sync.titles import entity_title

VIEW = "sync.view_push"


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    now = timezone.now()
    queue, failures = figures.queue(now), figures.failures()
    context = {
        **admin.site.each_context(request),
        "title": _("Sync health"),
        "now": now,
        "remotes": [_remote(remote) for remote in figures.remotes()],
        "queue": queue,
        "queue_url": _list("push"),
        "refused_count": queue.count(Push.State.REFUSED),
        "unknown_count": queue.count(Push.State.UNKNOWN),
        "recent_rate": queue.done_recently / figures.RECENT.total_seconds() * 60,
        "states": [(state, Push.State(state).label) for state in Push.OPEN],
        "kinds": [_kind(kind) for kind in queue.kinds],
        "failures": [_failure(failure) for failure in failures],
        "inbox": figures.inbox(now),
        "callbacks_url": _list("callback") if request.user.has_perm("sync.view_callback") else "",
        "readings": [_reading(reading) for reading in figures.readings()],
        "workers": [_worker(worker) for worker in figures.workers(now)],
        "traffic": figures.traffic(now),
        "exchanges_url": _list("exchange") if request.user.has_perm("sync.view_exchange") else "",
        **{f"may_{name}": request.user.has_perm(command.permission) for name, command in COMMANDS.items()},
    }
    return TemplateResponse(request, "admin/sync/health.html", context)


# what the template is told of each row


def _list(model: str, **query: str) -> str:
    return reverse(f"admin:sync_{model}_changelist", query=query or None)


def _button(command: str, **query: str) -> str:
    return reverse("sync-health-command", args=[command], query=query)


def _remote(remote: figures.Remote) -> dict[str, Any]:
    state = remote.state
    if not remote.is_on:
        label = badge(_("Off"), "warning")
        why = connection.why_off(remote.name)
        why += " " + _("Changes are kept and sent once it is on.")
    elif remote.is_paused:
        label, why = (
            badge(_("Paused"), "warning"),
            _("Paused by a person. Changes are kept and sent when it is resumed."),
        )
    elif remote.is_blocked and state is not None:
        label, why = badge(state.get_block_display(), "danger"), state.reason
    else:
        label, why = badge(_("Works"), "success"), ""
    return {
        "remote": remote,
        "title": connection.TITLES[remote.name],
        "badge": label,
        "why": why,
        "pause_url": _button("pause", remote=remote.name),
        "resume_url": _button("resume", remote=remote.name),
        "unblock_url": _button("unblock", remote=remote.name),
    }


def _kind(kind: figures.Kind) -> dict[str, Any]:
    counts = [
        (kind.by_state.get(state, 0), _list("push", entity=kind.entity, state=state), PUSH_KINDS[state])
        for state in Push.OPEN
    ]
    return {"kind": kind, "title": entity_title(kind.entity), "counts": counts}


def _failure(failure: figures.Failure) -> dict[str, Any]:
    query = {"entity": failure.entity, "state": failure.state, "like": failure.digest}
    return {
        "failure": failure,
        "text": personal.said(failure.text),
        "title": entity_title(failure.entity),
        "badge": badge(Push.State(failure.state).label, PUSH_KINDS.get(failure.state, "")),
        "url": _list("push", **query),
        "retry_url": _button("retry", **query) if failure.can_be_retried else "",
    }


def _reading(reading: figures.Reading) -> dict[str, Any]:
    run = reading.last
    return {
        "reading": reading,
        "title": entity_title(reading.name),
        "badge": badge(run.get_state_display(), PULL_KINDS.get(run.state, "")) if run is not None else "",
        "url": reverse("admin:sync_pull_change", args=[run.pk]) if run is not None else "",
        "pull_url": _button("pull", what=reading.name),
    }


def _worker(worker: Worker) -> dict[str, Any]:
    if figures.is_alive(worker):
        label = badge(_("Alive"), "success")
    else:
        label = badge(_("Stopped")) if worker.stopped_at else badge(_("No heartbeat"), "danger")
    return {"worker": worker, "badge": label}


# what can be done


@dataclass(frozen=True)
class Command:
    """`run` acts on what the query names and tells what came of it. `question` returns what is to be confirmed first;
    both raise Http404 where the query names nothing.
    """

    permission: str
    run: Callable[[HttpRequest], None]
    question: Callable[[HttpRequest], tuple[str, str]] | None = None


@require_POST
def command(request: HttpRequest, name: str) -> HttpResponse:
    """A button of the page."""
    if (found := COMMANDS.get(name)) is None:
        raise Http404
    if not (request.user.has_perm(VIEW) and request.user.has_perm(found.permission)):
        raise PermissionDenied
    if found.question is not None and not is_confirmed(request):
        title, question = found.question(request)
        context = {
            **admin.site.each_context(request),
            "title": title,
            "question": question,
            "action": name,
            "back": reverse("sync-health"),
        }
        return TemplateResponse(request, "admin/sync/confirm.html", context)
    found.run(request)
    return HttpResponseRedirect(reverse("sync-health"))


def _named_remote(request: HttpRequest) -> str:
    remote = request.GET.get("remote", "")
    if remote not in {remote.name for remote in figures.remotes()}:
        raise Http404
    return remote


def _set_paused(request: HttpRequest, remote: str, paused: bool, text: str) -> None:
    state, _created = RemoteState.objects.update_or_create(pk=remote, defaults={"paused": paused})
    _note(request, state, text)


def _note(request: HttpRequest, state: RemoteState, text: str) -> None:
    assert request.user.pk is not None  # nobody else has a right
    LogEntry.objects.log_actions(request.user.pk, [state], CHANGE, text, single_object=True)
    messages.success(request, f"{connection.TITLES[state.pk]}: {text}")


def _ask_pause(request: HttpRequest) -> tuple[str, str]:
    name = connection.TITLES[_named_remote(request)]
    question = _("Nothing is sent to %(name)s and nothing is read from it until somebody resumes it. Changes are kept.")
    return _("Pause the exchange"), question % {"name": name}


def _pause(request: HttpRequest) -> None:
    _set_paused(request, _named_remote(request), True, _("Paused."))


def _resume(request: HttpRequest) -> None:
    _set_paused(request, _named_remote(request), False, _("Resumed."))


def _unblock(request: HttpRequest) -> None:
    remote = _named_remote(request)
    connection.unblock(remote, impatiently=True)
    _note(request, RemoteState.objects.get_or_create(pk=remote)[0], _("It is tried again now."))


def _failed_alike(request: HttpRequest) -> figures.Failure:
    """Which pushes: as the row of the page counted them. Those whose answer was lost are never repeated at once."""
    asked, like = (request.GET.get("entity"), request.GET.get("state")), request.GET.get("like", "")
    for failure in figures.failures():
        if (failure.entity, failure.state) == asked and failure.is_named(like) and failure.can_be_retried:
            return failure
    raise Http404


def _where(failure: figures.Failure) -> dict[str, str]:
    return {"entity": failure.entity, "state": failure.state, **failure.alike}


def _ask_retry(request: HttpRequest) -> tuple[str, str]:
    failure = _failed_alike(request)
    count = Push.objects.filter(**_where(failure)).count()
    question = ngettext(
        "%(count)d push is sent again now: %(entity)s, “%(error)s”.",
        "%(count)d pushes are sent again now: %(entity)s, “%(error)s”.",
        count,
    )
    title = _("Retry all of this kind")
    return title, question % {
        "count": count,
        "entity": entity_title(failure.entity),
        "error": personal.said(failure.text),
    }


def _retry(request: HttpRequest) -> None:
    where = _where(_failed_alike(request))
    remotes = Push.objects.filter(**where).order_by().values_list("remote", flat=True).distinct()
    count = sum(make_due(remote, **where) for remote in list(remotes))
    text = ngettext("%(count)d push is sent again now.", "%(count)d pushes are sent again now.", count)
    messages.success(request, text % {"count": count})


def _pull(request: HttpRequest) -> None:
    reader = pull.find(request.GET.get("what", ""))
    if reader is None:
        raise Http404
    pull.request(reader.name, user=request.user)
    messages.success(request, _("Asked for: %(names)s") % {"names": entity_title(reader.name)})
    if why := unavailable(reader.remote):
        messages.warning(request, why)


COMMANDS = {
    "pause": Command("sync.change_remotestate", _pause, _ask_pause),
    "resume": Command("sync.change_remotestate", _resume),
    "unblock": Command("sync.change_remotestate", _unblock),
    "retry": Command("sync.change_push", _retry, _ask_retry),
    "pull": Command("sync.change_pull", _pull),
}

urlpatterns = [
    path("", admin.site.admin_view(health), name="sync-health"),
    path("<str:name>/", admin.site.admin_view(command), name="sync-health-command"),
]
