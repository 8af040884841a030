"""Couriers, their roles and permissions in iRECA's app, their sessions (each uses a licence) and where they are."""

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.secrets import EncryptedTextField
from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored


class Role(Mirrored):
    """A role of users of the app (seed 002:2004-2084)."""

    title = columns.text(_("title"))
    is_active = models.BooleanField(_("active"), default=True)

    history = history.records()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Permission(Mirrored):
    """Whether a role may do something in the app (seed 002:2085-2120). Evotor devices ignore permissions (T57)."""

    role = models.ForeignKey(Role, models.CASCADE, related_name="permissions", verbose_name=_("role"))
    action_id = models.CharField(_("action"), max_length=100)
    is_allowed = models.BooleanField(_("allowed"), default=False)
    description = columns.text(_("description"))
    remote_updated_at = models.DateTimeField(_("changed at iRECA"), null=True, blank=True, editable=False)

    history = history.records()

    class Meta:
        verbose_name = _("permission")
        verbose_name_plural = _("permissions")
        constraints = [models.UniqueConstraint(fields=["role", "action_id"], name="permission_once")]

    def __str__(self) -> str:
        return f"{self.role}: {self.description or self.action_id}"

    def make_ireca_id(self) -> str:
        """iRECA knows a permission by its role and action."""
        return f"{self.role.ireca_id}:{self.action_id}"


class Courier(Mirrored):
    """Someone who delivers (seed 002:1896-2003)."""

    OUR_FIELDS = frozenset({"cash_limit"})

    title = columns.text(_("name"))
    email = columns.text(_("e-mail"))
    phone = columns.text(_("phone"))
    role = columns.reference("couriers.Role", _("role"))
    source_password = EncryptedTextField(
        _("password for the app"), blank=True, default="", help_text=_("Stored encrypted and never shown.")
    )
    inn = columns.text(_("INN of the cashier"))
    cash_limit = columns.money(
        _("cash limit"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("How much cash he may have in hand, in roubles. Empty: as much as the settings say. Stays here."),
    )
    remote_updated_at = models.DateTimeField(_("changed at iRECA"), null=True, blank=True, editable=False)

    history = history.records("source_password")

    class Meta:
        verbose_name = _("courier")
        verbose_name_plural = _("couriers")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class License(models.Model):
    """A session of a courier on a device; while it is open it uses one licence (seed 002:2397-2440)."""

    device_id = models.CharField(_("device"), max_length=191)
    device_title = columns.text(_("device name"))
    session_id = columns.text(_("session"))
    courier = columns.reference("couriers.Courier", _("courier"))
    session_start_at = models.DateTimeField(_("opened"), null=True, blank=True)
    session_finish_at = models.DateTimeField(_("closed"), null=True, blank=True)
    is_open = models.BooleanField(_("uses a licence"), default=True)
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    class Meta:
        verbose_name = _("licence")
        verbose_name_plural = _("licences")
        ordering = ["-is_open", "-session_start_at"]
        constraints = [
            models.UniqueConstraint(fields=["device_id", "session_start_at"], name="session_once"),
            # where no start is told: to both databases one null is unlike another
            models.UniqueConstraint(
                fields=["device_id"], condition=models.Q(session_start_at__isnull=True), name="session_unstarted_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_title or self.device_id}"


class LicenseUsage(models.Model):
    """How many licences were used at a moment, of how many (seed 002:2406-2407)."""

    at = models.DateTimeField(_("at"), db_index=True)
    used = models.PositiveIntegerField(_("used"))
    total = models.PositiveIntegerField(_("total"))

    class Meta:
        verbose_name = _("licence usage")
        verbose_name_plural = _("licence usage")
        get_latest_by = "at"

    def __str__(self) -> str:
        return f"{self.used} / {self.total}"


class Location(models.Model):
    """Where a courier was, and which order he had in hand (seed 002:32-72); at most one a minute."""

    courier = models.ForeignKey(Courier, models.CASCADE, related_name="locations", verbose_name=_("courier"))
    order_ireca_id = models.CharField(_("order"), max_length=191, blank=True)
    delivery_status = models.IntegerField(_("delivery status"), null=True, blank=True)
    return_reason_ireca_id = models.CharField(_("reason of return"), max_length=191, blank=True)
    longitude = columns.coordinate(_("longitude"))
    latitude = columns.coordinate(_("latitude"))
    accuracy = models.DecimalField(_("accuracy, m"), max_digits=10, decimal_places=2, null=True, blank=True)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        constraints = [
            models.UniqueConstraint(fields=["courier", "created_at", "order_ireca_id"], name="location_once")
        ]
        indexes = [models.Index(fields=["courier", "-created_at"], name="location_latest")]

    def __str__(self) -> str:
        """When, not where: who deletes a courier is told of what goes with him."""
        return f"{timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"
