"""The form that a route plan begins with: from when on, how long at a door, and who drives from where."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from math import ceil
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.values import check_day
from catalog.models import Warehouse
from couriers import map as courier_map
from couriers.map import Whereabouts
from orders.admin.desk import named_couriers
from orders.models import Order, RoutePlan
from orders.plans import Driver, Setup

HOURS = (time(8), time(22))  # of a courier, unless the dispatcher says otherwise
STEP = timedelta(minutes=5)
ROOM = 1.25  # how many orders more than an even share a courier may take
POSITION_FOR = timedelta(hours=12)  # an older position says nothing about where he starts

TIME = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class DriverForm(forms.Form):
    """A row of the table: one courier."""

    drives = forms.BooleanField(label=gettext_lazy("Drives"), required=False)
    start = forms.ChoiceField(label=gettext_lazy("Starts from"))
    starts = forms.TimeField(label=gettext_lazy("Works from"), widget=TIME)
    ends = forms.TimeField(label=gettext_lazy("Works until"), widget=TIME)
    capacity = forms.IntegerField(label=gettext_lazy("Orders at most"), min_value=1, required=False)
    weight = forms.FloatField(label=gettext_lazy("Weight at most"), min_value=0, required=False)

    def __init__(self, who: Whereabouts, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.who = who
        for name, field in self.fields.items():
            field.widget.attrs["aria-label"] = f"{who.courier}: {field.label}"
            if name == "drives":
                field.widget.attrs["data-drives"] = ""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not data.get("drives"):
            self._errors = type(self.errors)()  # nobody asks about the hours of who stays at home
        elif data.get("starts") and data.get("ends") and data["ends"] <= data["starts"]:
            self.add_error("ends", _("He would stop before he starts."))
        return data


class PlanForm(forms.Form):
    """The whole form: its own fields, and `drivers`, a form for each courier."""

    begins = forms.DateTimeField(
        label=gettext_lazy("Nobody sets out before"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
        validators=[check_day],
    )
    service = forms.IntegerField(label=gettext_lazy("Minutes at a door"), min_value=0, max_value=240)
    latitude = forms.FloatField(label=gettext_lazy("Latitude"), min_value=-90, max_value=90, required=False)
    longitude = forms.FloatField(label=gettext_lazy("Longitude"), min_value=-180, max_value=180, required=False)

    def __init__(self, plan: RoutePlan, now: datetime, data: Any = None) -> None:
        self.plan = plan
        orders: list[Any] = list(
            Order.objects.filter(pk__in=plan.orders).values_list(
                "to_latitude", "to_longitude", "delivery_time_from", named=True
            )
        )
        self.places = [
            [float(row.to_latitude), float(row.to_longitude)] for row in orders if None not in (row[0], row[1])
        ]
        super().__init__(data, initial={"begins": self._begins(now, orders), "service": settings.ROUTES_SERVICE})
        for field in ("latitude", "longitude"):
            self.fields[field].widget.attrs["step"] = "any"
        self.warehouses = {
            f"w{pk}": (title, (float(latitude), float(longitude)))
            for pk, title, latitude, longitude in Warehouse.objects.filter(
                is_active=True, latitude__isnull=False, longitude__isnull=False
            ).values_list("pk", "title", "latitude", "longitude")
        }
        known = set(named_couriers().values())
        couriers = [who for who in courier_map.whereabouts(now) if who.courier.pk in known]
        couriers.sort(key=lambda who: not who.has_session)
        on_shift = max(1, sum(who.has_session for who in couriers))
        self.capacity = ceil(len(plan.orders) / on_shift * ROOM)  # an even share of those on shift, and some room
        self.drivers = [self._driver(who, now, data) for who in couriers]

    def _begins(self, now: datetime, orders: list[Any]) -> datetime:
        """Now, on the next five minutes; on a later day, when its work begins."""
        ceiling = now + (-(now - datetime.min.replace(tzinfo=now.tzinfo)) % STEP)
        days = [timezone.localdate(row.delivery_time_from) for row in orders if row.delivery_time_from]
        if days and min(days) > timezone.localdate(now):
            return timezone.make_aware(datetime.combine(min(days), HOURS[0]))
        return timezone.localtime(ceiling)

    def _driver(self, who: Whereabouts, now: datetime, data: Any) -> DriverForm:
        starts = []
        if who.location is not None and who.age < POSITION_FOR:
            starts.append(("position", _("last position, %(age)s") % {"age": who.age_in_words}))
        starts += [(key, title) for key, (title, _place) in self.warehouses.items()]
        starts.append(("point", _("the point on the map")))
        initial = {
            "drives": who.has_session,
            "start": starts[0][0],
            "starts": HOURS[0],
            "ends": HOURS[1],
            "capacity": self.capacity,
        }
        form = DriverForm(who, data, prefix=f"c{who.courier.pk}", initial=initial)
        form.fields["start"].choices = starts
        return form

    def is_valid(self) -> bool:
        valid = [super().is_valid(), *(driver.is_valid() for driver in self.drivers)]
        return self.is_bound and all(valid) and self._has_all()

    def _has_all(self) -> bool:
        chosen = [driver.cleaned_data for driver in self.drivers if driver.cleaned_data.get("drives")]
        point = (self.cleaned_data.get("latitude"), self.cleaned_data.get("longitude"))
        if not chosen:
            self.add_error(None, _("Choose at least one courier."))
        if any(one["start"] == "point" for one in chosen) and None in point:
            self.add_error(None, _("Click the point on the map that couriers start from, or type its degrees."))
        return not self.errors

    def setup(self) -> Setup:
        """What was chosen; of a valid form."""
        begins = self.cleaned_data["begins"]
        day = timezone.localdate(begins)
        drivers = []
        for form in self.drivers:
            said = form.cleaned_data
            if not said.get("drives"):
                continue
            hours = [timezone.make_aware(datetime.combine(day, said[name])) for name in ("starts", "ends")]
            start = dict(form.fields["start"].choices)[said["start"]]
            drivers.append(
                Driver(
                    form.who.courier.pk,
                    self._place(form.who, said["start"]),
                    str(start),
                    max(begins, hours[0]),
                    hours[1],
                    said["capacity"],
                    said["weight"],
                )
            )
        return Setup(begins, self.cleaned_data["service"], drivers)

    def _place(self, who: Whereabouts, start: str) -> tuple[float, float]:
        if start == "position" and who.location is not None:
            return float(who.location.latitude or 0), float(who.location.longitude or 0)
        if start in self.warehouses:
            return self.warehouses[start][1]
        return self.cleaned_data["latitude"], self.cleaned_data["longitude"]
