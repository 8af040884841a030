"""Source: where orders and clients come from, and what a partner may do through the API."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns


class Scope(models.TextChoices):
    """What a source may do. The scope that an endpoint asks for stands beside it in the API's documentation."""

    ORDERS_READ = "orders:read", _("read orders")
    ORDERS_WRITE = "orders:write", _("create and change orders")
    CLIENTS = "clients", _("read and change clients")
    CATALOGUE_READ = "catalogue:read", _("read the catalogue and the directories")
    CATALOGUE_WRITE = "catalogue:write", _("change the catalogue and the directories")
    COURIERS = "couriers", _("read and change couriers, roles and permissions; see where couriers are")
    FISCAL = "fiscal", _("receipts, register settings, errors of devices")
    LICENCES = "licences", _("see and release licences")

    @classmethod
    def parse(cls, text: str) -> list[str]:
        """Scopes from text such as "orders:read, clients"; "all" is every one, "orders" both of orders.

        Raises ValueError naming what is unknown.
        """
        chosen: list[str] = []
        for word in text.replace(",", " ").split():
            found = [value for value in cls.values if word in ("all", value, value.partition(":")[0])]
            if not found:
                raise ValueError(f"unknown scope {word!r}; there are: all, {', '.join(cls.values)}")
            chosen += found
        return [value for value in cls.values if value in chosen]


def check_scopes(scopes: Any) -> None:
    unknown = [scope for scope in scopes if scope not in Scope.values] if isinstance(scopes, list) else [scopes]
    if unknown:
        raise ValidationError(gettext("Unknown scopes: %(scopes)s") % {"scopes": ", ".join(map(str, unknown))})


def check_networks(text: str) -> None:
    """Raises ValidationError that says for the first wrong one what is wrong and what may be meant."""
    for network in text.split():
        try:
            ip_network(network)
        except ValueError:
            raise ValidationError(_what_is_wrong(network)) from None


def _what_is_wrong(network: str) -> str:
    try:
        meant = ip_network(network, strict=False)
    except ValueError:
        return gettext("%(network)s is no address and no network, such as 203.0.113.7 or 203.0.113.0/24.") % {
            "network": network
        }
    return gettext("%(network)s has an address that goes on behind the mask: write %(meant)s, or %(one)s alone.") % {
        "network": network,
        "meant": meant,
        "one": network.partition("/")[0],
    }


class Source(models.Model):
    """A shop, an ERP or a cash-register service whose orders are delivered.

    Its own numbering is in `external_id` of its orders and clients.
    """

    title = models.CharField(_("title"), max_length=200, unique=True)
    description = columns.text(_("description"))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("An inactive source is refused by the API; its orders stay.")
    )
    scopes = models.JSONField(
        _("allowed actions"),
        default=list,
        blank=True,
        validators=[check_scopes],
        help_text=_("What its tokens may do."),
    )
    rate_limit = models.PositiveIntegerField(
        _("requests a minute"), default=3000, help_text=_("More are answered 429. 0: no limit.")
    )
    allowed_networks = models.TextField(
        _("allowed networks"),
        blank=True,
        default="",
        validators=[check_networks],
        help_text=_("Such as 203.0.113.0/24, separated by spaces or lines. Empty: from anywhere."),
    )
    waits_for_dispatcher = models.BooleanField(
        _("orders wait for a dispatcher"),
        default=False,
        help_text=_("New orders stay here until a dispatcher hands them over to the couriers; else they go at once."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("source")
        verbose_name_plural = _("sources")
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title

    def may(self, scopes: Iterable[str]) -> bool:
        """Whether the source has one of these scopes."""
        return not set(self.scopes).isdisjoint(scopes)

    def allows(self, address: IPv4Address | IPv6Address | None) -> bool:
        """Whether requests from this address are allowed; None is an address that could not be told."""
        networks = [ip_network(network) for network in self.allowed_networks.split()]
        if not networks:
            return True
        return address is not None and any(address in network for network in networks)
