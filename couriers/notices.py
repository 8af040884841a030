"""Notices of couriers: licences that are exhausted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.notices.kinds import Kind, Trouble, register
from backoffice.sync.notices.troubles import listed
from couriers.models import License, LicenseUsage


def _licences(now: datetime) -> Iterator[Trouble]:
    """No courier more can begin to work."""
    usage = LicenseUsage.objects.order_by("-at").first()
    used = License.objects.filter(is_open=True).count()
    if usage is not None and used >= usage.total:
        yield Trouble(url=listed("couriers_license"), params={"used": used, "total": usage.total}, is_grave=True)


register(
    Kind(
        "licences",
        gettext_lazy("Licences that are exhausted"),
        ("couriers.view_license",),
        _licences,
        lambda params: _("All licences are used: %(used)s of %(total)s. No courier more can begin to work.") % params,
    )
)
