"""What is called delivered, on time, late, far: for orders and their reports, in the words of the database.

Times and places are those that `orders/delivered.py` keeps on each order.
"""

from __future__ import annotations

from math import pi
from typing import Any

import django_filters
from django.db.models import Avg, Count, F, FloatField, Func, IntegerField, Q, QuerySet
from django.db.models.functions import Cast, Cos, Radians, Round, Sqrt
from django.utils.translation import gettext_lazy as _

from backoffice.reports import formats
from backoffice.reports.cube import MINUTES, NUMBER, PERCENT, Derived, Measure, percentage
from backoffice.reports.pages.orders import ORDERS, SALES, OrderFilters
from backoffice.reports.report import Column
from couriers.distance import EARTH_RADIUS
from orders.models import DeliveryStatus

METRES_OF_DEGREE = EARTH_RADIUS * pi / 180


class Epoch(Func):
    """Whole seconds since 1970, so that both databases subtract times alike, and SQLite without a call of Python."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM %(expressions)s))::bigint"
        return self.as_sql(compiler, connection, template=template, **context)


def _degrees(column: str) -> Cast:
    return Cast(column, FloatField())


def metres_away() -> Any:
    """Whole metres from the address to where the order was delivered; NULL where one of both places is unknown.

    On a plane that touches the earth at the address: within 50 km, up to 70° of latitude, it is less than 1 % off.
    """
    north = (_degrees("delivered_latitude") - _degrees("to_latitude")) * METRES_OF_DEGREE
    east = (_degrees("delivered_longitude") - _degrees("to_longitude")) * METRES_OF_DEGREE
    east *= Cos(Radians(_degrees("to_latitude")))
    return Cast(Round(Sqrt(north * north + east * east)), IntegerField())


LEFT = Epoch("delivery_time_to") - Epoch("delivered_at")  # seconds from the delivery to the end of the window
SPENT = Epoch("delivered_at") - Epoch("taken_at")

DONE = SALES & Q(delivery_status__in=(DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED))
ON_TIME = DONE & Q(delivered_at__lte=F("delivery_time_to"))
LATE = DONE & Q(delivered_at__gt=F("delivery_time_to"))
UNTIMED = DONE & (Q(delivered_at__isnull=True) | Q(delivery_time_to__isnull=True))
TIMED_WAY = DONE & Q(taken_at__lte=F("delivered_at"))
CANCELLED = SALES & Q(delivery_status=DeliveryStatus.CANCELLED)

DELIVERED_COUNT = Measure(
    "delivered", _("Delivered"), ORDERS, Count("pk", filter=DONE), help=_("Delivered or closed; without returns.")
)
ON_TIME_COUNT = Measure(
    "on_time",
    _("On time"),
    ORDERS,
    Count("pk", filter=ON_TIME),
    help=_(
        "Delivered, and its first change to “delivered” (to “closed”, where there is no other) was at or before the "
        "end of the window. When the window began does not matter."
    ),
)
LATE_COUNT = Measure(
    "late", _("Delivered late"), ORDERS, Count("pk", filter=LATE), help=_("Delivered after the end of the window.")
)
UNTIMED_COUNT = Measure(
    "untimed",
    _("Time unknown"),
    ORDERS,
    Count("pk", filter=UNTIMED),
    help=_("Delivered, but the end of the window or the time of delivery is unknown: neither on time nor late."),
)
ON_TIME_SHARE = Derived(
    "on_time_share",
    _("On time, %"),
    ("on_time", "late"),
    lambda on_time, late: percentage(on_time, on_time + late),
    PERCENT,
    help=_("Of those that are either on time or late."),
)
WAY_MINUTES = Measure(
    "minutes",
    _("From taken to delivered"),
    ORDERS,
    Avg(SPENT, filter=TIMED_WAY) / 60.0,
    MINUTES,
    help=_("The average of delivered orders whose times are both known: from the first change to “taken”."),
    is_additive=False,
    nothing=None,
)
CANCELLED_COUNT = Measure(
    "cancelled", _("Cancelled"), ORDERS, Count("pk", filter=CANCELLED), help=_("Without returns.")
)
OUTCOMES = (
    DELIVERED_COUNT,
    ON_TIME_COUNT,
    LATE_COUNT,
    UNTIMED_COUNT,
    ON_TIME_SHARE,
    WAY_MINUTES,
    CANCELLED_COUNT,
)

TAKEN_AT = Column("taken_at", _("Taken"), "taken_at", formats.MOMENT)
DELIVERED_AT = Column("delivered_at", _("Delivered at"), "delivered_at", formats.MOMENT)
LATE_BY = Column("left", _("Minutes left in the window"), LEFT / 60.0, NUMBER)

OUTCOME_CHOICES: dict[str, tuple[Any, Q]] = {
    "delivered": (_("Delivered"), DONE),
    "on_time": (_("On time"), ON_TIME),
    "late": (_("Delivered late"), LATE),
    "untimed": (_("Time unknown"), UNTIMED),
    "cancelled": (_("Cancelled"), CANCELLED),
}


class DeliveryFilters(OrderFilters):
    """Orders by how their delivery went, too."""

    OUTCOMES = OUTCOME_CHOICES

    outcome = django_filters.ChoiceFilter(
        label=_("Outcome"),
        choices=[(name, title) for name, (title, _condition) in OUTCOME_CHOICES.items()],
        method="of_outcome",
    )

    def of_outcome(self, queryset: QuerySet, name: str, value: str) -> QuerySet:
        return queryset.filter(self.OUTCOMES[value][1])
