"""Who is meant: a client, those merged into him, and their orders."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models
from django.db.models import Q

from backoffice.values import row_key
from orders.models import Client, Order


class NotThere(Exception):
    """There is no such client."""


@dataclass(frozen=True)
class Held:
    """Keys of a client, of those merged into him, and of their orders."""

    client: Client
    clients: tuple[int, ...]
    orders: tuple[int, ...]

    @classmethod
    def of(cls, key: str) -> Held:
        """By our key or the one of iRECA; of a merged client, whoever stands for him.

        Raises NotThere.
        """
        found = Client.objects.filter(ireca_id=key).first()
        if found is None:
            found = Client.objects.filter(pk=row_key(key)).first()
        if found is None:
            raise NotThere(key)
        return cls._of(found)

    @classmethod
    def of_key(cls, pk: int) -> Held:
        """By our key only.

        Raises NotThere.
        """
        found = Client.objects.filter(pk=pk).first()
        if found is None:
            raise NotThere(str(pk))
        return cls._of(found)

    @classmethod
    def _of(cls, found: Client) -> Held:
        client = found.merged_into or found
        absorbed = Client.objects.filter(merged_into=client).values_list("pk", flat=True)
        clients = (client.pk, *sorted(absorbed))
        his = Q(client__in=clients)
        if client.phone_e164:  # masked or not: a lookup takes what is behind it
            his |= Q(client=None, phone_e164=client.phone_e164)
        return cls(client, clients, tuple(Order.objects.filter(his).order_by("pk").values_list("pk", flat=True)))

    @property
    def roots(self) -> dict[type[models.Model], tuple[int, ...]]:
        return {Client: self.clients, Order: self.orders}
