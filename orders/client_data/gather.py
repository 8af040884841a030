"""What we hold of one client: his rows, all that hangs on them, their histories, what was said of them, and whatever
tells of him anywhere else (`places`, as for erasing).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
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
from backoffice.sync import personal
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirror import registry
from backoffice.sync.models import Exchange, ExchangeSubject, Push, Sent
from orders.client_data import places
from orders.client_data.held import Held
from orders.models import Client, ClientMerge, Order

FORMAT = 1
# Rows that hang on an order and are not the client's: who drove whom, what was chosen in a list.
PASSED_OVER = frozenset({"orders.Erasure", "orders.CashEntry"})


def everything(held: Held) -> dict[str, Any]:
    """As JSON has it: by table, the columns of each row. Values that JSON has none for are texts."""
    tables: dict[str, dict[Any, dict[str, Any]]] = {}
    for rows in chain(querysets(held), _telling(held)):
        pk = rows.model._meta.pk.attname
        names = [
            field.attname for field in rows.model._meta.concrete_fields if not isinstance(field, EncryptedTextField)
        ]
        for found in rows.order_by("pk").values(*names):
            columns = {name: _as_text(value) for name, value in found.items()}
            tables.setdefault(rows.model._meta.label_lower, {})[found[pk]] = columns
    listed = {label: list(rows.values()) for label, rows in tables.items()}
    return {"format": FORMAT, "client": held.client.pk, "made_at": timezone.now(), "tables": listed}


def _as_text(value: Any) -> Any:
    """Files that were brought are in base64."""
    return b64encode(value).decode() if isinstance(value, bytes | memoryview) else value


def _telling(held: Held) -> Iterator[QuerySet]:
    """What erasing would find besides: some of it has been found by its references already."""
    with personal.seen_by(None):
        his = places.traces(held)
    for model in places.tables():
        found = [pk for pk, _changes in places.telling(model, his, held, with_agreed=True)]
        for some in chunks(found):
            yield model._base_manager.filter(pk__in=some)


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
