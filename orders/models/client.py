"""Client: who ordered."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from backoffice.sync import columns, history
from backoffice.sync.mirrored import Mirrored
from backoffice.sync.personal import PersonalCharField, PersonalDateField, mask_all, mask_name, mask_phone
from orders.phones import e164


class Client(Mirrored):
    """Who ordered: a person, a company or both (seed 002:2122-2305)."""

    OUR_FIELDS = frozenset({"phone_e164", "source", "source_id", "external_id", "merged_into", "merged_into_id"})
    SUCCESSOR = "merged_into"
    WORDS = ("lastname", "firstname", "title")  # which are indexed for search, see backoffice/sync/words.py

    title = columns.personal(_("company"), mask_name)
    firstname = columns.personal(_("first name"), mask_name)
    lastname = columns.personal(_("last name"), mask_name)
    birthday = PersonalDateField(_("birthday"), null=True, blank=True)
    address_postindex = columns.personal(_("postal code"), mask_all)
    address_city = columns.text(_("city"))
    address_street = columns.personal(_("street"), mask_all)
    address_home = columns.personal(_("house"), mask_all)
    address_apartment = columns.personal(_("flat or office"), mask_all)
    address_latitude = columns.place(_("latitude"))
    address_longitude = columns.place(_("longitude"))
    inn = columns.personal(_("INN"), mask_all)
    phone = columns.personal(_("phone"), mask_phone)
    phone_e164 = PersonalCharField(
        _("phone, E.164"), max_length=20, blank=True, default="", editable=False, mask=mask_phone
    )
    email = columns.personal(_("e-mail"), mask_all)
    description = columns.personal(_("description"), mask_all)
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
            # As one types, and whatever the collation: LIKE uses no other (orders/admin/search.py).
            models.Index(fields=["phone_e164"], opclasses=["varchar_pattern_ops"], name="client_phone_start"),
            models.Index(fields=["inn"], name="client_inn", condition=~models.Q(inn="")),
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

    def impersonal_name(self) -> str:
        initials = mask_name(f"{self.lastname} {self.firstname}")
        return " ".join(filter(None, [initials, self.ireca_id or f"#{self.pk}"]))

    @classmethod
    def placeholder(cls, ireca_id: str) -> Client:
        return cls(ireca_id=ireca_id, remote_data={})
