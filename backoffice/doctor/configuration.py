"""Settings: what is off and why, what cannot work, what is careless."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import urlsplit
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core import checks
from django.core.cache import cache
from django.http.request import validate_host
from django.utils.translation import gettext as _

from backoffice.doctor.findings import Finding, check, error, note, warning
from backoffice.environment import read_file
from backoffice.sync import connection, lease
from backoffice.sync.connection import BIFIT, IRECA, VIRTPOS
from backoffice.sync.views import callback_path

SHORTEST = {"SECRET_KEY": 32, "CALLBACK_SECRET": 16, "METRICS_TOKEN": 20}  # characters
ENDINGS = {"IRECA_URL": "/api/v1", "BIFIT_URL": "/cashdesk-api/v1", "VIRTPOS_URL": "/api"}
URLS = {IRECA: "IRECA_URL", BIFIT: "BIFIT_URL", VIRTPOS: "VIRTPOS_URL"}
MOST_SENDERS = 8  # of one worker to one remote: more wait for each other and for the processor
# Variables that the settings do not ask for, but what runs beside them does.
OTHERS = frozenset(
    {"BIND", "DEMO_TOKEN", "DJANGO_SETTINGS_MODULE", "ENV_FILE", "KEEP_DAYS", "WEB_CONCURRENCY", "WEB_THREADS"}
)
LARGEST_BATCH = 500  # objects that iRECA takes in one request (seed 002:31)


def is_local(url: str) -> bool:
    """Whether an address leads to this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@check()
def debugging(now: datetime) -> Iterator[Finding]:
    if settings.DEBUG and not is_local(settings.PUBLIC_URL):
        yield error(
            _("DEBUG is on at a public address: error pages show settings and data to anybody."),
            _("Remove DEBUG from the settings and restart."),
        )


@check()
def keys(now: datetime) -> Iterator[Finding]:
    longer = _("Make a longer one (see .env.example) and restart.")
    for name, least in SHORTEST.items():
        value = getattr(settings, name)
        if value and len(value) < least and not settings.DEBUG:
            yield warning(_("%(name)s is so short that it can be guessed.") % {"name": name}, longer)
    if any(len(key) < 20 for key in settings.FIELD_KEYS) and not settings.DEBUG:
        yield warning(_("%(name)s is so short that it can be guessed.") % {"name": "FIELD_KEYS"}, longer)
    if settings.SECRET_KEY in settings.FIELD_KEYS and not settings.DEBUG:
        yield warning(
            _("One secret is used both as SECRET_KEY and in FIELD_KEYS."),
            _("Put a new key in front of FIELD_KEYS, restart, run: manage.py rotate_secrets"),
        )
    if connection.is_on(IRECA) and not settings.CALLBACK_SECRET:
        yield warning(
            _("CALLBACK_SECRET is not set, so iRECA cannot report changes and they arrive only by scheduled reading."),
            _("Set it, restart, and run: manage.py register_callbacks"),
        )
    elif settings.CALLBACK_SECRET:
        try:
            callback_path("orders")
        except ValueError:
            yield error(
                _("CALLBACK_SECRET cannot stand in an address, so that no callback can come."),
                _("Make it of letters, digits, - and _ only, restart, and run: manage.py register_callbacks"),
            )


@check()
def names(now: datetime) -> Iterator[Finding]:
    """What a slip of the finger has made of a name is passed over without a word by everything else."""
    if settings.ENV_FILE is None:
        return
    for name in sorted(read_file(settings.ENV_FILE).keys() - settings.SETTING_NAMES - OTHERS):
        told = {"name": name, "file": settings.ENV_FILE}
        if near := get_close_matches(name, sorted(settings.SETTING_NAMES), n=1, cutoff=0.8):
            yield warning(
                _("There is no setting %(name)s, which %(file)s sets.") % told,
                _("If %(near)s is meant, correct it and restart.") % {"near": near[0]},
            )
        else:
            yield note(
                _("There is no setting %(name)s, which %(file)s sets.") % told,
                _("If it is for another program, all is well; else README.md lists the settings."),
            )


@check()
def our_address(now: datetime) -> Iterator[Finding]:
    url = urlsplit(settings.PUBLIC_URL)
    host = url.hostname or ""
    if url.scheme not in ("http", "https") or not host:
        yield error(
            _("PUBLIC_URL (%(url)s) is no web address.") % {"url": settings.PUBLIC_URL},
            _("Set it to the address that people open, such as https://office.example.com"),
        )
        return
    if not validate_host(host, settings.ALLOWED_HOSTS):
        yield error(
            _("The host of PUBLIC_URL, %(host)s, is not in ALLOWED_HOSTS: every request to it is refused.")
            % {"host": host},
            _("Add it to ALLOWED_HOSTS, or remove that setting, and restart."),
        )
    if is_local(settings.PUBLIC_URL):
        if connection.is_on(IRECA) and not is_local(settings.IRECA_URL):
            yield error(
                _("PUBLIC_URL is %(url)s, where iRECA cannot reach us with its callbacks.")
                % {"url": settings.PUBLIC_URL},
                _("Set PUBLIC_URL to our address on the internet, restart, run: manage.py register_callbacks"),
            )
    elif url.scheme == "http":
        yield warning(
            _("PUBLIC_URL is plain http: passwords and the callback secret can be read on their way."),
            _("Let a proxy end HTTPS, set PUBLIC_URL to https://… and restart."),
        )


@check()
def remotes_on(now: datetime) -> Iterator[Finding]:
    for remote, needed in connection.NEEDED.items():
        missing = connection.missing(remote)
        names = {"remote": connection.TITLES[remote], "settings": ", ".join(missing)}
        if len(missing) == len(needed):
            level = warning if remote == IRECA else note
            yield level(
                connection.why_off(remote),
                _("If it is to be used, set them and restart; changes made until then are kept."),
            )
        elif missing:
            yield error(
                _("%(remote)s is half configured: %(settings)s is missing, so it is off.") % names,
                _("Set what is missing, or remove the rest, and restart."),
            )


@check()
def remote_addresses(now: datetime) -> Iterator[Finding]:
    for name, ending in ENDINGS.items():
        value = getattr(settings, name)
        if not value:
            continue
        if urlsplit(value).scheme not in ("http", "https"):
            yield error(
                _("%(name)s is no web address.") % {"name": name}, _("It begins with https:// and names a host.")
            )
        elif not value.endswith(ending):
            yield warning(
                _("%(name)s does not end in %(ending)s, as that service's addresses do.")
                % {"name": name, "ending": ending},
                _("Compare it with the service's document; if requests are answered, leave it."),
            )
        elif value.startswith("http:") and not is_local(value):
            yield warning(
                _("%(name)s is plain http: our token can be read on its way.") % {"name": name},
                _("Use https://, if the service has it."),
            )


@check()
def numbers(now: datetime) -> Iterator[Finding]:
    """Values that let nothing work, or not as meant."""
    longest = lease.LEASE.total_seconds()
    limits = (
        ("PUSH_BATCH", 1, LARGEST_BATCH),
        ("PUSH_SENDERS", 1, MOST_SENDERS),
        ("HTTP_TIMEOUT", 1, longest),
        ("EXCHANGE_DAYS", 0, 3650),
        ("IRECA_RATE", 0, 1000),
        ("BIFIT_RATE", 0, 1000),
        ("VIRTPOS_RATE", 0, 1000),
        ("WEBHOOK_TIMEOUT", 1, longest),
        ("WEBHOOK_RETRY_FOR", 60, 90 * 24 * 3600),
    )
    for name, least, most in limits:
        value = getattr(settings, name)
        if not least <= value <= most:
            yield error(
                _("%(name)s is %(value)s, which is not between %(least)s and %(most)s.")
                % {"name": name, "value": value, "least": least, "most": most},
                _("Correct it, or remove it to use the default, and restart."),
            )


@check()
def time_zones(now: datetime) -> Iterator[Finding]:
    if settings.TIME_ZONE in ("UTC", "Etc/UTC", "GMT"):
        yield warning(
            _("TIME_ZONE is UTC: windows of delivery and days of reports are not those of your people."),
            _("Set TIME_ZONE to where they work, such as Europe/Moscow, and restart."),
        )
    if settings.VIRTPOS_TIME_ZONE:
        try:
            ZoneInfo(settings.VIRTPOS_TIME_ZONE)
        except (ZoneInfoNotFoundError, ValueError):
            yield error(
                _("VIRTPOS_TIME_ZONE (%(zone)s) is no time zone.") % {"zone": settings.VIRTPOS_TIME_ZONE},
                _("Use a name such as Europe/Moscow, or remove it to use ours, and restart."),
            )


@check()
def mail(now: datetime) -> Iterator[Finding]:
    if settings.MAIL_IS_ON:
        return
    if settings.EMAIL_URL or settings.DEFAULT_FROM_EMAIL:
        yield warning(
            _("Mail is half configured: EMAIL_URL and DEFAULT_FROM_EMAIL are needed both, so nothing is mailed."),
            _("Set the other one and restart."),
        )
    else:
        yield note(
            _("Mail is off: notices are shown in the admin only, and reports are not sent."),
            _("Set EMAIL_URL and DEFAULT_FROM_EMAIL if people are to be told by mail."),
        )


@check()
def shared_cache(now: datetime) -> Iterator[Finding]:
    if settings.CACHES["default"]["BACKEND"].endswith((".LocMemCache", ".DummyCache")):
        if not settings.DEBUG:
            yield warning(
                _("Each process has a cache of its own, so partners may send more requests than their limit."),
                _("With several web processes set CACHE_URL to a cache that they share, such as rediscache://…"),
            )
        return
    mark = f"doctor:{uuid4()}"  # of this examination: two at once would read each other's
    try:
        cache.set(mark, mark, 30)
        is_well = cache.get(mark) == mark
    except Exception:  # noqa: BLE001  # each engine has errors of its own, and all mean the same
        is_well = False
    if not is_well:
        yield error(
            _("The cache of CACHE_URL does not keep what it is given."),
            _("Start the cache server, or correct CACHE_URL: until then no partner's limit of requests holds."),
        )


@check()
def framework(now: datetime) -> Iterator[Finding]:
    """What Django itself holds for an error."""
    for message in checks.run_checks():
        if message.level >= checks.ERROR:
            yield error(
                _("Django's check %(id)s: %(text)s") % {"id": message.id, "text": message.msg},
                message.hint or _("Run: manage.py check"),
            )
