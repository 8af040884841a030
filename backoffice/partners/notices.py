"""Notices of partners: webhooks that were paused because their receiver fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.partners.models import Webhook
from backoffice.sync.notices.kinds import Kind, Trouble, register
from backoffice.sync.notices.troubles import REASON


def _paused(now: datetime) -> Iterator[Trouble]:
    paused = Webhook.objects.filter(is_active=True, paused_at__isnull=False, source__is_active=True)
    for hook in paused.select_related("source").order_by("pk"):
        yield Trouble(
            key=str(hook.pk),
            url=reverse("admin:partners_webhook_change", args=[hook.pk]),
            params={"source": str(hook.source), "reason": hook.pause_reason[:REASON]},
            since=hook.paused_at,
        )


register(
    Kind(
        "webhooks",
        gettext_lazy("Webhooks that are paused"),
        ("partners.view_webhook",),
        _paused,
        lambda params: _("A webhook of %(source)s is paused: its receiver fails. %(reason)s") % params,
    )
)
