"""Client: who ordered."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored
from orders.phones import e164


class Client(Mirrored):
    """Who ordered: a person, a company or both (seed 002:2122-2305)."""

    OUR_FIELDS = frozenset({"phone_e164", "source", "source_id", "external_id", "merged_into", "merged_into_id"})
    SUCCESSOR = "merged_into"

    title = columns.text(_("company"))
    firstname = columns.text(_("first name"))
    lastname = columns.text(_("last name"))
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    address_postindex = columns.text(_("postal code"))
    address_city = columns.text(_("city"))
    address_street = columns.text(_("street"))
    address_home = columns.text(_("house"))
    address_apartment = columns.text(_("flat or office"))
    address_latitude = columns.coordinate(_("latitude"))
    address_longitude = columns.coordinate(_("longitude"))
    inn = columns.text(_("INN"))
    phone = columns.text(_("phone"))
    phone_e164 = models.CharField(_("phone, E.164"), max_length=20, blank=True, default="", editable=False)
    email = columns.text(_("e-mail"))
    description = columns.text(_("description"))
    source = columns.reference("partners.Source", _("source"))
    external_id = columns.text(_("id at the source"))
    # Who stands for this client since a person found them to be one (orders/merging.py); always one step away.
    merged_into = columns.reference("self", _("merged into"), related_name="absorbed", editable=False, db_index=False)
    remote_updated_at = models.DateTimeField(_("changed at iRECA"), null=True, blank=True, editable=False)

    history = history.records("phone_e164")

    class Meta:
        verbose_name = _("client")
        verbose_name_plural = _("clients")
        ordering = ["lastname", "firstname", "id"]
        indexes = [
            models.Index(fields=["lastname", "firstname", "id"], name="client_name"),
            models.Index(fields=["source", "id"], name="client_of_source"),
            models.Index(fields=["source", "updated_at", "id"], name="client_changed"),
            models.Index(fields=["phone_e164", "merged_into"], name="client_phone"),
            models.Index(
                fields=["merged_into", "source"], name="client_merged", condition=models.Q(merged_into__isnull=False)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=~models.Q(merged_into=models.F("pk")), name="client_not_into_itself"),
            models.UniqueConstraint(
                fields=["source", "external_id"], name="client_external", condition=~models.Q(external_id="")
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.lastname, self.firstname])) or self.title or str(self.ireca_id)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.phone_e164 = e164(self.phone)
        if (names := kwargs.get("update_fields")) is not None and "phone" in names:
            kwargs["update_fields"] = {*names, "phone_e164"}
        super().save(*args, **kwargs)

    @classmethod
    def placeholder(cls, ireca_id: str) -> Client:
        return cls(ireca_id=ireca_id, remote_data={})
