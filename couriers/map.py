"""Where all couriers are now, as the map shows it: the last known place of each with its age, and who is missing.

A courier's track over a day is in `couriers/track.py`. Orders are reached through relations only, because no app
imports `orders`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync.dictionaries import label
from couriers.models import Courier, License, Location

FRESH_FOR = timedelta(minutes=5)
STALE_AFTER = timedelta(minutes=30)
# The clock of a device may be a little ahead of ours. One that is further ahead says nothing about an age.
CLOCK_TOLERANCE = timedelta(minutes=1)

# The same words serve here and in the browser, where ages grow between two answers.
AGE_WORDS = {
    "ahead": gettext_lazy("time unknown: the device's clock is ahead"),
    "seconds": gettext_lazy("less than a minute ago"),
    "minutes": gettext_lazy("{minutes} min ago"),
    "hours": gettext_lazy("{hours} h {minutes} min ago"),
    "days": gettext_lazy("{days} d ago"),
}

# Closed and cancelled are 10 and 11 (seed 002:2757-2776); codes that we do not know count as open. As two ranges, an
# index on the status serves; "not in" would visit every order that ever was.
IS_OPEN = Q(orders__delivery_status__lt=10) | Q(orders__delivery_status__gt=11)

SUBDOMAINS = "abc"  # what `{s}` in the address of tiles stands for


class Freshness(StrEnum):
    """How far a position can be relied on."""

    FRESH = "fresh"
    STALE = "stale"
    OLD = "old"


def freshness(age: timedelta) -> Freshness:
    """Fresh below 5 minutes, stale below 30, old from then on; old also when it claims to be from the future."""
    if age < -CLOCK_TOLERANCE or age >= STALE_AFTER:
        return Freshness.OLD
    return Freshness.FRESH if age < FRESH_FOR else Freshness.STALE


def age_in_words(age: timedelta) -> str:
    """ "3 min ago", in the reader's language."""
    if age < -CLOCK_TOLERANCE:
        return str(AGE_WORDS["ahead"])
    minutes = max(int(age.total_seconds()), 0) // 60
    hours, days = minutes // 60, minutes // (24 * 60)
    unit = "days" if days else "hours" if hours else "minutes" if minutes else "seconds"
    return AGE_WORDS[unit].format(days=days, hours=hours, minutes=minutes % 60)


@dataclass(frozen=True)
class OrderInHand:
    """The order that a courier's device named with its last position. `pk` is None when no courier of ours has it."""

    number: str
    pk: int | None
    state: str


@dataclass(frozen=True)
class Whereabouts:
    """What is known of one courier at a moment. `location` is his last one with coordinates."""

    courier: Courier
    location: Location | None
    has_session: bool
    open_orders: int
    order: OrderInHand | None
    now: datetime

    @property
    def age(self) -> timedelta:
        """How long ago the position was taken; only where there is one."""
        assert self.location is not None
        return self.now - self.location.created_at

    @property
    def age_seconds(self) -> int:
        return int(self.age.total_seconds())

    @property
    def age_in_words(self) -> str:
        return age_in_words(self.age)

    @property
    def freshness(self) -> Freshness:
        return freshness(self.age)

    @property
    def missing(self) -> list[str]:
        """Why the courier cannot be followed now; empty when he can."""
        reasons = []
        if self.location is None:
            reasons.append(_("no position yet"))
        if not self.has_session:
            reasons.append(_("no open session"))
        return reasons

    def as_json(self) -> dict[str, Any]:
        """What the map draws of him: degrees and seconds."""
        place = self.location
        return {
            "id": self.courier.pk,
            "name": str(self.courier),
            "hasSession": self.has_session,
            "position": place
            and {
                "latitude": float(place.latitude or 0),
                "longitude": float(place.longitude or 0),
                "at": place.created_at.isoformat(),
                "age": self.age_seconds,
                "freshness": self.freshness,
            },
        }


def whereabouts(now: datetime) -> list[Whereabouts]:
    """Every courier by name, also those of whom nothing is known. The number of queries does not depend on theirs."""
    has_session = Exists(License.objects.filter(courier=OuterRef("pk"), is_open=True))
    couriers = list(
        Courier.objects.annotate(has_session=has_session).only("title", "phone", "ireca_id").order_by("title", "pk")
    )
    places = latest_locations()
    open_orders = dict(
        Courier.objects.filter(IS_OPEN)
        .order_by()
        .values("pk")
        .annotate(count=Count("orders"))
        .values_list("pk", "count")
    )
    in_hand = _orders_in_hand(places.values())
    return [
        Whereabouts(
            courier=courier,
            location=(place := places.get(courier.pk)),
            has_session=courier.has_session,
            open_orders=open_orders.get(courier.pk, 0),
            order=in_hand.get(place.order_ireca_id) if place else None,
            now=now,
        )
        for courier in couriers
    ]


def latest_locations() -> dict[int, Location]:
    """The last location with coordinates of each courier who has one, by courier.

    One query; for each courier it takes the first row of the index `location_latest`, on SQLite and PostgreSQL alike.
    """
    latest = (
        Location.objects.filter(courier=OuterRef("pk"), latitude__isnull=False, longitude__isnull=False)
        .order_by("-created_at", "-pk")
        .values("pk")[:1]
    )
    newest = Courier.objects.order_by().annotate(latest=Subquery(latest)).values("latest")
    return {place.courier_id: place for place in Location.objects.filter(pk__in=newest)}


def _orders_in_hand(places: Iterable[Location]) -> dict[str, OrderInHand]:
    """The orders that positions name, by iRECA's id. Their state is the order's own: a position's may be old."""
    named = {place.order_ireca_id: place.delivery_status for place in places if place.order_ireca_id}
    ours = {
        ireca_id: (pk, number, status)
        for pk, ireca_id, number, status in Courier.objects.filter(orders__ireca_id__in=named)
        .order_by()
        .values_list("orders__pk", "orders__ireca_id", "orders__number", "orders__delivery_status")
    }
    found = {}
    for ireca_id, reported in named.items():
        pk, number, status = ours.get(ireca_id, (None, "", reported))
        found[ireca_id] = OrderInHand(number or ireca_id, pk, label("orderDeliveryStatuses", status))
    return found


def tile_hosts() -> list[str]:
    """The hosts that the browser must be allowed to load map tiles from; none without MAP_TILES_URL, or for our own."""
    hosts = []
    for letter in SUBDOMAINS:
        address = urlsplit(settings.MAP_TILES_URL.replace("{s}", letter))
        if address.scheme in ("http", "https") and address.netloc:
            hosts.append(f"{address.scheme}://{address.netloc}")
    return list(dict.fromkeys(hosts))
