"""Proposed routes, and what became of them: the place of an order on its courier's way."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class RoutePlan(models.Model):
    """Orders that are to be shared out among couriers: first who drives, then a proposal, then its acceptance.

    `orders`: our keys. `setup`, `stops` and `routes` are what `orders/plans.py` writes and reads: who drives and how,
    the orders as they were when it was computed, and who was to bring which, in order. `version` grows with every
    change, so that two people do not undo each other's moves unawares.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("couriers are being chosen")
        PROPOSED = "proposed", _("proposed")
        ACCEPTED = "accepted", _("accepted")
        DISCARDED = "discarded", _("discarded")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("whose")
    )
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.DRAFT)
    made_at = models.DateTimeField(_("made"), default=timezone.now, db_index=True)
    version = models.PositiveIntegerField(default=1)
    engine = models.CharField(_("computed by"), max_length=20, blank=True)
    orders: Any = models.JSONField(_("orders"), default=list)
    setup: Any = models.JSONField(default=dict)
    stops: Any = models.JSONField(default=dict)
    routes: Any = models.JSONField(default=dict)
    change = models.ForeignKey(
        "orders.BulkChange", models.SET_NULL, null=True, related_name="+", verbose_name=_("bulk change")
    )

    class Meta:
        verbose_name = _("route plan")
        verbose_name_plural = _("route plans")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(_("Routes of %(moment)s") % {"moment": f"{timezone.localtime(self.made_at):%d.%m.%Y %H:%M}"})


class RouteStop(models.Model):
    """The place of an order on the way of the courier whom an accepted plan gave it to.

    iRECA has no such field (the `position` of seed 002:126 is a line's), so it stays here, for route sheets. It counts
    as long as that courier has the order.
    """

    order = models.OneToOneField("orders.Order", models.CASCADE, related_name="route_stop", verbose_name=_("order"))
    courier = models.ForeignKey("couriers.Courier", models.CASCADE, related_name="+", verbose_name=_("courier"))
    plan = models.ForeignKey(RoutePlan, models.CASCADE, related_name="route_stops", verbose_name=_("route plan"))
    position = models.PositiveIntegerField(_("position"))
    begins_at = models.DateTimeField(_("at the door"))

    class Meta:
        verbose_name = _("stop of a route")
        verbose_name_plural = _("stops of routes")
        ordering = ["plan", "courier", "position"]

    def __str__(self) -> str:
        return f"{self.courier} {self.position}: {self.order}"
