"""What we hold of one client: his rows, all that hangs on them, their histories, and what was said of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from simple_history.models import HistoricalChanges

from backoffice.accounts.models import Event
from backoffice.accounts.trail import histories
from backoffice.partners.models import Delivery
from backoffice.secrets import EncryptedTextField
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import registry
from backoffice.sync.models import Exchange, ExchangeSubject, Push, Sent
from orders.models import Client, ClientMerge, Order

FORMAT = 1
# Rows that hang on an order and are not the client's: who drove whom, what was chosen in a list.
PASSED_OVER = frozenset({"orders.Erasure", "orders.CashEntry"})


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
        if found is None and key.isdecimal():
            found = Client.objects.filter(pk=key).first()
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


def everything(held: Held) -> dict[str, Any]:
    """As JSON has it: by table, the columns of each row. Values that JSON has none for are texts."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for rows in querysets(held):
        names = [
            field.attname for field in rows.model._meta.concrete_fields if not isinstance(field, EncryptedTextField)
        ]
        if found := list(rows.order_by("pk").values(*names)):
            tables.setdefault(rows.model._meta.label_lower, []).extend(found)
    return {"format": FORMAT, "client": held.client.pk, "made_at": timezone.now(), "tables": tables}


def querysets(held: Held) -> Iterator[QuerySet]:
    """All rows of the client, each once."""
    found: dict[type[models.Model], set[int]] = {}
    _reach(found, held.roots)
    for model, keys in found.items():
        for some in chunks(sorted(keys)):
            yield model._base_manager.filter(pk__in=some)
            if (history := histories().get(model)) is not None:
                yield history._base_manager.filter(**{f"{model._meta.pk.attname}__in": some})
    yield from _said_of(held)


def _reach(found: dict[type[models.Model], set[int]], roots: Mapping[type[models.Model], Collection[int]]) -> None:
    """Add rows that refer to these, and that refer to those: lines of orders, warehouses of lines."""
    for model, keys in roots.items():
        new = set(keys) - found.get(model, set())
        if not new:
            continue
        found.setdefault(model, set()).update(new)
        for other, name in _references(model):
            rows = [
                pk
                for some in chunks(sorted(new))
                for pk in other._base_manager.filter(**{f"{name}__in": some}).values_list("pk", flat=True)
            ]
            _reach(found, {other: rows})


def _references(model: type[models.Model]) -> Iterator[tuple[type[models.Model], str]]:
    for other in apps.get_models():
        if issubclass(other, HistoricalChanges) or other._meta.label in PASSED_OVER or other is Client:
            continue
        for field in other._meta.concrete_fields:
            if field.is_relation and field.related_model is model and not (other is Order and model is Order):
                yield other, field.name


def _said_of(held: Held) -> Iterator[QuerySet]:
    """What names the rows without a foreign key: the outbox, exchanges, webhooks, the admin's log, the trail."""
    for model, keys in held.roots.items():
        mirror = registry.for_model(model)
        assert mirror is not None
        content_type, label = ContentType.objects.get_for_model(model), model._meta.label_lower
        for some in chunks(keys):
            told = Q(entity=mirror.entity, object_id__in=some)
            ids = list(
                model._base_manager.filter(pk__in=some).exclude(ireca_id=None).values_list("ireca_id", flat=True)
            )
            subjects = [subject for pk in some for subject in (f"{mirror.entity}:{pk}",)]
            subjects += [f"{mirror.entity}:{ireca_id}" for ireca_id in ids]
            yield Push.objects.filter(told)
            yield Sent.objects.filter(told)
            exchanges = ExchangeSubject.objects.filter(subject__in=subjects).values("exchange")
            yield Exchange.objects.filter(pk__in=exchanges)
            yield LogEntry.objects.filter(content_type=content_type, object_id__in=[str(pk) for pk in some])
            yield Event.objects.filter(object_type=label, object_id__in=[str(pk) for pk in some])
            yield Delivery.objects.filter(object_key__in=[*subjects, *ids, *map(str, some)])
    yield ClientMerge.objects.filter(survivor__in=held.clients)
