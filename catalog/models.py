"""What is delivered and from where: goods, their characteristics, warehouses with stock, suppliers of the agent
scheme.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored, MirroredPart


class Supplier(Mirrored):
    """A principal of the agent scheme (seed 002:2306-2396)."""

    title = columns.text(_("title"))
    tax = columns.reference("fiscal.Tax", _("tax rate"))
    inn = columns.text(_("INN"))
    phone = columns.text(_("phone"))
    address = columns.text(_("address"))
    description = columns.text(_("description"))

    history = history.records()

    class Meta:
        verbose_name = _("supplier")
        verbose_name_plural = _("suppliers")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Warehouse(Mirrored):
    """Where couriers pick goods up (seed 002:1743-1895)."""

    title = columns.text(_("title"))
    firstname = columns.text(_("first name of the person in charge"))
    lastname = columns.text(_("last name of the person in charge"))
    phone = columns.text(_("phone"))
    city = columns.text(_("city"))
    street = columns.text(_("street"))
    house = columns.text(_("house"))
    apartment = columns.text(_("office"))
    latitude = columns.coordinate(_("latitude"))
    longitude = columns.coordinate(_("longitude"))
    description = columns.text(_("description"))
    is_active = models.BooleanField(_("active"), default=True)
    remote_updated_at = models.DateTimeField(_("changed at iRECA"), null=True, blank=True, editable=False)

    history = history.records()

    class Meta:
        verbose_name = _("warehouse")
        verbose_name_plural = _("warehouses")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Good(Mirrored):
    """Something that is sold, or a folder of such (seed 002:1441-1605)."""

    OUR_FIELDS = frozenset({"barcode"})

    article = columns.text(_("article"), db_index=True)
    barcode = columns.text(_("barcode"), db_index=True, help_text=_("What a scanner reads; iRECA does not know it."))
    parent = columns.reference("self", _("parent"))
    tax = columns.reference("fiscal.Tax", _("tax rate"))
    calc_id = models.IntegerField(
        _("kind on a receipt"), null=True, blank=True, help_text=_("0 not used, 1 goods except excise, 4 service.")
    )
    title = columns.text(_("title"))
    unit = columns.text(_("unit"))
    weight = columns.quantity(_("weight"), null=True, blank=True)
    multiplicity = columns.quantity(
        _("step"), null=True, blank=True, help_text=_("By how much the courier changes the count in the app.")
    )
    price = columns.money(_("price"), null=True, blank=True)
    description = columns.text(_("description"))
    image_url = columns.text(_("image"))
    image_big_url = columns.text(_("large image"))
    is_active = models.BooleanField(_("active"), default=True)

    history = history.records()

    class Meta:
        verbose_name = _("good")
        verbose_name_plural = _("goods")
        ordering = ["title", "id"]
        indexes = [models.Index(fields=["title", "id"], name="good_title")]

    def __str__(self) -> str:
        return self.title


class Stock(MirroredPart):
    """How much of a good a warehouse has (seed 002:1464-1467)."""

    SYNC_ROOT = "good"

    good = models.ForeignKey(Good, models.CASCADE, related_name="stock", verbose_name=_("good"))
    warehouse = models.ForeignKey(Warehouse, models.PROTECT, related_name="stock", verbose_name=_("warehouse"))
    count = columns.quantity(_("count"))

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stock")
        constraints = [models.UniqueConstraint(fields=["good", "warehouse"], name="stock_once")]

    def __str__(self) -> str:
        return f"{self.warehouse}: {self.count}"


class Specificity(Mirrored):
    """A characteristic that a line of an order may carry (seed 002:1607-1742); iRECA tests them still."""

    parent = columns.reference("self", _("parent"))
    title = columns.text(_("title"))
    value = columns.text(_("value"))
    price = columns.money(_("price"), null=True, blank=True)
    image_url = columns.text(_("image"))
    image_big_url = columns.text(_("large image"))
    article = columns.text(_("article"))
    is_active = models.BooleanField(_("active"), default=True)

    history = history.records()

    class Meta:
        verbose_name = _("characteristic")
        verbose_name_plural = _("characteristics")
        ordering = ["title", "value"]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.title, self.value]))
