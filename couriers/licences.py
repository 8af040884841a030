"""How many licences are used, and how many there are: for the first page, notices, `/metrics` and the doctor."""

from __future__ import annotations

from dataclasses import dataclass

from couriers.models import License, LicenseUsage


@dataclass(frozen=True)
class Licences:
    """`total` is what iRECA told last (seed 002:2400); None where it was not asked yet."""

    used: int
    total: int | None

    @property
    def are_exhausted(self) -> bool:
        return self.total is not None and self.used >= self.total


def licences() -> Licences:
    """Two queries."""
    usage = LicenseUsage.objects.order_by("-at").first()
    return Licences(License.objects.filter(is_open=True).count(), usage.total if usage is not None else None)
