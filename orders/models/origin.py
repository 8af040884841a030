"""Where an order came from, when that is a cash-register service: how it is read, and what it says of the order.

A register service is a `Source` like any partner; `Feed` is what else must be known of it. `Origin` is an order as the
service has it, beside our own row, with what both sides agreed on: the base of the three-way merge in `arrivals.py`.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models import Source
from backoffice.sync import columns, history
from backoffice.sync.connection import BIFIT, TITLES, VIRTPOS
from backoffice.sync.mirrored import SyncState
from backoffice.sync.personal import PersonalJSONField, SaidTextField

SERVICES = [(remote, TITLES[remote]) for remote in (BIFIT, VIRTPOS)]


class Feed(models.Model):
    """A register service that orders come from, and how its orders become ours."""

    remote = models.CharField(_("service"), max_length=20, unique=True, choices=SERVICES)
    source = models.OneToOneField(Source, models.PROTECT, related_name="feed", verbose_name=_("source"))
    payment_type = columns.reference(
        "fiscal.PaymentType", _("payment type of what is paid on delivery"), help_text=_("iRECA requires one.")
    )
    paid_type = columns.reference("fiscal.PaymentType", _("payment type of what is paid already"))
    good = columns.reference(
        "catalog.Good",
        _("good that stands for an order"),
        help_text=_(
            "BIFIT tells the sum of an order and not its goods. With this good the order gets one line with the sum, "
            "so that a receipt can be printed; without it, it comes without lines."
        ),
    )
    delivery_good = columns.reference(
        "catalog.Good",
        _("good that stands for delivery"),
        help_text=_("The cost of delivery becomes a line with this good; without it, it is only shown."),
    )
    return_reason = columns.reference("orders.ReturnReason", _("reason of what was cancelled there"))
    window_minutes = models.PositiveIntegerField(
        _("window, minutes"),
        default=120,
        help_text=_("The service tells a moment; the delivery window begins then and lasts so long."),
    )
    good_tax = columns.reference(
        "fiscal.Tax",
        _("tax rate of new goods"),
        help_text=_("VirtPos tells none, and iRECA requires one of a good. Without it, new goods wait for a person."),
    )
    client_group = columns.text(
        _("group of clients"),
        help_text=_("VirtPos puts clients that we send into this group; made if need be."),
    )

    class Meta:
        verbose_name = _("register service")
        verbose_name_plural = _("register services")
        ordering = ["remote"]

    def __str__(self) -> str:
        return TITLES.get(self.remote, self.remote)

    @classmethod
    def of(cls, remote: str) -> Feed:
        """The feed of a remote, with a source of its name when it is met for the first time."""
        if (feed := cls.objects.select_related("source").filter(remote=remote).first()) is not None:
            return feed
        source, _is_new = Source.objects.get_or_create(title=TITLES[remote])
        feed, _is_new = cls.objects.get_or_create(remote=remote, defaults={"source": source})
        return feed


class Origin(models.Model):
    """An order as the register service has it. `key` is its id there; of VirtPos, which gives none, see CONTRACT."""

    order = models.OneToOneField("orders.Order", models.CASCADE, related_name="origin", verbose_name=_("order"))
    remote = models.CharField(_("service"), max_length=20, choices=SERVICES)
    key = models.CharField(_("id there"), max_length=191)
    # What an order of VirtPos keeps where its key changes (orders/virtpos/succession.py).
    kin = models.CharField(max_length=191, blank=True, default="", editable=False)
    data = PersonalJSONField(_("as it was read last"), default=dict)
    # What was agreed, by our column (`lines` as a digest): values as JSON has them.
    agreed = models.JSONField(default=dict, editable=False)
    status = columns.text(_("state there"))
    status_at = models.DateTimeField(_("state since"), null=True, blank=True)
    delivery = columns.text(_("way of delivery"))
    tax_system = columns.text(_("tax system"))
    is_open = models.BooleanField(_("read again"), default=True, help_text=_("Until it is over there and here."))
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    sync_state = models.CharField(_("sync"), max_length=20, choices=SyncState, default=SyncState.CLEAN)
    sync_error = SaidTextField(_("what the service answered"), blank=True, default="")
    # column -> {"base": …, "theirs": …}, as JSON has them
    sync_conflict = models.JSONField(_("conflict"), default=dict, blank=True)

    class Meta:
        verbose_name = _("order at a register service")
        verbose_name_plural = _("orders at register services")
        constraints = [models.UniqueConstraint(fields=["remote", "key"], name="origin_key")]
        indexes = [
            models.Index(fields=["remote", "read_at"], name="origin_open", condition=models.Q(is_open=True)),
            models.Index(fields=["remote", "kin"], name="origin_kin", condition=~models.Q(kin="")),
            models.Index(fields=["sync_state"], name="origin_trouble", condition=~models.Q(sync_state="clean")),
        ]

    def __str__(self) -> str:
        return f"{TITLES.get(self.remote, self.remote)} {self.key}"


class Deed(models.TextChoices):
    """What happens to an order here that a register service may be told."""

    ASSIGNED = "assigned", _("assigned to a courier")
    TAKEN = "taken", _("taken by the courier")
    DELIVERED = "delivered", _("delivered")
    CLOSED = "closed", _("closed")
    CANCELLED = "cancelled", _("cancelled")
    CANCELLED_NEW = "cancelled_new", _("cancelled while it was new there")


class StatusRule(models.Model):
    """Which of our states becomes which of the service's. A deed without a rule uses the default; an empty one is not
    told.
    """

    feed = models.ForeignKey(Feed, models.CASCADE, related_name="rules", verbose_name=_("service"))
    deed = models.CharField(_("what happens here"), max_length=20, choices=Deed)
    status = columns.text(_("state there"), help_text=_("Empty: nothing is told."))

    class Meta:
        verbose_name = _("rule of states")
        verbose_name_plural = _("rules of states")
        ordering = ["feed", "id"]
        constraints = [models.UniqueConstraint(fields=["feed", "deed"], name="rule_once")]

    def __str__(self) -> str:
        return f"{self.get_deed_display()} → {self.status or '–'}"


class Mapping(models.Model):
    """What a source's own code means here: VirtPos's items, warehouses, ways of delivery and of payment.

    Made when a code is met for the first time: matched by name where there is one of that name, else waiting for a
    person.
    """

    class Kind(models.TextChoices):
        GOOD = "good", _("good")
        WAREHOUSE = "warehouse", _("warehouse")
        DELIVERY = "delivery", _("way of delivery")
        PAYMENT = "payment", _("payment type")

    class Delivery(models.TextChoices):
        COURIER = "courier", _("courier delivery")
        PICKUP = "pickup", _("picked up by the client")

    source = models.ForeignKey(Source, models.CASCADE, related_name="mappings", verbose_name=_("source"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    external_id = models.CharField(_("id there"), max_length=191)
    title = columns.text(_("title there"))
    good = columns.reference("catalog.Good", _("good"))
    warehouse = columns.reference("catalog.Warehouse", _("warehouse"))
    delivery = models.CharField(_("way of delivery"), max_length=20, choices=Delivery, blank=True, default="")
    payment_type = columns.reference("fiscal.PaymentType", _("payment type"))
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    history = history.Records(excluded_fields=["title", "seen_at"])

    TARGETS = {Kind.GOOD: "good", Kind.WAREHOUSE: "warehouse", Kind.DELIVERY: "delivery", Kind.PAYMENT: "payment_type"}

    class Meta:
        verbose_name = _("mapping")
        verbose_name_plural = _("mappings")
        ordering = ["source", "kind", "title", "id"]
        constraints = [models.UniqueConstraint(fields=["source", "kind", "external_id"], name="mapping_once")]

    # Rows that mean nothing here yet.
    WAITING = (
        models.Q(kind="good", good=None)
        | models.Q(kind="warehouse", warehouse=None)
        | models.Q(kind="delivery", delivery="")
        | models.Q(kind="payment", payment_type=None)
    )

    def __str__(self) -> str:
        return f"{self.title or self.external_id}"

    @property
    def target(self) -> Any:
        """What it means here, or nothing yet."""
        return getattr(self, self.TARGETS[self.Kind(self.kind)])
