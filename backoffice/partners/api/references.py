"""What a partner's ids stand for: his own numbers of orders and clients, and the ids that all share.

An id of the catalogue that nobody has described yet is kept as a row that is only named: `remote_data` None and clean,
so that it is not sent. What refers to it waits in the outbox, and says for whom, until a partner or a pull describes
it; refusing the order instead would lose it. Such rows are in no list.

A number whose row was merged into another stands for that one (`Mirrored.SUCCESSOR`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backoffice.partners.models import Source
from backoffice.sync import enqueue
from backoffice.sync.mirror import Keys
from backoffice.sync.mirrored import Mirrored


class SourceKeys(Keys):
    """Our keys for the ids in a partner's request. `own`: the models that have a number for each source."""

    def __init__(self, source: Source, own: Iterable[type[Mirrored]]) -> None:
        super().__init__()
        self._source, self._own = source, frozenset(own)
        self._shared_ids: dict[type[Mirrored], dict[str, str]] = {}

    def is_own(self, model: type[Mirrored]) -> bool:
        return model in self._own

    def resolve(self) -> None:
        for model, ids in self._wanted.items():
            if self.is_own(model):
                self._resolve_numbers(model, ids)
            else:
                self._found[model] = _named(model, ids)

    def _resolve_numbers(self, model: type[Any], numbers: Iterable[str]) -> None:
        wanted = set(numbers)
        mine = model._base_manager.filter(source=self._source, external_id__in=wanted)
        rows = [_current(*row) for row in mine.values_list("external_id", *_places(model))]
        if missing := sorted(wanted - {number for number, _id, _pk in rows}):
            with enqueue.untracked():
                named: list[Any] = [model(source=self._source, external_id=number) for number in missing]
                model._default_manager.bulk_create(named)
            rows += [(row.external_id, row.ireca_id, row.pk) for row in named]
        self._shared_ids[model] = {number: shared for number, shared, _pk in rows}
        self._found[model] = {shared: pk for _number, shared, pk in rows}

    def shared_id(self, model: type[Mirrored], number: str | None) -> str | None:
        """The id under which iRECA knows the row that the partner calls `number`."""
        return self._shared_ids[model][number] if number else None


def _places(model: type[Mirrored]) -> tuple[str, ...]:
    """The ids of a row, and of whom it was merged into."""
    later = model.SUCCESSOR
    return ("ireca_id", "pk", *((f"{later}__ireca_id", f"{later}_id") if later else ()))


def _current(number: str, ireca_id: str, pk: int, later_id: str | None = None, later_pk: int | None = None) -> Any:
    """The partner's number, and the ids of the row that it stands for now."""
    return (number, ireca_id, pk) if later_pk is None else (number, later_id, later_pk)


def _named(model: type[Mirrored], ids: Iterable[str]) -> dict[str, int]:
    wanted = set(ids)
    rows = model._base_manager.filter(ireca_id__in=wanted)
    found = dict(rows.values_list("ireca_id", "pk"))
    if missing := sorted(wanted - found.keys()):
        fresh = [model.placeholder(ireca_id) for ireca_id in missing]
        for row in fresh:
            row.remote_data = None
        model._base_manager.bulk_create(fresh, ignore_conflicts=True)
        found = dict(rows.values_list("ireca_id", "pk"))
    return found  # type: ignore[return-value]  # ids that were asked for are never null
