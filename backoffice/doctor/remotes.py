"""The remotes, and we as they see us: reachable, clocks, certificates, tokens, callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from backoffice.doctor.configuration import URLS, is_local
from backoffice.doctor.findings import Finding, check, error, warning
from backoffice.remotes.probe import probe
from backoffice.secrets import has_fingerprint
from backoffice.sync import connection
from backoffice.sync.connection import BIFIT, IRECA, VIRTPOS
from backoffice.sync.models import AccessToken, Callback, Push, RemoteState

SKEW = 60.0  # seconds; iRECA tells moments without saying how its clock goes
SOON = timedelta(days=14)
SILENT = timedelta(days=1)
TRIALS = {IRECA: "couriers", BIFIT: "bifit", VIRTPOS: "virtpos"}  # a little that can be read of each


@check(asks=True)
def answer(now: datetime) -> Iterator[Finding]:
    for remote, name in URLS.items():
        if not connection.is_on(remote):
            continue
        names = {"remote": connection.TITLES[remote], "name": name}
        try:
            found = probe(getattr(settings, name))
        except OSError as failure:
            yield error(
                _("%(remote)s cannot be reached from this machine: %(error)s") % {**names, "error": failure},
                _("Check %(name)s, our way to the internet and the firewall; then ask its support.") % names,
            )
            continue
        if found.skew is not None and abs(found.skew) > SKEW:
            yield warning(
                _("The clock of %(remote)s differs from ours by %(seconds)d seconds.")
                % {**names, "seconds": round(found.skew)},
                _("Let this machine follow a time server (NTP); if it does, tell their support."),
            )
        if found.certificate_ends is not None and found.certificate_ends < now + SOON:
            yield warning(
                _("The certificate of %(remote)s ends on %(day)s; after that no request is possible.")
                % {**names, "day": found.certificate_ends.date().isoformat()},
                _("Tell their support, unless they renew it by themselves."),
            )


@check(asks=True)
def we_answer(now: datetime) -> Iterator[Finding]:
    url = f"{settings.PUBLIC_URL}/healthz"
    try:
        found = probe(url)
        trouble = "" if (found.status, found.body) == (200, b"ok\n") else f"HTTP {found.status}"
    except OSError as failure:
        trouble = str(failure)
    if trouble:
        yield warning(
            _("We do not answer at our own address, %(url)s: %(error)s") % {"url": url, "error": trouble},
            _("Start the web process and check the proxy. If only this machine cannot reach it, all is well."),
        )


@check(reads=True)
def never_tried(now: datetime) -> Iterator[Finding]:
    """The doctor itself shows nobody our token, so a wrong one is known by the first exchange only."""
    states = RemoteState.objects.in_bulk()
    for remote, what in TRIALS.items():
        state = states.get(remote)
        is_tried = state is not None and (state.last_ok_at is not None or state.last_error_at is not None)
        if connection.is_on(remote) and not is_tried:
            yield warning(
                _("Nothing was exchanged with %(remote)s yet, so nobody knows whether it takes our token or password.")
                % {"remote": connection.TITLES[remote]},
                _("Try it: manage.py pull %(what)s") % {"what": what},
            )


@check(reads=True)
def logins(now: datetime) -> Iterator[Finding]:
    if not connection.is_on(BIFIT):
        return
    token = AccessToken.objects.filter(pk=BIFIT).first()
    if token is not None and token.refusal and token.refused_until is not None and token.refused_until > now:
        yield error(
            _("%(remote)s refuses our login: %(error)s") % {"remote": connection.TITLES[BIFIT], "error": token.refusal},
            _("Check BIFIT_USERNAME and BIFIT_PASSWORD in its cabinet, correct them here and restart."),
        )


@check(reads=True)
def callbacks(now: datetime) -> Iterator[Finding]:
    if not (connection.is_on(IRECA) and settings.CALLBACK_SECRET):
        return
    register = _("Run: manage.py register_callbacks")
    state = RemoteState.objects.filter(pk=IRECA).first()
    told = state.callbacks_url if state is not None else ""
    if state is None or not told:
        yield warning(_("iRECA was never told where to report changes, or by an older release."), register)
    elif told != settings.PUBLIC_URL:
        yield error(
            _("iRECA reports changes to %(old)s, but our address is %(new)s.")
            % {"old": told, "new": settings.PUBLIC_URL},
            register,
        )
    elif not has_fingerprint(settings.CALLBACK_SECRET, state.callbacks_secret):
        if any(has_fingerprint(old, state.callbacks_secret) for old in settings.CALLBACK_SECRET_FALLBACKS):
            yield warning(_("CALLBACK_SECRET was rotated, but iRECA still uses the one before."), register)
        else:
            yield error(_("CALLBACK_SECRET was changed since iRECA was told it: all callbacks are refused."), register)
    last = Callback.objects.filter(remote=IRECA).aggregate(at=Max("received_at"))["at"]
    is_busy = Push.objects.filter(remote=IRECA, done_at__gte=now - SILENT).exists()
    if told and is_busy and (last is None or last < now - SILENT) and not is_local(settings.PUBLIC_URL):
        yield warning(
            _("No callback of iRECA has come for %(time)s, though changes went there.") % {"time": timesince(last, now)}
            if last is not None
            else _("No callback of iRECA has ever come, though changes went there."),
            _("See whether %(url)s can be reached from the internet, and register the callbacks again.")
            % {"url": settings.PUBLIC_URL},
        )
