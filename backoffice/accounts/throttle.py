"""Login is throttled by django-axes in the database, so that all web processes count together.

A person is locked at an address after LOGIN_FAILURES wrong passwords there, and an address, whoever tries from it,
after LOGIN_ADDRESS_FAILURES; both for LOGIN_LOCK_MINUTES since the last of them. Nobody can be locked out by failures
at another address than his own. Tokens of the API know nothing of this.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib import admin
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from backoffice.accounts import audit


class Handler(AxesDatabaseHandler):
    """The database handler with a cap for an address of its own."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        is_locked = super().is_locked(request, credentials) or self._is_address_locked(request)
        if is_locked:
            request.axes_locked_out = True  # axes finds only locks of its own when it has counted the failure
        return is_locked

    @staticmethod
    def _is_address_locked(request: Any) -> bool:
        if request.axes_ip_address is None:
            return False  # nobody knows whose it is: all of us would be locked together
        recent = AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address, attempt_time__gte=get_cool_off_threshold(request)
        )
        failures = recent.aggregate(sum=Sum("failures_since_start"))["sum"] or 0
        return bool(failures >= settings.LOGIN_ADDRESS_FAILURES)


def client_address(request: HttpRequest) -> str | None:
    """What proxies say counts as far as they are ours (TRUSTED_PROXIES), as for partners."""
    return audit.address(request)


def locked_out(request: HttpRequest, response: Any, credentials: dict[str, Any] | None) -> HttpResponse:
    """The page that says so. It tells nothing of whether there is such a person."""
    context = {
        **admin.site.each_context(request),
        "title": _("Too many failed attempts"),
        "minutes": settings.LOGIN_LOCK_MINUTES,
    }
    locked = render(request, "admin/accounts/locked.html", context, status=429)
    locked["Retry-After"] = str(settings.LOGIN_LOCK_MINUTES * 60)
    return locked
