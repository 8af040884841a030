"""What every mirrored row carries, and the managers whose bulk paths write the outbox and the history as `save` does.

`Mirrored` is a row that a remote knows too. `MirroredPart` is a row that belongs to one (an order's line, a good's
stock): changing it is
changing its owner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar

from django.db import NotSupportedError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backoffice.sync import enqueue, history
from backoffice.sync.locks import lock
from backoffice.sync.personal import SaidTextField

LOCAL_FIELDS = frozenset(
    {"ireca_id", "remote_data", "synced_at", "sync_state", "sync_error", "sync_conflict", "updated_at"}
)


class TrackedQuerySet(models.QuerySet):
    """A queryset none of whose bulk paths changes a mirrored row past the outbox."""

    model: type[Any]  # a Tracked one

    def update(self, **kwargs: Any) -> int:
        if not enqueue.tracking() or self.model.is_local(kwargs):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            # The keys come first: the change may move rows out of the filter.
            keys = dict(self.order_by().values_list("pk", self.model.SYNC_ROOT or "pk"))
            roots = set(keys.values())
            if len(keys) > 1:
                lock(self.model.root_model()._base_manager.filter(pk__among=frozenset(roots)))
                if self.model.SYNC_ROOT:
                    lock(self.model._base_manager.filter(pk__among=frozenset(keys)))
            # By those keys, so that a row which only now begins to match is not changed past the outbox.
            count = sum(
                models.QuerySet.update(self.order_by().filter(pk__in=batch), **kwargs) for batch in enqueue.chunks(keys)
            )
            self._record_history(keys)
            enqueue.changed(self.model.root_model(), roots)
        return count

    update.alters_data = True  # type: ignore[attr-defined]  # Django's own marker for templates

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("ignore_conflicts") and enqueue.tracking():
            raise NotSupportedError(
                "bulk_create(ignore_conflicts=True) returns no keys, so its rows would miss the outbox"
            )
        objs = list(objs)
        with transaction.atomic(using=self.db):
            created: list[Any] = super().bulk_create(objs, *args, **kwargs)
            self.model.after_bulk_create(created)
            if enqueue.tracking():
                self._record_history([obj.pk for obj in created], "+")
                enqueue.changed(self.model.root_model(), {obj.root_id() for obj in created})
        return created

    def bulk_save(self, objs: Collection[Any], fields: Collection[str]) -> None:
        """Write these fields of rows that are there, each with its own values, in few statements."""
        if not objs or not fields:
            return
        with transaction.atomic(using=self.db):
            # INSERT … ON CONFLICT DO UPDATE: CASE WHEN of Django's bulk_update is ten times slower at this width.
            super().bulk_create(objs, update_conflicts=True, unique_fields=["pk"], update_fields=list(fields))
            if enqueue.tracking():
                self._record_history([obj.pk for obj in objs])
                if not self.model.is_local(fields):
                    enqueue.changed(self.model.root_model(), {obj.root_id() for obj in objs})

    bulk_save.alters_data = True  # type: ignore[attr-defined]

    def bulk_save_each(self, objs: Collection[Any], each: Mapping[int, Mapping[str, Any]]) -> None:
        """Give each of these whole rows its own values, by its key: one `bulk_save` for all with the same columns."""
        by_columns: dict[frozenset[str], list[Any]] = defaultdict(list)
        for obj in objs:
            values = each[obj.pk]
            for name, value in values.items():
                setattr(obj, name, value)
            # A row is not written where it says nothing: what is there may be newer than what we have read.
            by_columns[frozenset(values)].append(obj)
        with transaction.atomic(using=self.db):
            for columns, rows in by_columns.items():
                self.bulk_save(rows, columns)

    bulk_save_each.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        if not enqueue.tracking():
            return super().delete()
        with transaction.atomic(using=self.db):
            doomed = list(self.model.deletions(self))
            # One statement for all instead of a signal for each.
            with enqueue.untracked():
                result = super().delete()
            self.model.enqueue_deletions(doomed)
        return result

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _record_history(self, keys: Collection[int], kind: str = "~") -> None:
        """Bulk paths send no signals, so that the history would miss them; who did it is known from the request."""
        if hasattr(self.model, "history"):
            history.keep(self.model, keys, kind=kind, user=history.actor(), reason=history.reason())


TrackedManager = models.Manager.from_queryset(TrackedQuerySet)


class Tracked(models.Model):
    """Common to mirrored rows and their parts."""

    SYNC_ROOT: ClassVar[str] = ""  # the path to the mirrored owner; empty for the mirrored row itself
    OUR_FIELDS: ClassVar[frozenset[str]] = frozenset()  # columns that no remote knows

    objects = TrackedManager()

    class Meta:
        abstract = True

    @classmethod
    def is_local(cls, names: Collection[str] | None) -> bool:
        """Whether a change of just these columns concerns no remote."""
        if names is None:
            return False
        return all(name in LOCAL_FIELDS or name in cls.OUR_FIELDS for name in names)

    @classmethod
    def root_model(cls) -> type[models.Model]:
        model: type[models.Model] = cls
        for step in filter(None, cls.SYNC_ROOT.split("__")):
            model = model._meta.get_field(step).related_model  # type: ignore[assignment]  # a foreign key always has one
        return model

    def root_id(self) -> int:
        if not self.SYNC_ROOT:
            return self.pk
        *steps, last = self.SYNC_ROOT.split("__")
        owner: Any = self
        for step in steps:
            owner = getattr(owner, step)
        return getattr(owner, f"{last}_id")

    @classmethod
    def after_bulk_create(cls, created: list[Any]) -> None:
        """Bulk creation bypasses `save`; a subclass repeats here what its `save` adds."""

    @classmethod
    def deletions(cls, queryset: models.QuerySet) -> Iterable[Any]:
        return set(queryset.order_by().values_list(cls.SYNC_ROOT, flat=True))

    @classmethod
    def enqueue_deletions(cls, doomed: list[Any]) -> None:
        enqueue.changed(cls.root_model(), doomed)


class MirroredPart(Tracked):
    """A row whose change is a change of the mirrored row it belongs to."""

    class Meta:
        abstract = True


class SyncState(models.TextChoices):
    CLEAN = "clean", _("In sync")
    PENDING = "pending", _("On its way")
    FAILED = "failed", _("Refused")
    CONFLICT = "conflict", _("Conflict")
    HELD = "held", _("Kept here")


# A partner has named the row, and nobody has described it yet: it is not sent, and what refers to it waits.
ONLY_NAMED = models.Q(remote_data__isnull=True, sync_state=SyncState.CLEAN)


class FreeNumbers:
    """Numbers that no row has for its id, each greater than the one before.

    They are looked up in windows that grow along a run of taken ones, so that a long run costs few queries, and a batch
    no more than a single row.
    """

    SMALLEST, LARGEST = 1000, 64_000  # numbers looked up at once

    def __init__(self, taken: Callable[[Collection[str]], set[str]]) -> None:
        self._taken = taken
        self._window = range(0)
        self._used: set[str] = set()
        self._last = 0

    def after(self, number: int) -> int:
        """The next free one above `number` and above all that were given before."""
        number = max(number, self._last)
        while True:
            number += 1
            if number not in self._window:
                goes_on = number == self._window.stop
                span = min(4 * len(self._window), self.LARGEST) if goes_on else self.SMALLEST
                self._window = range(number, number + span)
                self._used = self._taken([str(one) for one in self._window])
            if str(number) not in self._used:
                self._last = number
                return number


class Mirrored(Tracked):
    """A row that iRECA knows, or is to know, under `ireca_id`.

    `remote_data` is the last wire state both sides agreed on: None while iRECA does not know the row, {} when it is
    known by its id only.
    """

    SUCCESSOR: ClassVar[str] = (
        ""  # the reference to the row that new references to this one mean instead, where there is
    )

    ireca_id = models.CharField(
        _("iRECA id"),
        max_length=191,
        unique=True,
        null=True,
        blank=True,
        editable=False,
        help_text=_("The id under which iRECA knows this row."),
    )
    remote_data = models.JSONField(_("last agreed state"), null=True, blank=True, editable=False)
    synced_at = models.DateTimeField(_("in sync since"), null=True, blank=True, editable=False)
    sync_state = models.CharField(
        _("sync"), max_length=20, choices=SyncState, default=SyncState.CLEAN, db_index=True, editable=False
    )
    sync_error = SaidTextField(_("what iRECA answered"), blank=True, editable=False)
    sync_conflict = models.JSONField(_("conflict"), default=dict, blank=True, editable=False)
    # Not auto_now: bulk paths and the remote's own changes count too. `changes.py` keeps it.
    updated_at = models.DateTimeField(_("changed"), default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            super().save(*args, **kwargs)
            if not self.ireca_id:
                self.after_bulk_create([self])

    def impersonal_name(self) -> str:
        """How a text names the row that who may not see personal data may read, too."""
        return str(self)

    def make_ireca_id(self) -> str:
        """The id this row wants at iRECA: our key."""
        return str(self.pk)

    @classmethod
    def held(cls, ids: Collection[int]) -> set[int]:
        """Those of at most CHUNK rows that are not to be told, though they are here."""
        return set()

    @classmethod
    def after_bulk_create(cls, created: list[Any]) -> None:
        """Give rows made here their id at iRECA: our key, or the next free number where another row has it already."""
        fresh = [row for row in created if not row.ireca_id]
        if not fresh:
            return
        wanted = {row.make_ireca_id() for row in fresh}
        taken = cls._taken(wanted)
        numbers = FreeNumbers(cls._taken)
        for row in fresh:
            row.ireca_id = row.make_ireca_id()
            while row.ireca_id in taken:
                if not row.ireca_id.isdigit():
                    raise ValueError(f"{cls._meta.label} {row.ireca_id!r} exists already")
                row.ireca_id = str(numbers.after(int(row.ireca_id)))
            taken.add(row.ireca_id)
        cls._base_manager.bulk_update(fresh, ["ireca_id"])

    @classmethod
    def placeholder(cls, ireca_id: str) -> Mirrored:
        """A row of which only the id is known so far."""
        return cls(ireca_id=ireca_id, remote_data={}, **({"title": ireca_id} if hasattr(cls, "title") else {}))

    @classmethod
    def _taken(cls, ids: Collection[str]) -> set[str]:
        found = cls._base_manager.filter(ireca_id__among=frozenset(ids)).values_list("ireca_id", flat=True)
        return {str(ireca_id) for ireca_id in found}

    @classmethod
    def deletions(cls, queryset: models.QuerySet) -> Iterable[Any]:
        return queryset.order_by().values_list("pk", "ireca_id", "remote_data")

    @classmethod
    def enqueue_deletions(cls, doomed: list[Any]) -> None:
        enqueue.deleted(cls, [(pk, ireca_id, known is not None) for pk, ireca_id, known in doomed])


def keys_by_ireca_id(model: type[Mirrored], ireca_ids: Iterable[str | None]) -> dict[str, int]:
    """Our keys by iRECA ids. A row that we have not seen yet is made, known by its id only ({}), for a pull to fill."""
    wanted = {value for value in ireca_ids if value}
    found = _keys(model, wanted)
    missing = sorted(wanted - found.keys())
    if missing:
        with enqueue.untracked():
            model._base_manager.bulk_create(
                [model.placeholder(value) for value in missing],
                ignore_conflicts=True,
            )
        found |= _keys(model, missing)
    return found


def _keys(model: type[Mirrored], ireca_ids: Collection[str]) -> dict[str, int]:
    pairs = model._base_manager.filter(ireca_id__among=frozenset(ireca_ids)).values_list("ireca_id", "pk")
    return {str(ireca_id): pk for ireca_id, pk in pairs}
