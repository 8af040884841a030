"""Webhook: an address that a partner is told at. Delivery: one event on its way there, and what became of it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.partners.models.source import Scope
from backoffice.secrets import EncryptedTextField
from backoffice.sync.models import Leased
from backoffice.sync.personal import PersonalTextField


class Webhook(Leased):
    """Where a source is told of changes of its orders, or of closed sessions (seed 002:1040-1180, 2418-2446).

    Whoever holds the lease is the only one to send, which keeps events in order. `due_at` is when to try next: it is
    ahead while the receiver fails.
    """

    class Kind(models.TextChoices):
        ORDERS = "orders", _("Changes of orders")
        LICENSES = "licenses", _("Closed sessions of couriers")

    source = models.ForeignKey(
        "partners.Source", models.CASCADE, related_name="webhooks", verbose_name=_("source"), db_index=False
    )
    kind = models.CharField(_("what about"), max_length=20, choices=Kind, default=Kind.ORDERS)
    url = models.CharField(_("address"), max_length=2000)
    secret = EncryptedTextField(_("secret"), editable=False)
    previous_secret = EncryptedTextField(_("previous secret"), blank=True, default="", editable=False)
    previous_until = models.DateTimeField(_("previous secret signs until"), null=True, blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    is_documented = models.BooleanField(
        _("set by the documented call"),
        default=False,
        editable=False,
        help_text=_("Set by POST /orders/callback or /licenses/callback, which know one address each."),
    )
    paused_at = models.DateTimeField(_("paused since"), null=True, blank=True, editable=False)
    pause_reason = models.TextField(_("why it is paused"), blank=True, editable=False)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    last_ok_at = models.DateTimeField(_("last success"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    # One of these lets a source be told: it could read as much.
    SCOPES = {Kind.ORDERS: (Scope.ORDERS_READ, Scope.ORDERS_WRITE), Kind.LICENSES: (Scope.LICENCES,)}

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ["source", "kind", "id"]
        indexes = [
            models.Index(fields=["source", "kind", "id"], name="webhook_of_source"),
            models.Index(fields=["due_at"], name="webhook_due", condition=Q(is_active=True, paused_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind"], name="webhook_documented", condition=Q(is_documented=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.url}"

    @classmethod
    def listening(cls, kind: str) -> list[Webhook]:
        """The webhooks that are told of something now. One that is paused is: it will go on."""
        hooks = cls.objects.filter(kind=kind, is_active=True, source__is_active=True)
        scopes = cls.SCOPES[cls.Kind(kind)]
        return [hook for hook in hooks.select_related("source").order_by("pk") if hook.source.may(scopes)]


class Delivery(models.Model):
    """One event for one webhook; immutable once its payload is built.

    It begins as a mark, made with the change itself: `open_key` is unique while the payload is not built, so that the
    changes of one transaction are one event, and `change` is renewed by each of them, so that a payload which was built
    meanwhile is known to be old.
    """

    class State(models.TextChoices):
        NEW = "new", _("Being built")
        QUEUED = "queued", _("Queued")
        DONE = "done", _("Delivered")
        FAILED = "failed", _("Given up")

    webhook = models.ForeignKey(
        Webhook, models.CASCADE, related_name="deliveries", verbose_name=_("webhook"), db_index=False
    )
    object_key = models.CharField(_("object"), max_length=191)
    event = models.UUIDField(_("event"), default=uuid.uuid4, editable=False, db_index=True)
    open_key = models.CharField(max_length=240, unique=True, null=True, editable=False)
    change = models.UUIDField(default=uuid.uuid4, editable=False)
    payload = models.TextField(_("body"), blank=True, editable=False)
    state = models.CharField(_("state"), max_length=20, choices=State, default=State.NEW)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("due"), default=timezone.now)
    expires_at = models.DateTimeField(_("tried until"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    # of the latest attempt
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    sent_headers = models.JSONField(_("request headers"), default=dict, blank=True)
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    response = PersonalTextField(_("answer"), blank=True)
    error = models.TextField(_("error"), blank=True)
    duration_ms = models.PositiveIntegerField(_("duration, ms"), default=0)
    replay_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="replays",
        verbose_name=_("replay of"),
        editable=False,
    )

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = [
            models.Index(fields=["due_at"], name="delivery_new", condition=Q(state="new")),
            models.Index(fields=["webhook", "id"], name="delivery_queue", condition=Q(state="queued")),
            models.Index(fields=["webhook", "object_key", "id"], name="delivery_order", condition=Q(state="queued")),
            models.Index(fields=["webhook", "-id"], name="delivery_log"),
            models.Index(fields=["-id"], name="delivery_failed", condition=Q(state="failed")),
            models.Index(fields=["created_at"], name="delivery_created"),
        ]

    def __str__(self) -> str:
        return str(self.event)

    @staticmethod
    def key(webhook_id: int, object_key: str) -> str:
        """What is unique among events whose payload is not built yet."""
        return f"{webhook_id}:{object_key}"
