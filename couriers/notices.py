"""Notices of couriers: licences that are exhausted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.notices.kinds import Kind, Trouble, register
from backoffice.sync.notices.troubles import listed
from couriers.licences import licences


def _licences(now: datetime) -> Iterator[Trouble]:
    """No courier more can begin to work."""
    found = licences()
    if found.are_exhausted:
        yield Trouble(url=listed("couriers_license"), params={"used": found.used, "total": found.total}, is_grave=True)


register(
    Kind(
        "licences",
        gettext_lazy("Licences that are exhausted"),
        ("couriers.view_license",),
        _licences,
        lambda params: _("All licences are used: %(used)s of %(total)s. No courier more can begin to work.") % params,
    )
)
