"""What must hold after any bad day, each promise checked against the other side and not against our own books.

Whoever makes a bad day (a storm, `tests/bad_days/`, the soak) keeps a `Record` of what was promised while it lasts.
`broken` then compares three things: our rows, the state of the sandbox with its journal and its requests, and the
record. Nothing may be lost, nothing doubled that must not be, and each failure must be shown to a person.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.remotes.sandbox import Sandbox
from backoffice.sync.merge import same
from backoffice.sync.mirror import Owner, registry
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Callback, Exchange, Push
from orders.models import Line, Order

RARELY = 0.05  # of the changes made there


@dataclass
class Touched:
    """What each side has set on one column of one order, oldest first."""

    ours: list[Any] = field(default_factory=list)
    theirs: list[Any] = field(default_factory=list)


@dataclass
class Record:
    """What was promised: orders, lines and refunds by our key. `figures` is what there is to tell of a run."""

    sandbox: Sandbox
    touched: dict[int, dict[str, Touched]] = field(default_factory=dict)
    counts: dict[int, Decimal] = field(default_factory=dict)  # of lines, as we alone have set them last
    deleted: set[str] = field(default_factory=set)  # orders that were deleted here, by their id at iRECA
    refunds: list[int] = field(default_factory=list)  # as often as they were asked for
    settled: dict[int, set[str]] = field(default_factory=dict)  # by order: attributes that a person decided on
    spoiled: set[int] = field(default_factory=set)  # orders that cannot go through until a person mends them
    garbled: set[str] = field(default_factory=set)  # digests of callbacks that nobody can read
    figures: dict[str, Any] = field(default_factory=lambda: {"changed here": 0, "changed there": 0})

    def note(self, pk: int, column: str) -> Touched:
        return self.touched.setdefault(pk, {}).setdefault(column, Touched())

    def set_here(self, pk: int, column: str, value: Any) -> None:
        self.note(pk, column).ours.append(value)
        self.figures["changed here"] += 1

    def set_there(self, pk: int, column: str, value: Any) -> None:
        self.note(pk, column).theirs.append(value)
        self.figures["changed there"] += 1


def broken(record: Record) -> list[str]:
    """Every promise that was not kept, told in a line, with the order's story below it; nothing when all is well."""
    return [
        line for check in (agreement, existence, changes, money, inbox, leftovers, failures) for line in check(record)
    ]


def agreement(record: Record) -> Iterator[str]:
    """Both sides agree on every field, or the order shows a conflict; then all of it waits for a person."""
    mirror: Any = registry.for_model(Order)
    conflicts = 0
    for row in mirror.queryset().all():
        there = record.sandbox.order(row.ireca_id)
        if there is None or row.pk in record.spoiled:
            continue
        ours, theirs = mirror.build(row), contract.decode(contract.Order, there)
        if row.sync_conflict:
            conflicts += 1
            continue
        for spec in mirror.fields:
            if spec.owner is Owner.THEIRS:
                continue
            one, other = getattr(ours, spec.attr), getattr(theirs, spec.attr)
            if not same(one, other) and other is not UNSET:
                yield f"order {row}: {spec.attr} is {one} here and {other} there, and shows no conflict"
    record.figures["orders in conflict at the end"] = conflicts


def existence(record: Record) -> Iterator[str]:
    """Each order is on both sides, once; what was deleted here is on neither."""
    here = Counter(ireca_id or "" for ireca_id in Order.objects.values_list("ireca_id", flat=True))
    with record.sandbox.state.lock:
        there = {str(key) for key, _order in record.sandbox.state.store.items("orders")}
    spoiled = set(Order.objects.filter(pk__in=record.spoiled).values_list("ireca_id", flat=True))
    for ireca_id, count in here.items():
        if count > 1:
            yield f"order {ireca_id} is here {count} times"
        if ireca_id not in there | spoiled:
            yield f"order {ireca_id} is not there"
    if stray := there - here.keys() - record.deleted:
        yield f"orders that nobody here knows are there: {sorted(stray)}"
    if back := record.deleted & (there | here.keys()):
        yield f"orders that were deleted here are still there, or here again: {sorted(back)}"


def changes(record: Record) -> Iterator[str]:
    """What one side alone has touched is as that side left it; what both have touched is as one of them left it.

    A conflict is shown only where both sides did change the field.

    One hole is known (docs/decisions/005): iRECA has no conditional write, so what is changed there between our read
    and our write is overwritten. That is counted, and must stay rare; its journal tells, so none is without a trace.
    """
    rows = Order.objects.in_bulk(list(record.touched))
    mirror: Any = registry.for_model(Order)
    wire = {column: mirror.wire(spec.attr) for spec in mirror.fields for column in spec.columns()}
    unseen: Counter[str] = Counter()
    put_back: Counter[str] = Counter()
    told = untold = 0
    for line in Line.objects.in_bulk(list(record.counts)).values():
        if line.count != record.counts[line.pk]:
            yield f"order {line.order}: {line.count} of {line}, though {record.counts[line.pk]} were set last"
    for pk, columns in record.touched.items():
        row = rows[pk]
        for column, touched in columns.items():
            value, is_shown = getattr(row, column), wire[column] in row.sync_conflict
            was_shown = is_shown or wire[column] in record.settled.get(pk, ())
            allowed = [*touched.ours[-1:], *touched.theirs[-1:]]
            is_lost = is_taken = False
            if touched.theirs and value != touched.theirs[-1]:
                # What we have had was known to whoever wrote over it.
                is_lost = not (touched.ours and row.history.filter(**{column: touched.theirs[-1]}).exists())
                is_taken = is_lost and we_put_back(record, row.ireca_id or "", wire[column], touched.theirs[-1])
            if value not in allowed and not is_taken:
                told_so = f"order {row}: {column} is {value}, though {allowed} was set last"
                yield "\n".join([told_so, *story(record, row, wire[column])])
            if is_shown and not (touched.theirs and (touched.ours or is_taken)):
                told_so = f"order {row}: a conflict of {column}, which only one side has changed: {touched}"
                yield "\n".join([told_so, *story(record, row, wire[column])])
            put_back[column] += is_taken and not touched.ours
            told += is_taken and was_shown
            untold += is_taken and not was_shown
            unseen[column] += is_lost and bool(touched.ours) and not was_shown
    for column, count in (+unseen).items():
        record.figures[f"overwritten unseen: {column}"] = count
    for column, count in (+put_back).items():
        record.figures[f"put back by us: {column}"] = count
    record.figures["overwritten by us and shown to a person"] = told
    record.figures["overwritten by us without a trace"] = untold
    if untold:
        yield f"{untold} changes that were made there were overwritten by us, and nobody was told"
    if put_back.total() > RARELY * record.figures["changed there"]:
        yield f"{put_back.total()} changes that were made there were put back by our whole writes"


def story(record: Record, row: Order, name: str) -> Iterator[str]:
    """What was kept of an order, here and there, for who has to find out how a promise was broken."""
    agreed = (row.remote_data or {}).get(name)
    yield f"    here: {row.sync_state} {row.sync_conflict} {row.sync_error}, agreed on {agreed}"
    for was in row.history.order_by("history_date"):
        yield f"    {was.history_date} history: {was.courier_id} {was.description!r} {was.history_change_reason}"
    for said in Exchange.objects.filter(subjects__subject=f"orders:{row.ireca_id}").order_by("started_at"):
        told = re.findall(rf'"{name}":[^,}}]*', f"{said.request_body} {said.response_body}")
        yield f"    {said.started_at} {said.method} {said.path} {said.status} {said.error} {told[:6]}"
    with record.sandbox.state.lock:
        journal = list(record.sandbox.state.store.get("journal", row.ireca_id or "") or ())
    for entry in journal:
        before, after = ((entry[side] or {}).get(name) for side in ("beforeItem", "afterItem"))
        if before != after:
            yield f"    {entry['createdAt']} journal: {before} -> {after} by {entry['source']}"


def we_put_back(record: Record, ireca_id: str, name: str, value: Any) -> bool:
    """Whether the other side's journal says that a write of ours took this value away."""
    said = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value)
    state = record.sandbox.state
    with state.lock:
        journal = list(state.store.get("journal", ireca_id) or ())
    ours = (entry["beforeItem"] or {} for entry in journal if entry["source"] == state.options.source)
    return any(str(before.get(name)) == said for before in ours)


def money(record: Record) -> Iterator[str]:
    """Each refund that was asked for is there exactly once, with its payments, and was taken exactly once."""
    made = {row.ireca_id or "": row for row in Order.objects.filter(refund_of__isnull=False)}
    taken = Counter(
        str(order["orderId"])
        for request in record.sandbox.requests
        if request["method"] == "POST" and request["query"].get("isRefund") and request["status"] < 300
        for order in request["body"]
    )
    for ireca_id, row in made.items():
        there = record.sandbox.order(ireca_id)
        if there is None or taken[ireca_id] != 1:
            yield f"refund {row} was taken {taken[ireca_id]} times"
            continue
        sums = [payment.price for payment in row.payments.all()]
        told = [payment.price for payment in contract.decode(contract.Order, there).payments or []]
        if Counter(sums) != Counter(told):
            yield f"refund {row} gives back {told}, not {sums}"
    if stray := taken.keys() - made.keys():
        yield f"refunds that nobody asked for: {sorted(stray)}"
    if Counter(record.refunds) != Counter(row.pk for row in made.values()):
        yield f"{len(record.refunds)} refunds were asked for, {len(made)} were made"
    record.figures["refunds made there"] = len(taken)


def inbox(record: Record) -> Iterator[str]:
    """Every callback that was answered 201 is in the inbox, and is processed; what nobody can read is shown."""
    answered = Counter(sha256(delivery.body).hexdigest() for delivery in record.sandbox.callbacks.delivered)
    kept = Counter(Callback.objects.values_list("digest", flat=True))
    if lost := answered - kept:
        yield f"{lost.total()} callbacks that were answered 201 are lost"
    for callback in Callback.objects.exclude(state=Callback.State.DONE):
        if callback.digest not in record.garbled:
            yield f"callback {callback.pk} is {callback.state}: {callback.error}"
        elif callback.state != Callback.State.FAILED or not callback.error:
            yield f"callback {callback.pk} cannot be read, and nobody is told"
    record.figures["callbacks answered 201"] = answered.total()
    record.figures["callbacks dropped on their way"] = len(record.sandbox.callbacks.dropped)


def leftovers(record: Record) -> Iterator[str]:
    """Nothing is on its way any more but what waits for a person, nothing is held, nothing broke the contract."""
    in_conflict = Order.objects.filter(sync_state=SyncState.CONFLICT).values("pk")
    waiting = Push.objects.filter(state__in=Push.OPEN).exclude(entity="orders", object_id__in=in_conflict)
    for push in waiting.exclude(entity="orders", object_id__in=record.spoiled):
        yield f"{push} is still {push.state}: {push.error or push.waits_for}"
    for row in Order.objects.exclude(sync_state__in=(SyncState.CLEAN, SyncState.CONFLICT)).exclude(
        pk__in=record.spoiled
    ):
        yield f"order {row} is {row.sync_state}: {row.sync_error}"
    for model in (Push, Callback):
        if held := model._default_manager.exclude(lease_owner="").count():
            yield f"{held} rows of {model._meta.verbose_name_plural} are held by somebody, though nobody works"
    for violation in record.sandbox.violations:
        yield f"breach of the contract: {violation['method']} {violation['path']}: {violation['message']}"
    record.figures["requests"] = len(record.sandbox.requests)


def failures(record: Record) -> Iterator[str]:
    """What cannot go through is shown at the order and in the queue, with the reason."""
    for row in Order.objects.filter(pk__in=record.spoiled):
        if not row.sync_error:
            yield f"order {row} cannot go through, and does not show it"
        push = Push.objects.filter(entity="orders", object_id=row.pk, state__in=Push.OPEN).first()
        if push is None or not push.error:
            yield f"order {row} cannot go through, and Sync health does not show it"
