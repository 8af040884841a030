"""The exchange with remotes: what Sync health shows, by the same functions of `backoffice/sync/figures.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from backoffice.metrics.families import NEVER, age, gauge, single
from backoffice.sync import figures
from backoffice.sync.models import Push

Families = Iterator[GaugeMetricFamily]


def remotes(now: datetime) -> Families:
    found = figures.remotes()
    on = [remote for remote in found if remote.is_on]
    name = ("remote",)
    yield gauge("remote_on", "1: its settings are there.", [([r.name], r.is_on) for r in found], name)
    yield gauge("remote_paused", "1: a person has paused it.", [([r.name], r.is_paused) for r in on], name)
    yield gauge(
        "remote_blocked",
        "1: workers leave it alone for a while, because it is down, asked to wait (limit) or rejects us (config).",
        [([r.name, r.state.block], 1) for r in on if r.is_blocked and r.state is not None],
        ("remote", "why"),
    )
    yield gauge(
        "remote_last_success_age_seconds",
        "Since it answered well for the last time.",
        [([r.name], age(r.state.last_ok_at if r.state is not None else None, now, NEVER)) for r in on],
        name,
    )


def pushes(now: datetime) -> Families:
    queue = figures.queue(now)
    labels = ("remote", "entity")
    yield gauge(
        "pushes_open",
        "Changes that are not at the remote yet: queued, waiting for another object, refused, unknown (answer lost).",
        [([k.remote, k.entity, state], k.by_state.get(state, 0)) for k in queue.kinds for state in Push.OPEN],
        (*labels, "state"),
    )
    yield gauge(
        "push_oldest_age_seconds",
        "Age of the oldest open change of each state.",
        [([k.remote, k.entity, state], age(at, now)) for k in queue.kinds for state, at in k.oldest_by_state.items()],
        (*labels, "state"),
    )
    yield gauge(
        "pushes_done_last_hour",
        "Changes that reached the remote within an hour.",
        [([k.remote, k.entity], k.done) for k in queue.kinds],
        labels,
    )
    yield single("pushes_done_last_five_minutes", "The same of all remotes in five minutes.", queue.done_recently)


def callbacks(now: datetime) -> Families:
    inbox = figures.inbox(now)
    yield gauge(
        "callbacks_today",
        "Callbacks since midnight: received, and of these processed and failed.",
        [(["received"], inbox.received), (["processed"], inbox.processed), (["failed"], inbox.failed)],
        ("outcome",),
    )
    yield single("callbacks_waiting", "Callbacks that are stored and not processed, of any day.", inbox.waiting)
    yield single("callback_oldest_age_seconds", "Age of the oldest of them.", age(inbox.oldest_waiting, now))


def exchanges(now: datetime) -> Families:
    found = figures.exchanges(now)
    labels = ("remote", "outcome")
    yield gauge(
        "exchanges_last_five_minutes",
        f"Requests to a remote: ok, refused (4xx), broken (5xx), none (no answer). The latest {figures.SAMPLE} of all.",
        [([e.remote, e.outcome], e.count) for e in found],
        labels,
    )
    yield gauge(
        "exchange_seconds",
        "How long the same requests took.",
        [
            ([e.remote, e.outcome, quantile], milliseconds / 1000)
            for e in found
            for quantile, milliseconds in (("0.5", e.median), ("0.95", e.slow))
        ],
        (*labels, "quantile"),
    )
    traffic = figures.traffic(now)
    yield single("exchanges_last_hour", "Requests to all remotes within an hour.", traffic.requests)
    yield single("exchange_errors_last_hour", "Those without a good answer.", traffic.errors)


def readings(now: datetime) -> Families:
    scheduled = [
        (reading, reading.schedule)
        for reading in figures.readings()
        if reading.schedule is not None and reading.schedule.enabled
    ]
    labels = ("remote", "reader")
    yield gauge(
        "pull_last_success_age_seconds",
        "Since something that is read by schedule was read to its end.",
        [([r.remote, r.name], age(r.ok_at, now, NEVER)) for r, _schedule in scheduled],
        labels,
    )
    yield gauge(
        "schedule_every_seconds",
        "How often it is to be read.",
        [([r.remote, r.name], schedule.every) for r, schedule in scheduled],
        labels,
    )
    yield gauge(
        "schedule_lag_seconds",
        "How long the next run is overdue; 0 while the remote is off.",
        [([r.remote, r.name], r.lag(now).total_seconds()) for r, _schedule in scheduled],
        labels,
    )
    yield gauge(
        "schedule_failures",
        "Runs that failed in a row.",
        [([r.remote, r.name], schedule.failures) for r, schedule in scheduled],
        labels,
    )


def workers(now: datetime) -> Families:
    alive = sum(figures.is_alive(worker) for worker in figures.workers(now))
    yield single("workers_alive", f"Workers with a heartbeat, up to {figures.WORKERS}.", alive)
    yield single(
        "worker_beat_age_seconds", "Since the latest heartbeat of any worker.", age(figures.last_beat(), now, NEVER)
    )


def conflicts(now: datetime) -> Families:
    yield gauge(
        "conflicts",
        "Rows that both sides changed, and that a person has to decide on.",
        [([entity], count) for entity, count in figures.conflicts().items()],
        ("entity",),
    )
