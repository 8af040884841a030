"""What goes wrong with the exchange itself: remotes, pushes, conflicts, callbacks, schedules, workers, mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync import connection, figures
from backoffice.sync.figures import SILENCE
from backoffice.sync.mirror import registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Callback, NoticePreference, Push, RemoteState, Schedule, Worker
from backoffice.sync.notices.kinds import Kind, Params, Trouble, register
from backoffice.sync.personal import mask_said
from backoffice.sync.titles import entity_title

DOWN = timedelta(minutes=5)  # a remote that answers no more for so long is worth a person's time
STUCK = timedelta(hours=1)  # of a change that could leave
FAILURES = 3  # of a schedule, in a row
LATELY = timedelta(days=1)
DIED = timedelta(hours=1)  # how long a worker that was not stopped is missed
REASON = 300  # characters of an error in a notice


def listed(model: str, **query: str) -> str:
    """The address of a list of the admin, filtered."""
    return reverse(f"admin:{model}_changelist", query=query or None)


def _remotes(now: datetime) -> Iterator[Trouble]:
    for state in RemoteState.objects.filter(Q(paused=True) | ~Q(block="")):
        if not connection.is_on(state.pk):
            continue
        why = "paused" if state.paused else state.block
        silent = state.last_ok_at is None or state.last_ok_at < now - DOWN
        if why == RemoteState.Block.LIMIT or (why == RemoteState.Block.DOWN and not silent):
            continue
        yield Trouble(
            key=f"{state.pk}:{why}",
            url=reverse("admin:sync_remotestate_change", args=[state.pk]),
            params={"remote": connection.TITLES[state.pk], "why": why, "reason": mask_said(state.reason)[:REASON]},
            is_grave=not state.paused,
        )


def _remote_text(params: Params) -> str:
    if params["why"] == "paused":
        return _("The exchange with %(remote)s is paused.") % params
    if params["why"] == RemoteState.Block.CONFIG:
        return _("%(remote)s rejects our settings (address or token). %(reason)s") % params
    return _("%(remote)s is not reachable. %(reason)s") % params


def _pushes(state: Push.State) -> Iterator[Trouble]:
    found = Push.objects.filter(state=state).order_by().aggregate(count=Count("pk"), since=Min("changed_at"))
    if found["count"]:
        yield Trouble(url=listed("sync_push", state=state.value), is_grave=True, **found)


def _stuck(now: datetime) -> Iterator[Trouble]:
    """Not those of a remote that is paused or not reachable: that is told already."""
    blocked = RemoteState.objects.filter(Q(paused=True) | ~Q(block="")).values_list("pk", flat=True)
    remotes = [name for name in connection.TITLES if connection.is_on(name) and name not in set(blocked)]
    rows = Push.objects.filter(state=Push.State.QUEUED, changed_at__lt=now - STUCK, remote__in=remotes).order_by()
    found = rows.aggregate(count=Count("pk"), since=Min("changed_at"))
    if found["count"]:
        yield Trouble(url=listed("sync_push", state=Push.State.QUEUED.value), **found)


def _conflicts(now: datetime) -> Iterator[Trouble]:
    counts = figures.conflicts()
    for mirror in registry.ranked():
        options = mirror.model._meta
        if count := counts.get(mirror.entity):
            yield Trouble(
                key=mirror.entity,
                url=listed(f"{options.app_label}_{options.model_name}", sync_state__exact=SyncState.CONFLICT.value),
                count=count,
                params={"entity": mirror.entity},
                permission=f"{options.app_label}.view_{options.model_name}",
            )


def _conflict_text(params: Params) -> str:
    return _("%(title)s in conflict: %(count)s") % {**params, "title": entity_title(params["entity"])}


def _callbacks(now: datetime) -> Iterator[Trouble]:
    rows = Callback.objects.filter(received_at__gte=now - LATELY, state=Callback.State.FAILED).order_by()
    found = rows.aggregate(count=Count("pk"), since=Min("received_at"))
    if found["count"]:
        yield Trouble(url=listed("sync_callback", state__exact=Callback.State.FAILED.value), **found)


def _schedules(now: datetime) -> Iterator[Trouble]:
    for schedule in Schedule.objects.filter(enabled=True, failures__gte=FAILURES):
        yield Trouble(
            key=schedule.name,
            url=reverse("admin:sync_schedule_change", args=[schedule.pk]),
            count=schedule.failures,
            params={"name": schedule.name, "error": mask_said(schedule.error)[:REASON]},
        )


def _schedule_text(params: Params) -> str:
    return _("“%(title)s” could not be read %(count)s times in a row. %(error)s") % {
        **params,
        "title": entity_title(params["name"]),
    }


def _workers(now: datetime) -> Iterator[Trouble]:
    """Those that ended without being stopped. That none is left, no worker can tell: each page does."""
    for worker in Worker.objects.filter(stopped_at=None, beat_at__lt=now - SILENCE, beat_at__gt=now - DIED):
        yield Trouble(key=str(worker.pk), url=listed("sync_worker"), params={"name": worker.name}, since=worker.beat_at)


def _mail(now: datetime) -> Iterator[Trouble]:
    failing = NoticePreference.objects.filter(mail_failures__gt=0)
    found = failing.aggregate(count=Count("pk"), error=Max("mail_error"))
    if found["count"]:
        yield Trouble(url=reverse("notices-settings"), count=found["count"], params={"error": found["error"][:REASON]})


register(
    Kind(
        "remotes",
        gettext_lazy("Remotes that are paused or not reachable"),
        ("sync.view_remotestate",),
        _remotes,
        _remote_text,
    ),
    Kind(
        "refused",
        gettext_lazy("Changes that were refused"),
        ("sync.view_push",),
        lambda now: _pushes(Push.State.REFUSED),
        lambda params: (
            ngettext("%(count)s change was refused", "%(count)s changes were refused", params["count"]) % params
        ),
    ),
    Kind(
        "unknown",
        gettext_lazy("Commands whose answer was lost"),
        ("sync.view_push",),
        lambda now: _pushes(Push.State.UNKNOWN),
        lambda params: (
            ngettext(
                "The answer to %(count)s command was lost: tell whether it was done",
                "The answers to %(count)s commands were lost: tell whether they were done",
                params["count"],
            )
            % params
        ),
    ),
    Kind(
        "stuck",
        gettext_lazy("Changes that wait for more than an hour"),
        ("sync.view_push",),
        _stuck,
        lambda params: (
            ngettext(
                "%(count)s change waits for more than an hour to be sent",
                "%(count)s changes wait for more than an hour to be sent",
                params["count"],
            )
            % params
        ),
    ),
    Kind("conflicts", gettext_lazy("Conflicts"), (), _conflicts, _conflict_text),
    Kind(
        "callbacks",
        gettext_lazy("Callbacks that could not be processed"),
        ("sync.view_callback",),
        _callbacks,
        lambda params: (
            ngettext(
                "%(count)s callback of the last day could not be processed",
                "%(count)s callbacks of the last day could not be processed",
                params["count"],
            )
            % params
        ),
    ),
    Kind("schedules", gettext_lazy("Reading that fails"), ("sync.view_schedule",), _schedules, _schedule_text),
    Kind(
        "workers",
        gettext_lazy("Workers that died"),
        ("sync.view_worker",),
        _workers,
        lambda params: _("Worker %(name)s ended without being stopped.") % params,
    ),
    Kind(
        "mail",
        gettext_lazy("Mail that cannot be sent"),
        ("sync.view_worker",),
        _mail,
        lambda params: (
            ngettext(
                "Notices could not be mailed to %(count)s person. %(error)s",
                "Notices could not be mailed to %(count)s people. %(error)s",
                params["count"],
            )
            % params
        ),
    ),
)
