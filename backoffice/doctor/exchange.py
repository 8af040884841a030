"""What no worker can tell about itself: that none is alive, and that things pile up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.doctor.findings import Finding, check, error, note, warning
from backoffice.sync import figures
from backoffice.sync.models import Push, Schedule
from backoffice.sync.titles import entity_title

LATE = timedelta(minutes=15)  # of a change or a run that could be handled
WAITING = timedelta(days=1)  # for another object
STUCK_CALLBACK = timedelta(minutes=10)


@check(reads=True)
def workers(now: datetime) -> Iterator[Finding]:
    beat = figures.last_beat()
    start = _("Start one: manage.py worker, kept running by a service manager.")
    if beat is None:
        yield error(_("No worker runs: nothing is sent to remotes and nothing is read."), start)
    elif beat < now - figures.SILENCE:
        text = _("No worker has shown a sign of life for %(time)s: nothing is sent and nothing is read.")
        yield error(text % {"time": timesince(beat, now)}, start)


@check(reads=True)
def queue(now: datetime) -> Iterator[Finding]:
    """What is refused or lost is told by `troubles`."""
    blocked = {r.name for r in figures.remotes() if not r.is_on or r.is_paused or r.is_blocked}
    for kind in figures.queue(now).kinds:
        names = {"title": entity_title(kind.entity)}
        oldest = kind.oldest_by_state.get(Push.State.QUEUED)
        if oldest is not None and oldest < now - LATE and kind.remote not in blocked:
            yield error(
                _("%(title)s: changes have waited for %(time)s to be sent (%(count)d).")
                % {**names, "time": timesince(oldest, now), "count": kind.by_state[Push.State.QUEUED]},
                _("Read their errors on the page Sync health; where there are none, a worker more is needed."),
            )
        oldest = kind.oldest_by_state.get(Push.State.WAITING)
        if oldest is not None and oldest < now - WAITING:
            yield warning(
                _("%(title)s: changes have waited for %(time)s for another object (%(count)d).")
                % {**names, "time": timesince(oldest, now), "count": kind.by_state[Push.State.WAITING]},
                _("The outbox, filtered by “Waiting for another object”, tells for which; mend that one."),
            )


@check(reads=True)
def inbox(now: datetime) -> Iterator[Finding]:
    found = figures.inbox(now)
    if found.oldest_waiting is not None and found.oldest_waiting < now - STUCK_CALLBACK:
        yield error(
            ngettext(
                "%(count)d callback waits to be processed, the oldest for %(time)s.",
                "%(count)d callbacks wait to be processed, the oldest for %(time)s.",
                found.waiting,
            )
            % {"count": found.waiting, "time": timesince(found.oldest_waiting, now)},
            _("Without a worker or with iRECA out of reach this follows from that; else read the worker's log."),
        )


@check(reads=True)
def schedules(now: datetime) -> Iterator[Finding]:
    """What fails again and again is told by `troubles`."""
    is_alive = (beat := figures.last_beat()) is not None and beat > now - figures.SILENCE
    blocked = {r.name for r in figures.remotes() if not r.is_on or r.is_paused or r.is_blocked}
    for reading in figures.readings():
        if is_alive and reading.remote not in blocked and reading.lag(now) > LATE:
            yield warning(
                _("Reading “%(title)s” is overdue by %(time)s.")
                % {"title": entity_title(reading.name), "time": timesince(now - reading.lag(now), now)},
                _("A long reading holds up the others of its remote; if that is usual, start one more worker."),
            )
    if off := [entity_title(name) for name in Schedule.objects.filter(enabled=False).values_list("name", flat=True)]:
        yield note(
            _("Scheduled reading is switched off for: %(names)s.") % {"names": ", ".join(off)},
            _("If that was not meant for ever, switch it on in the list of schedules."),
        )
