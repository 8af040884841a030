"""Line: one position of an order, where it is picked up, what it carries, what the courier took off it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import NotSupportedError, models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns, history
from backoffice.sync.mirrored import MirroredPart, TrackedQuerySet
from orders import marking
from orders.models.order import DeliveryStatus
from orders.models.payment import RefundGood

# Of an order, as a form can show them; each takes it 20 ms. iRECA may tell of more.
MOST_LINES = 300

MARKS = frozenset({"mark_value", "mark_binary_value"})


class LineQuerySet(TrackedQuerySet):
    """Keeps `mark_key` beside the marking code on every way that a line is written."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        objs = list(objs)
        for line in objs:
            line.set_mark_key()
        if (names := kwargs.get("update_fields")) and not MARKS.isdisjoint(names):
            kwargs["update_fields"] = [*names, "mark_key"]
        return super().bulk_create(objs, *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        if not MARKS.isdisjoint(kwargs):
            raise NotSupportedError("a marking code is saved line by line, with the key that it is compared by")
        return super().update(**kwargs)

    def sold(self) -> LineQuerySet:
        """Lines whose pieces are, or are to be, with a client: not cancelled, not taken off, not brought back."""
        returned = Line.objects.filter(order__refund_of=OuterRef("order"), mark_key=OuterRef("mark_key")).exclude(
            order__delivery_status=DeliveryStatus.CANCELLED
        )
        taken_back = RefundGood.objects.filter(refund__order=OuterRef("order"), good=OuterRef("good"))
        return self.filter(~Exists(returned), ~Exists(taken_back), order__is_refund=False, count__gt=0).exclude(
            order__delivery_status=DeliveryStatus.CANCELLED
        )

    def marked_twice(self) -> LineQuerySet:
        """Sold lines with a marking code under which another line is sold too: one code is one piece."""
        others = Line.objects.sold().filter(mark_key=OuterRef("mark_key")).exclude(pk=OuterRef("pk"))
        return self.sold().filter(~Q(mark_key=""), Exists(others))


class Line(MirroredPart):
    """A position of an order (seed 002:117-150, 394-461). What iRECA adds from its catalogue is kept here as it was
    sold.
    """

    SYNC_ROOT = "order"
    OUR_FIELDS = frozenset(
        {"title", "article", "calc_id", "multiplicity", "image_url", "image_big_url", "is_active", "mark_key"}
    )

    order = models.ForeignKey("orders.Order", models.CASCADE, related_name="lines", verbose_name=_("order"))
    position = models.IntegerField(_("position"), default=0)
    good = columns.reference("catalog.Good", _("good"))
    parent = columns.reference("catalog.Good", _("parent"), editable=False, db_index=False)
    title = columns.text(_("title"))
    article = columns.text(_("article"))
    count = columns.quantity(_("count"), default=Decimal(1))
    price = columns.money(_("price"), default=Decimal(0))
    total = columns.money(_("total before discount"), default=Decimal(0))
    discount_total = columns.money(
        _("discount (−) or surcharge (+)"), default=Decimal(0), help_text=_("A discount is negative.")
    )
    tax = columns.reference(
        "fiscal.Tax", _("tax rate"), help_text=_("When empty, the rate of the good is used."), db_index=False
    )
    calc_id = models.IntegerField(_("kind on a receipt"), null=True, blank=True)
    unit = columns.text(_("unit"))
    ved_code = columns.text(_("commodity code (1162)"))
    country_code = columns.text(_("country of origin (1230)"))
    custom_declaration_code = columns.text(_("customs declaration (1231)"))
    mark_value = columns.text(_("marking code as scanned"))
    mark_binary_value = columns.text(_("marking code, decoded"))
    mark_key = models.CharField(blank=True, default="", editable=False)  # what makes two codes the same piece
    weight = columns.quantity(_("weight"), null=True, blank=True)
    multiplicity = columns.quantity(_("step"), null=True, blank=True)
    description = columns.text(_("description"))
    image_url = columns.text(_("image"))
    image_big_url = columns.text(_("large image"))
    is_active = models.BooleanField(_("active"), default=True)
    return_reason = columns.reference("orders.ReturnReason", _("reason of return"), editable=False, db_index=False)

    history = history.Records(excluded_fields=["mark_key"], found_by=["order"])

    objects = models.Manager.from_queryset(LineQuerySet)()  # type: ignore[misc]  # more than the base's

    class Meta:
        verbose_name = _("line")
        verbose_name_plural = _("lines")
        ordering = ["position", "id"]
        indexes = [models.Index(fields=["mark_key"], name="line_mark", condition=~Q(mark_key=""))]

    def __str__(self) -> str:
        return self.title or str(self.good or self.position)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.set_mark_key()
        if (names := kwargs.get("update_fields")) is not None and not MARKS.isdisjoint(names):
            kwargs["update_fields"] = {*names, "mark_key"}
        super().save(*args, **kwargs)

    def set_mark_key(self) -> None:
        self.mark_key = marking.key(self.mark_code)

    @property
    def mark_code(self) -> str:
        """The code that counts: the decoded one comes first (seed 002:131-132)."""
        return self.mark_binary_value or self.mark_value


class LineWarehouse(MirroredPart):
    """From which warehouse a line is taken, and how much the courier really took (T32)."""

    SYNC_ROOT = "line__order"
    OUR_FIELDS = frozenset({"took_count"})

    line = models.ForeignKey(Line, models.CASCADE, related_name="warehouses", verbose_name=_("line"))
    warehouse = models.ForeignKey("catalog.Warehouse", models.PROTECT, related_name="+", verbose_name=_("warehouse"))
    count = columns.quantity(_("count"))
    took_count = columns.quantity(_("taken"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("warehouse of a line")
        verbose_name_plural = _("warehouses of a line")

    def __str__(self) -> str:
        return f"{self.warehouse}: {self.count}"


class LineSpecificity(MirroredPart):
    """A characteristic of a line; its price is for information, it is part of the line's price (seed 002:145-150)."""

    SYNC_ROOT = "line__order"

    line = models.ForeignKey(Line, models.CASCADE, related_name="specificities", verbose_name=_("line"))
    specificity = models.ForeignKey(
        "catalog.Specificity", models.PROTECT, related_name="+", verbose_name=_("characteristic")
    )
    price = columns.money(_("price"))
    count = columns.quantity(_("count"))

    class Meta:
        verbose_name = _("characteristic of a line")
        verbose_name_plural = _("characteristics of a line")

    def __str__(self) -> str:
        return f"{self.specificity}: {self.count}"


class CanceledItem(models.Model):
    """What the courier took off a line, and why (seed 002:453-456)."""

    line = models.ForeignKey(Line, models.CASCADE, related_name="canceled_items", verbose_name=_("line"))
    return_reason = columns.reference("orders.ReturnReason", _("reason"))
    count = columns.quantity(_("count"))
    created_at = models.DateTimeField(_("at"), null=True, blank=True)

    class Meta:
        verbose_name = _("cancelled item")
        verbose_name_plural = _("cancelled items")

    def __str__(self) -> str:
        return f"−{self.count}"
