"""VirtPos's clock: the register's local time, in a zone that only a setting knows."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from backoffice.remotes.errors import Config


def zone() -> ZoneInfo:
    """Raises Config for a zone that there is not."""
    name = settings.VIRTPOS_TIME_ZONE or settings.TIME_ZONE
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError) as error:
        raise Config(f"VIRTPOS_TIME_ZONE is {name!r}, which is no time zone") from error


def today() -> date:
    return timezone.localdate(timezone=zone())
