"""Where in the database something tells of a client, though nothing refers to him: texts, JSON and files of all tables.

Giving out and erasing both look here, so that neither knows of a place that the other has forgotten.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from simple_history.models import HistoricalChanges

from backoffice.accounts.trail import histories
from backoffice.secrets import EncryptedTextField
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import Mirrored
from fiscal.models import FiscalDocument
from orders.client_data.held import Held
from orders.client_data.traces import Traces
from orders.models import Client, Erasure, Order

PLACE = ("postindex", "street", "home", "apartment", "latitude", "longitude")
EMPTIED: dict[type[Any], tuple[str, ...]] = {
    Client: (
        *("title", "firstname", "lastname", "birthday", "inn", "phone", "phone_e164", "email", "description"),
        *(f"address_{part}" for part in PLACE),
    ),
    Order: (
        *("client_firstname", "client_lastname", "client_inn", "client_email", "phone", "phone_e164", "description"),
        "to_line",
        *(f"to_{part}" for part in PLACE),
        *("delivered_latitude", "delivered_longitude"),
    ),
}
NAMES: dict[type[Any], tuple[str, str]] = {
    Client: ("firstname", "lastname"),
    Order: ("client_firstname", "client_lastname"),
}
# What is in no table of ours, or holds no word of people: keys of sessions, our own bookkeeping.
NOT_LOOKED_INTO = frozenset({"sessions", "contenttypes", "migrations"})


def traces(held: Held) -> Traces:
    """What he is recognised by, from his columns as they are and as they were."""
    phones: set[str] = set()
    words: set[str] = set()
    names: set[tuple[str, str]] = set()
    values: set[str] = set()
    for model, keys in held.roots.items():
        phone, mail, inn = ("phone", "email", "inn") if model is Client else ("phone", "client_email", "client_inn")
        for source in (model, histories()[model]):
            columns = [name for name in EMPTIED[model] if name in {f.name for f in source._meta.concrete_fields}]
            for some in chunks(keys):
                for found in source._base_manager.filter(**{f"{model._meta.pk.attname}__in": some}).values(*columns):
                    phones.add(found[phone])
                    words |= {found[mail], found[inn]}
                    names.add(tuple(found[name] for name in NAMES[model]))
                    values |= {str(value) for value in found.values() if value not in (None, "")}
    return Traces.of(phones, words, names, values)


def tables() -> list[Any]:
    """All that are looked through, in one order."""
    return sorted(
        (
            m
            for m in apps.get_models()
            if m._meta.managed and m._meta.app_label not in NOT_LOOKED_INTO and m is not Erasure
        ),
        key=lambda model: model._meta.label,
    )


def telling(model: type[Any], his: Traces, held: Held, *, with_agreed: bool) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Keys of rows that tell of him, with what their columns become."""
    fields = [field for field in model._meta.concrete_fields if _is_text(field) and not field.primary_key]
    if issubclass(model, Mirrored) and not with_agreed:
        fields = [field for field in fields if field.name not in ("remote_data", "sync_conflict")]
    if not fields:
        return
    rows = model._base_manager.all()
    own = set(_own(model, held))
    base = model.instance_type if issubclass(model, HistoricalChanges) else model
    # Another with the same phone is another; and by nothing nobody is recognised.
    if issubclass(base, Mirrored | AbstractBaseUser) or his.is_empty:
        rows = rows.filter(pk__in=own)
    for record in rows.order_by("pk").values_list("pk", *(field.attname for field in fields)).iterator(chunk_size=500):
        changes = {}
        for field, value in zip(fields, record[1:], strict=True):
            cleaned = _cleaned(field, value, his, is_own=record[0] in own)
            if cleaned is not _SAME:
                changes[field.name] = cleaned
        if changes:
            yield record[0], changes


def _own(model: type[Any], held: Held) -> Iterator[Any]:
    """Keys of rows of this table that are his: there any of his values is his, however common."""
    if model in held.roots:
        yield from held.roots[model]
        return
    base = model.instance_type if issubclass(model, HistoricalChanges) else None
    if base in held.roots:
        for some in chunks(held.roots[base]):
            yield from model._base_manager.filter(**{f"{base._meta.pk.attname}__in": some}).values_list("pk", flat=True)
        return
    for field in model._meta.concrete_fields:
        if field.is_relation and field.related_model in held.roots:
            for some in chunks(held.roots[field.related_model]):
                yield from model._base_manager.filter(**{f"{field.name}__in": some}).values_list("pk", flat=True)


_SAME = object()


def _is_text(field: models.Field) -> bool:
    kinds = (models.CharField, models.TextField, models.JSONField, models.BinaryField)
    return isinstance(field, kinds) and not field.choices


def _cleaned(field: models.Field, value: Any, his: Traces, *, is_own: bool) -> Any:
    """What the column becomes; _SAME where it tells of nobody."""
    if value in (None, "", b"", {}, []):
        return _SAME
    if isinstance(field, models.BinaryField):
        return b"" if his.tell(_file_text(bytes(value))) else _SAME
    if isinstance(field, models.JSONField):
        if not is_own and not his.tell(_written(value)):
            return _SAME
        cleaned = his.cleaned(value, by_key=is_own and not issubclass(field.model, FiscalDocument))
        if his.tell(_written(cleaned)):  # a name that stands in parts
            cleaned = his.cleaned(value, by_key=True)
        if his.tell(_written(cleaned)):
            cleaned = type(value)()
        return _SAME if cleaned == value else cleaned
    if isinstance(field, EncryptedTextField):
        return "" if his.tell(str(value)) and field.blank else _SAME
    text = str(value)
    if is_own and text in his.values:
        return ""
    told = his.tell(text) or his.tell(_unescaped(text))
    return _SAME if not told else (None if field.null and not field.blank else "")


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _unescaped(text: str) -> str:
    """A body as people read it: JSON writes letters as numbers."""
    if "\\u" not in text:
        return ""
    try:
        return _written(json.loads(text))
    except ValueError:
        return ""


def _file_text(data: bytes) -> str:
    """The text of a file that was brought: CSV as it is, the parts of a workbook."""
    if data[:2] != b"PK":
        return data.decode("utf-8", "replace") + data.decode("cp1251", "replace")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            parts = [book.read(name) for name in book.namelist() if name.endswith(".xml")]
    except zipfile.BadZipFile:
        parts = [data]  # what only begins like a workbook was refused as one, and may be kept all the same
    return "".join(part.decode("utf-8", "replace") for part in parts)
