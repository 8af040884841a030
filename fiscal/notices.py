"""Notices of registers and terminals: shifts that must be closed, errors of today."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync.notices.kinds import Kind, Params, Trouble, register
from backoffice.sync.notices.troubles import listed
from fiscal import shifts
from fiscal.models import DeviceError, RegistrarError, TerminalError


def _shifts(now: datetime) -> Iterator[Trouble]:
    """One at each step: a person is told again when little time is left, and when none is."""
    for shift in shifts.at_work(now):
        if shift.age < shifts.WARNS:
            continue
        hours = 24 if shift.has_stopped else 23 if shift.age >= shifts.ENDS else 20
        yield Trouble(
            key=f"{shift.fn[:80]}:{shift.number[:80]}:{hours}",
            url=shift.url[:500],
            params={"number": shift.number, "register": shift.serial or shift.fn, "hours": hours},
            since=shift.since,
            is_grave=hours > 20,
        )


def _shift_text(params: Params) -> str:
    if params["hours"] == 24:
        return _("Register %(register)s prints no receipts: shift %(number)s lasts for more than 24 hours.") % params
    return _("Shift %(number)s of register %(register)s lasts for more than %(hours)s hours: close it.") % params


def _errors(model: type[DeviceError], now: datetime) -> Iterator[Trouble]:
    """Of today: they are not closed by anybody, and yesterday's need nobody any more."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = model._default_manager.filter(**{f"{model.TIME}__gte": midnight, f"{model.TIME}__lte": now}).order_by()
    found = rows.aggregate(count=Count("pk"), since=Min(model.TIME))
    if found["count"]:
        day = timezone.localdate(now).isoformat()
        yield Trouble(url=listed(f"fiscal_{model._meta.model_name}", **{f"{model.TIME}_from_0": day}), **found)


register(
    Kind(
        "shifts",
        gettext_lazy("Shifts that must be closed"),
        ("fiscal.view_receipt", "orders.view_order"),
        _shifts,
        _shift_text,
    ),
    Kind(
        "terminal-errors",
        gettext_lazy("Errors of bank terminals today"),
        ("fiscal.view_terminalerror",),
        lambda now: _errors(TerminalError, now),
        lambda params: (
            ngettext(
                "%(count)s error of bank terminals today", "%(count)s errors of bank terminals today", params["count"]
            )
            % params
        ),
    ),
    Kind(
        "registrar-errors",
        gettext_lazy("Errors of fiscal registrars today"),
        ("fiscal.view_registrarerror",),
        lambda now: _errors(RegistrarError, now),
        lambda params: (
            ngettext(
                "%(count)s error of fiscal registrars today",
                "%(count)s errors of fiscal registrars today",
                params["count"],
            )
            % params
        ),
    ),
)
