"""Rows of any model, with every reference filled, each row with references of its own."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone

from backoffice.sync import enqueue
from backoffice.sync.mirrored import Mirrored

_numbers = count(1)
CHOSEN = ("remote", "deed")  # columns whose choices are all the rows that there can be


def make(model: type[models.Model], depth: int = 0, **given: Any) -> Any:
    """One stored row. References are filled down to the second level; `given` wins."""
    number = next(_numbers)
    values = dict(given)
    for column in model._meta.concrete_fields:
        if column.name in values or (column.primary_key and isinstance(column, models.AutoField)):
            continue
        if isinstance(column, models.ForeignKey):
            target = column.remote_field.model
            if target is ContentType:
                values[column.name] = ContentType.objects.get_for_model(model)
            elif not column.null or (depth < 2 and target is not model):
                values[column.name] = make(target, depth + 1)
        else:
            values[column.name] = _value(column, number)
    if issubclass(model, Mirrored):
        values |= {"remote_data": {"title": "agreed"}, **given}
    with enqueue.untracked():
        return _only(model, values) or model._base_manager.create(**values)


def _only(model: type[models.Model], values: dict[str, Any]) -> Any:
    """The row that is there already, of a model that has but one for each choice (a service, a deed)."""
    keys = [(column.name,) for column in model._meta.concrete_fields if column.unique]
    keys += [tuple(item.fields) for item in model._meta.constraints if isinstance(item, models.UniqueConstraint)]
    for key in keys:
        if any(getattr(model._meta.get_field(name), "choices", None) for name in key) and key[-1] in CHOSEN:
            return model._base_manager.filter(**{name: values[name] for name in key}).first()
    return None


def _value(column: models.Field, number: int) -> Any:
    if column.choices:
        return column.choices[0][0]
    if isinstance(column, models.BooleanField):
        return False
    if isinstance(column, models.JSONField):
        return {}
    if isinstance(column, models.DecimalField):
        return Decimal(1)
    for validator in column.validators:
        if isinstance(validator, MaxValueValidator) and isinstance(column, models.SmallIntegerField):
            return number % (validator.limit_value + 1)
    if isinstance(column, models.IntegerField | models.FloatField):
        return number
    if isinstance(column, models.DateTimeField):
        return timezone.now() - timedelta(minutes=number)
    if isinstance(column, models.DateField):
        return timezone.localdate()
    if isinstance(column, models.GenericIPAddressField):
        return f"192.0.2.{number % 256}"
    if isinstance(column, models.UUIDField):
        return column.get_default()
    if column.unique or column.blank is False or column.name in ("title", "fn", "ireca_id"):
        return f"{column.name[:8]}{number}"[: column.max_length or 40]
    return ""
