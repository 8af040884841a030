"""Column types for a remote's values: roomy text, money, quantities and coordinates, the same in every app.

A remote's text has no documented length, so its columns have none: a limit of ours would refuse what the remote
accepts.
"""

from collections.abc import Callable
from typing import Any

from django.db import models

from backoffice.sync.personal import PersonalCharField, PersonalDecimalField


def text(label: Any, **kwargs: Any) -> models.CharField:
    """One line of text, empty when there is none."""
    return models.CharField(label, blank=True, default="", **kwargs)


def personal(label: Any, mask: Callable[[str], str], **kwargs: Any) -> models.CharField:
    """One line of text that tells of a client: masked for who may not see it."""
    return PersonalCharField(label, blank=True, default="", mask=mask, **kwargs)


def place(label: Any, **kwargs: Any) -> models.DecimalField:
    """A coordinate of where a client lives: blurred for who may not see it."""
    return PersonalDecimalField(label, max_digits=13, decimal_places=10, null=True, blank=True, **kwargs)


def money(label: Any, **kwargs: Any) -> models.DecimalField:
    """Roubles with kopecks."""
    return models.DecimalField(label, max_digits=14, decimal_places=2, **kwargs)


def sum_of_parts(label: Any) -> models.DecimalField:
    """Roubles that are kept beside what they are the sum of. Nobody edits them."""
    return money(label, default=0, db_default=0, editable=False)


def quantity(label: Any, **kwargs: Any) -> models.DecimalField:
    return models.DecimalField(label, max_digits=14, decimal_places=3, **kwargs)


def coordinate(label: Any, **kwargs: Any) -> models.DecimalField:
    """Degrees to a hundredth of a millimetre; none when unknown (the wire's 0 and "0.00000000000000").

    The wire has 14 decimals, more than SQLite's numbers hold exactly.
    """
    return models.DecimalField(label, max_digits=13, decimal_places=10, null=True, blank=True, **kwargs)


def reference(to: str, label: Any, **kwargs: Any) -> models.ForeignKey:
    """A reference to another entity. It protects what it points to: what the remote still refers to must not vanish
    here. On large tables `db_index=False` spares an index that nothing asks: few payment types, millions of orders.
    """
    options = {"null": True, "blank": True, "related_name": "+", **kwargs}
    return models.ForeignKey(to, models.PROTECT, verbose_name=label, **options)
