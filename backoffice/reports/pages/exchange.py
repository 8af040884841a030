"""How the exchange with iRECA and the register services goes: what was said, sent, read and told, how long it took,
and what failed. What is over is kept `EXCHANGE_DAYS` days, so a longer period tells of those days only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.db.models import Avg, Count, Max, Q, QuerySet, Sum
from django.db.models.functions import Substr
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.reports import dimensions, formats
from backoffice.reports.cube import COUNT, NUMBER, Dimension, Facts, Measure
from backoffice.reports.filters import NONE, KeyFilter, NameFilter, ReportFilters, TextFilter
from backoffice.reports.report import Column, Report
from backoffice.reports.spans import Milliseconds, Percentile
from backoffice.sync import personal, pull
from backoffice.sync.connection import TITLES
from backoffice.sync.figures import TEXT
from backoffice.sync.mirror import registry
from backoffice.sync.models import Callback, Exchange, Pull, Push
from backoffice.sync.titles import OTHERS, entity_title

SLOW = 5_000  # milliseconds from which an exchange counts as slow
KEPT = gettext_lazy("What is over is kept for some weeks only: EXCHANGE_DAYS of the settings.")


def entities() -> list[tuple[Any, str]]:
    """All that is exchanged, as people call it, in alphabetical order."""
    names = {mirror.entity for mirror in registry.ranked()} | {reader.name for reader in pull.readers()} | set(OTHERS)
    return sorted(((name, entity_title(name)) for name in names), key=lambda item: item[1])


def remote_title(name: str) -> str:
    return TITLES.get(name, name)


def times(facts: Facts, end: str, start: str, ended: Any) -> tuple[Measure, ...]:
    """The average and the 95th percentile of the seconds between two moments."""
    taken = Milliseconds(end, start)
    where = Q(**{f"{end}__isnull": False, f"{start}__isnull": False})
    return (
        Measure(
            "average",
            gettext_lazy("Average, s"),
            facts,
            Avg(taken, filter=where) / 1000.0,
            NUMBER,
            help=ended,
            is_additive=False,
            nothing=None,
        ),
        Measure(
            "percentile",
            gettext_lazy("95 % within, s"),
            facts,
            Percentile(taken, filter=where) / 1000.0,
            NUMBER,
            is_additive=False,
            nothing=None,
        ),
    )


def seconds(end: str, start: str) -> Column:
    return Column("seconds", gettext_lazy("Took, s"), Milliseconds(end, start) / 1000.0, NUMBER)


class ErrorFilter(TextFilter):
    """By the beginning of an error, as long as groups have it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label=gettext_lazy("Error"), field_name="error", widget=forms.HiddenInput, **kwargs)

    def filter(self, queryset: QuerySet, value: str) -> QuerySet:
        if not value:
            return queryset
        begins = Substr("error", 1, TEXT)
        return queryset.alias(error_begins=begins).filter(error_begins="" if value == NONE else value)


BY_ERROR = Dimension(
    "error",
    gettext_lazy("Error"),
    lambda lookup: Substr(lookup("error"), 1, TEXT),
    lambda keys: {key: key or _("none") for key in keys},
    lambda key: {"error": key or NONE},
    is_personal=True,
)
BY_REMOTE = dimensions.text("remote", gettext_lazy("Remote"), "remote", remote_title)
REMOTE = Column("remote", gettext_lazy("Remote"), "remote", show=remote_title)
ERROR = Column("error", gettext_lazy("Error"), Substr("error", 1, TEXT), mask=personal.mask_said)


def by_entity(name: str, title: Any) -> Dimension:
    return dimensions.text(name, title, name, entity_title)


def by_state(states: Any) -> Dimension:
    return dimensions.text("state", gettext_lazy("State"), "state", lambda state: str(dict(states.choices)[state]))


def state_column(states: Any) -> Column:
    titles = dict(states.choices)
    return Column("state", gettext_lazy("State"), "state", show=lambda state: titles.get(state, state))


def days(time: str) -> Sequence[Dimension]:
    return (dimensions.day(time), dimensions.week(time), dimensions.hour(time))


class ExchangeFilters(ReportFilters):
    """What is alike in everything that is exchanged."""

    PERSONAL = ("error",)  # an answer of a remote may repeat a phone

    remote = django_filters.ChoiceFilter(
        label=gettext_lazy("Remote"), choices=list(TITLES.items()), empty_label=gettext_lazy("all of them")
    )
    error = ErrorFilter()


def state_filter(states: Any) -> django_filters.ChoiceFilter:
    return django_filters.ChoiceFilter(
        label=gettext_lazy("State"), choices=states.choices, empty_label=gettext_lazy("in any state")
    )


def hour_filter(time: str) -> django_filters.NumberFilter:
    return django_filters.NumberFilter(
        field_name=time, lookup_expr="hour", widget=forms.HiddenInput, label=gettext_lazy("Hour")
    )


# exchanges

FAILED = Q(status=None) | Q(status__gte=400)
EXCHANGES = Facts(Exchange)


class HttpFilters(ExchangeFilters):
    TIME = "started_at"

    outcome = django_filters.ChoiceFilter(
        label=gettext_lazy("Outcome"),
        choices=[
            ("failed", gettext_lazy("failed")),
            ("answered", gettext_lazy("answered")),
            ("slow", gettext_lazy("slow")),
        ],
        empty_label=gettext_lazy("any"),
        method="of_outcome",
    )
    method = django_filters.ChoiceFilter(
        label=gettext_lazy("Method"),
        choices=[(name, name) for name in ("GET", "POST", "PUT", "PATCH", "DELETE")],
        empty_label=gettext_lazy("any"),
    )
    path = django_filters.CharFilter(label=gettext_lazy("Path contains"), lookup_expr="contains")
    status = KeyFilter(label=gettext_lazy("HTTP status"))
    hour = hour_filter("started_at")

    def of_outcome(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        conditions = {"failed": FAILED, "answered": ~FAILED, "slow": Q(duration_ms__gte=SLOW)}
        return queryset.filter(conditions[value])


EXCHANGE = Report(
    name="exchanges",
    title=gettext_lazy("Exchanges"),
    question=gettext_lazy("How often remotes were asked, what failed and why, how long it took: by hour, day, remote."),
    icon="swap_horiz",
    right="view_sync",
    rows=lambda: Exchange.objects.all(),
    filters=HttpFilters,
    columns=(
        Column("started", gettext_lazy("Started"), "started_at", formats.MOMENT, may_sort=True),
        REMOTE,
        Column("method", gettext_lazy("Method"), "method"),
        Column("path", gettext_lazy("Path"), "path"),
        Column("status", gettext_lazy("HTTP status"), "status"),
        Column("duration", gettext_lazy("Took, ms"), "duration_ms", COUNT, may_sort=True),
        ERROR,
    ),
    figures=(
        Measure("exchanges", gettext_lazy("Exchanges"), EXCHANGES, Count("pk"), help=KEPT),
        Measure(
            "failed",
            gettext_lazy("Failed"),
            EXCHANGES,
            Count("pk", filter=FAILED),
            help=gettext_lazy("No answer, or one of 400 and above."),
        ),
        Measure("unanswered", gettext_lazy("Without an answer"), EXCHANGES, Count("pk", filter=Q(status=None))),
        Measure(
            "slow",
            gettext_lazy("Slow"),
            EXCHANGES,
            Count("pk", filter=Q(duration_ms__gte=SLOW)),
            help=gettext_lazy("5 seconds or more."),
        ),
        Measure(
            "average",
            gettext_lazy("Average, ms"),
            EXCHANGES,
            Avg("duration_ms"),
            NUMBER,
            is_additive=False,
            nothing=None,
        ),
        Measure(
            "percentile",
            gettext_lazy("95 % within, ms"),
            EXCHANGES,
            Percentile("duration_ms"),
            is_additive=False,
            nothing=None,
        ),
        Measure("longest", gettext_lazy("Longest, ms"), EXCHANGES, Max("duration_ms"), is_additive=False, nothing=None),
    ),
    dimensions=(
        *days("started_at"),
        BY_REMOTE,
        Dimension(
            "status",
            gettext_lazy("HTTP status"),
            dimensions.field_key("status"),
            lambda keys: {key: _("no answer") if key is None else str(key) for key in keys},
            lambda key: {"status": NONE if key is None else str(key)},
        ),
        dimensions.text("method", gettext_lazy("Method"), "method"),
        BY_ERROR,
    ),
    source="",
    time="started_at",
    order=("-started_at", "-pk"),
    usual_by="day",
)

# pushes

PUSHES = Facts(Push)


class PushFilters(ExchangeFilters):
    TIME = "created_at"

    entity = NameFilter(label=gettext_lazy("What"), offer=entities)
    state = state_filter(Push.State)
    action = django_filters.ChoiceFilter(
        label=gettext_lazy("Action"), choices=Push.Action.choices, empty_label=gettext_lazy("any")
    )
    hour = hour_filter("created_at")


PUSH = Report(
    name="pushes",
    title=gettext_lazy("Pushes"),
    question=gettext_lazy("Which changes went out, how long they took, which wait or were refused, and why."),
    icon="upload",
    right="view_sync",
    rows=lambda: Push.objects.all(),
    filters=PushFilters,
    columns=(
        Column("created", gettext_lazy("Created"), "created_at", formats.MOMENT, may_sort=True),
        REMOTE,
        Column("entity", gettext_lazy("What"), "entity", show=entity_title),
        Column("object", gettext_lazy("Remote id"), "remote_id"),
        Column("action", gettext_lazy("Action"), "action", show=lambda action: dict(Push.Action.choices).get(action)),
        state_column(Push.State),
        Column("attempts", gettext_lazy("Attempts"), "attempts", COUNT, total="attempts", may_sort=True),
        seconds("done_at", "created_at"),
        ERROR,
    ),
    figures=(
        Measure("pushes", gettext_lazy("Pushes"), PUSHES, Count("pk"), help=KEPT),
        Measure("done", gettext_lazy("Done"), PUSHES, Count("pk", filter=Q(state=Push.State.DONE))),
        Measure(
            "open",
            gettext_lazy("Under way"),
            PUSHES,
            Count("pk", filter=Q(state__in=(Push.State.QUEUED, Push.State.WAITING))),
        ),
        Measure("refused", gettext_lazy("Refused"), PUSHES, Count("pk", filter=Q(state=Push.State.REFUSED))),
        Measure("unknown", gettext_lazy("Answer lost"), PUSHES, Count("pk", filter=Q(state=Push.State.UNKNOWN))),
        Measure("attempts", gettext_lazy("Attempts"), PUSHES, Sum("attempts")),
        *times(PUSHES, "done_at", "created_at", gettext_lazy("From the change to when the remote had it.")),
    ),
    dimensions=(
        *days("created_at"),
        by_entity("entity", gettext_lazy("What")),
        by_state(Push.State),
        BY_REMOTE,
        BY_ERROR,
    ),
    source="",
    time="created_at",
    order=("-created_at", "-pk"),
    usual_by="entity",
)

# pulls

PULLS = Facts(Pull)


class PullFilters(ExchangeFilters):
    TIME = "created_at"

    what = NameFilter(label=gettext_lazy("What"), offer=entities)
    state = state_filter(Pull.State)
    hour = hour_filter("created_at")


PULL = Report(
    name="pulls",
    title=gettext_lazy("Pulls"),
    question=gettext_lazy("What was read from remotes, how much was new, changed or in conflict, and what failed."),
    icon="download",
    right="view_sync",
    rows=lambda: Pull.objects.all(),
    filters=PullFilters,
    columns=(
        Column("created", gettext_lazy("Requested"), "created_at", formats.MOMENT, may_sort=True),
        REMOTE,
        Column("what", gettext_lazy("What"), "what", show=entity_title),
        state_column(Pull.State),
        Column("read", gettext_lazy("Read"), "read", COUNT, total="read", may_sort=True),
        Column("new", gettext_lazy("New"), "created_count", COUNT, total="new"),
        Column("changed", gettext_lazy("Changed"), "updated_count", COUNT, total="changed"),
        Column("conflicts", gettext_lazy("Conflicts"), "conflict_count", COUNT, total="conflicts"),
        Column("bad", gettext_lazy("Unreadable"), "bad_count", COUNT, total="bad"),
        seconds("finished_at", "started_at"),
        ERROR,
    ),
    figures=(
        Measure("pulls", gettext_lazy("Pulls"), PULLS, Count("pk"), help=KEPT),
        Measure("failed", gettext_lazy("Failed"), PULLS, Count("pk", filter=Q(state=Pull.State.FAILED))),
        Measure("read", gettext_lazy("Read"), PULLS, Sum("read"), help=gettext_lazy("Objects that the remote told.")),
        Measure("new", gettext_lazy("New"), PULLS, Sum("created_count")),
        Measure("changed", gettext_lazy("Changed"), PULLS, Sum("updated_count")),
        Measure("conflicts", gettext_lazy("Conflicts"), PULLS, Sum("conflict_count")),
        Measure("bad", gettext_lazy("Unreadable"), PULLS, Sum("bad_count")),
        *times(PULLS, "finished_at", "started_at", gettext_lazy("Of those that are finished, from their start.")),
    ),
    dimensions=(
        *days("created_at"),
        by_entity("what", gettext_lazy("What")),
        by_state(Pull.State),
        BY_REMOTE,
        BY_ERROR,
    ),
    source="",
    time="created_at",
    order=("-created_at", "-pk"),
    usual_by="what",
)

# callbacks

CALLBACKS = Facts(Callback)


class CallbackFilters(ExchangeFilters):
    TIME = "received_at"

    kind = NameFilter(label=gettext_lazy("What"), offer=entities)
    state = state_filter(Callback.State)
    hour = hour_filter("received_at")


CALLBACK = Report(
    name="callbacks",
    title=gettext_lazy("Callbacks"),
    question=gettext_lazy("What remotes told us by themselves, how soon it was taken in, and what could not be."),
    icon="call_received",
    right="view_sync",
    rows=lambda: Callback.objects.all(),
    filters=CallbackFilters,
    columns=(
        Column("received", gettext_lazy("Received"), "received_at", formats.MOMENT, may_sort=True),
        REMOTE,
        Column("kind", gettext_lazy("What"), "kind", show=entity_title),
        state_column(Callback.State),
        Column("attempts", gettext_lazy("Attempts"), "attempts", COUNT),
        seconds("processed_at", "received_at"),
        Column("result", gettext_lazy("Result"), "result"),
        ERROR,
    ),
    figures=(
        Measure("callbacks", gettext_lazy("Received"), CALLBACKS, Count("pk"), help=KEPT),
        Measure("processed", gettext_lazy("Processed"), CALLBACKS, Count("pk", filter=Q(state=Callback.State.DONE))),
        Measure("failed", gettext_lazy("Failed"), CALLBACKS, Count("pk", filter=Q(state=Callback.State.FAILED))),
        Measure("waiting", gettext_lazy("Waiting"), CALLBACKS, Count("pk", filter=Q(state=Callback.State.NEW))),
        *times(CALLBACKS, "processed_at", "received_at", gettext_lazy("From when it came to when it was processed.")),
    ),
    dimensions=(
        *days("received_at"),
        by_entity("kind", gettext_lazy("What")),
        by_state(Callback.State),
        BY_REMOTE,
        BY_ERROR,
    ),
    source="",
    time="received_at",
    order=("-received_at", "-pk"),
    usual_by="kind",
)

REPORTS = (EXCHANGE, PUSH, PULL, CALLBACK)
