"""Money and the law: tax rates, payment types, receipts of all kinds, fiscalisation settings, errors of registers and
terminals, acts of cash that couriers handed in.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.secrets import EncryptedTextField
from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored
from backoffice.values import whole_numbers


class Tax(Mirrored):
    """A VAT rate, by its name (seed 002:2659-2722). The names are free text; the law's list is longer than the
    remote's (CONTRACT T68).
    """

    title = columns.text(_("title"))

    history = history.records()

    class Meta:
        verbose_name = _("tax rate")
        verbose_name_plural = _("tax rates")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class PaymentType(Mirrored):
    """How an order is paid, and what the register is told of it (seed 002:2569-2658)."""

    # How it closes a receipt (seed 002:2778-2790, T67); other codes are kept.
    CASH, CARD, PREPAYMENT = 1, 2, 3

    title = columns.text(_("title"))
    close_type = models.IntegerField(
        _("kind at the register"),
        default=1,
        help_text=_(
            "1 cash, 2 bank card, 3 prepayment (set-off of an advance). iRECA's own list has 1 and 2; "
            "other codes are kept."
        ),
    )
    remote_updated_at = models.DateTimeField(_("changed at iRECA"), null=True, blank=True, editable=False)

    history = history.records()

    class Meta:
        verbose_name = _("payment type")
        verbose_name_plural = _("payment types")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class FiscalDocument(models.Model):
    """What identifies a document of a fiscal drive (seed 002:1216-1251)."""

    serial_number = columns.text(_("register's serial number"))
    shift_number = columns.text(_("shift"))
    fn = columns.text(_("fiscal drive (FN)"))
    fd_number = columns.text(_("document number (FD)"))
    receipt_number = columns.text(_("receipt number"))
    fiscal_sign = columns.text(_("fiscal sign (FP)"))
    date_time_receipt = models.DateTimeField(_("printed at"), null=True, blank=True)

    class Meta:
        abstract = True


class ReceiptQuerySet(models.QuerySet):
    """Lets orders know how many receipts they have, also where rows are written in bulk."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        rows = list(objs)
        orders = {row.order_id for row in rows}
        with transaction.atomic(using=self.db):
            if connection.features.has_select_for_update:
                # Locked before anything is stored: who waited for another one to store his would not count it.
                list(_orders(orders).order_by("pk").select_for_update().values_list("pk"))
            made = super().bulk_create(rows, *args, **kwargs)
            count_receipts(orders)
        return made


class Receipt(FiscalDocument):
    """A receipt of payment or of return for an order; comes from iRECA and is never changed here.

    Its order counts it (`count_receipts`).
    """

    class Kind(models.TextChoices):
        SALE = "sale", _("Receipt")
        RETURN = "return", _("Return receipt")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    order = models.ForeignKey("orders.Order", models.PROTECT, related_name="receipts", verbose_name=_("order"))
    remote_data = models.JSONField(_("as received"), default=dict, editable=False)
    pulled_at = models.DateTimeField(_("pulled"), auto_now_add=True)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        indexes = [
            models.Index(fields=["-date_time_receipt", "-id"], name="receipt_time"),
            models.Index(fields=["fn", "fd_number"], name="receipt_fd"),
            models.Index(fields=["fn", "shift_number"], name="receipt_shift"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "kind", "fn", "fd_number", "fiscal_sign"], name="receipt_once")
        ]

    def __str__(self) -> str:
        return f"{self.fn} / {self.fd_number}"


def count_receipts(orders: Collection[int]) -> None:
    """Keep with orders how many receipts of each kind they have: that a paid order has none must be seen at once,
    among millions of orders, so it has to stand in one row and in one index.
    """

    def count(kind: str) -> Any:
        found = Receipt._base_manager.filter(order=OuterRef("pk"), kind=kind).order_by().values("order")
        return Coalesce(Subquery(found.annotate(count=models.Count("pk")).values("count")), 0)

    _orders(orders).update(sale_receipts=count(Receipt.Kind.SALE), return_receipts=count(Receipt.Kind.RETURN))


def _orders(keys: Collection[int]) -> models.QuerySet[Any]:
    """Apps of this rank know orders by their keys only."""
    order: type[Any] = Receipt._meta.get_field("order").related_model
    return order._base_manager.filter(pk__in=keys)


@receiver([post_save, post_delete], sender=Receipt)
def _count_again(instance: Receipt, raw: bool = False, **kwargs: Any) -> None:
    if not raw:
        count_receipts([instance.order_id])


def _by_group(prefix: str, *columns: str, time: str) -> list[models.Index]:
    """Indexes from which the rows of a device, a courier or a code are counted, and found with the last ones first."""
    return [models.Index(fields=[column, f"-{time}"], name=f"{prefix}_by_{column}") for column in columns]


class CorrectionReceipt(models.Model):
    """A correction that a courier printed (seed 002:1252-1270); comes from iRECA."""

    ireca_id = models.CharField(_("iRECA id"), max_length=191, unique=True)
    courier = columns.reference("couriers.Courier", _("courier"))
    serial_number = columns.text(_("register's serial number"))
    amount = columns.money(_("amount"), null=True, blank=True)
    command_executed_at = models.DateTimeField(_("printed at"), null=True, blank=True, db_index=True)

    TIME = "command_executed_at"

    class Meta:
        verbose_name = _("correction receipt")
        verbose_name_plural = _("correction receipts")
        indexes = _by_group("correction", "serial_number", "courier", time="command_executed_at")

    def __str__(self) -> str:
        return self.ireca_id


class AtolSettings(models.Model):
    """Settings of ATOL Online (seed 002:1271-1318). iRECA only takes them and never tells them, so this copy is all
    there is (T40).
    """

    class TaxSystem(models.TextChoices):
        OSN = "osn", _("general")
        USN_INCOME = "usn_income", _("simplified, income")
        USN_INCOME_OUTCOME = "usn_income_outcome", _("simplified, income less expenses")
        ENVD = "envd", _("imputed income (abolished)")
        ESN = "esn", _("agricultural")
        PATENT = "patent", _("patent")

    class AgentType(models.TextChoices):
        BANK_PAYING_AGENT = "bank_paying_agent", _("bank paying agent")
        BANK_PAYING_SUBAGENT = "bank_paying_subagent", _("bank paying subagent")
        PAYING_AGENT = "paying_agent", _("paying agent")
        PAYING_SUBAGENT = "paying_subagent", _("paying subagent")
        ATTORNEY = "attorney", _("attorney")
        COMMISSION_AGENT = "commission_agent", _("commission agent")
        ANOTHER = "another", _("other agent")

    setting_id = models.CharField(_("setting id"), max_length=191, unique=True)
    source = columns.reference("partners.Source", _("source"), editable=False)
    external_id = columns.text(_("id at the source"), editable=False)
    login = models.CharField(_("login"), max_length=100)
    password = EncryptedTextField(_("password"), blank=True, default="")
    kkt_group = columns.text(_("register group"))
    is_production = models.BooleanField(_("real receipts"), default=False)
    inn = columns.text(_("company's INN"))
    tax_system = models.CharField(_("tax system"), max_length=40, choices=TaxSystem)
    agent_type = models.CharField(_("agent type"), max_length=40, choices=AgentType, blank=True)

    history = history.Records(excluded_fields=["password"])

    class Meta:
        verbose_name = _("ATOL Online settings")
        verbose_name_plural = _("ATOL Online settings")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="atol_external", condition=~models.Q(external_id="")
            )
        ]

    def __str__(self) -> str:
        return self.login

    @classmethod
    def next_setting_id(cls) -> str:
        """A number that no settings have yet; iRECA knows them by it."""
        taken = whole_numbers(cls.objects.values_list("setting_id", flat=True))
        return str(max(taken, default=0) + 1)


class Pechka54(models.Model):
    """The address that a shop's Pechka54 print server polls (seed 002:1319-1330); comes from iRECA."""

    url = columns.text(_("address for the print server"))
    pulled_at = models.DateTimeField(_("pulled"), auto_now=True)

    class Meta:
        verbose_name = _("Pechka54 settings")
        verbose_name_plural = _("Pechka54 settings")

    def __str__(self) -> str:
        return self.url


class DeviceError(models.Model):
    """What the logs of both kinds of devices have in common (seed 002:2441-2492)."""

    ireca_id = models.CharField(_("iRECA id"), max_length=191, unique=True)
    courier = columns.reference("couriers.Courier", _("courier"))
    order = models.ForeignKey(
        "orders.Order", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("order")
    )
    # An order may be unknown here, or deleted: which one it was is not forgotten.
    order_ireca_id = columns.text(_("order's iRECA id"))
    error_code = columns.text(_("code"))
    error_text = columns.text(_("error"))
    serial_number = columns.text(_("serial number"))
    amount = columns.money(_("amount"), null=True, blank=True)

    TIME: ClassVar[str]  # the column that says when it happened

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.error_code} {self.error_text}"


class RegistrarError(DeviceError):
    """An error of a fiscal registrar (seed 002:2471-2492)."""

    command_executed_at = models.DateTimeField(_("happened at"), null=True, blank=True, db_index=True)

    TIME = "command_executed_at"

    class Meta:
        verbose_name = _("registrar error")
        verbose_name_plural = _("registrar errors")
        indexes = _by_group("registrar", "serial_number", "courier", "error_code", time="command_executed_at")


class TerminalError(DeviceError):
    """An error of a bank terminal (seed 002:2445-2470)."""

    card_number = columns.text(_("card"))
    payment_system = columns.text(_("payment system"))
    transaction_created_at = models.DateTimeField(_("happened at"), null=True, blank=True, db_index=True)

    TIME = "transaction_created_at"

    class Meta:
        verbose_name = _("terminal error")
        verbose_name_plural = _("terminal errors")
        indexes = _by_group("terminal", "serial_number", "courier", "error_code", time="transaction_created_at")


class CashActNumber(models.Model):
    """The last number of an act in a year. Adding to it under its row's lock leaves no gap and gives none twice."""

    year = models.PositiveIntegerField(_("year"), primary_key=True)
    last = models.PositiveIntegerField(_("last number"), default=0)

    class Meta:
        verbose_name = _("last number of acts")
        verbose_name_plural = _("last numbers of acts")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last}/{self.year}"


class Immutable(TypeError):
    """What is on paper and signed is not changed: a mistake is set right by a counter entry."""


class _OnlyAddedQuerySet(models.QuerySet):
    def update(self, **kwargs: object) -> int:
        raise Immutable("an act of cash is never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise Immutable("an act of cash is never deleted")


class CashHandover(models.Model):
    """Cash that a courier handed in, as an act that an accountant recorded; made by `orders/cash.py` only.

    It is never edited or deleted. A mistake is reversed by a counter entry: an act of its own with the amount negative,
    which names the act that it `reverses` and says why in its `note`.
    """

    courier = models.ForeignKey(
        "couriers.Courier", models.PROTECT, related_name="cash_handovers", verbose_name=_("courier")
    )
    amount = columns.money(_("amount"))
    at = models.DateTimeField(_("handed in at"))
    year = models.PositiveIntegerField(_("year"))
    number = models.PositiveIntegerField(_("number of the act"))
    note = models.TextField(_("note"), blank=True, default="")
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversal", verbose_name=_("reverses")
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("recorded by")
    )
    recorded_at = models.DateTimeField(_("recorded at"), default=timezone.now)
    # Of the form that was filled in: it makes one act, however often it is sent.
    key = models.UUIDField(unique=True, editable=False, default=uuid.uuid4)

    objects = _OnlyAddedQuerySet.as_manager()

    class Meta:
        verbose_name = _("act of cash handed in")
        verbose_name_plural = _("acts of cash handed in")
        default_permissions = ("add", "view")
        ordering = ["-year", "-number"]
        indexes = [models.Index(fields=["courier", "at", "amount"], name="handover_ledger")]
        constraints = [
            models.UniqueConstraint(fields=["year", "number"], name="handover_number_once"),
            models.CheckConstraint(
                condition=models.Q(reverses__isnull=True, amount__gt=0)
                | models.Q(reverses__isnull=False, amount__lt=0),
                name="handover_sign",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def save(self, *args: object, **kwargs: object) -> None:
        if not self._state.adding:
            raise Immutable("an act of cash is never changed")
        super().save(*args, **kwargs)  # type: ignore[arg-type]

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise Immutable("an act of cash is never deleted")

    @property
    def title(self) -> str:
        """Number and year, as the act is called on paper."""
        return f"{self.number}/{self.year}"
