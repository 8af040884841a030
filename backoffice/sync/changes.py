"""That mirrored rows changed, whoever changed them: a person, a partner or a remote.

`rows_changed` is sent inside the transaction of the change, with the model as its sender and the keys of the rows as
`ids`; a listener that fails undoes the change with it. `updated_at` of the rows is set by then. Where the change is a
remote's, `taken` has by key the attributes that were taken over.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.dispatch import Signal
from django.utils import timezone

rows_changed = Signal()


def touch(model: type[Any], ids: Collection[int]) -> None:
    """Note a change of what belongs to these rows and is no column of theirs, such as their receipts."""
    if ids:
        model._base_manager.filter(pk__in=ids).update(updated_at=timezone.now())
        rows_changed.send(model, ids=ids)
