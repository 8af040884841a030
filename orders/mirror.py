"""Clients, reasons and orders as iRECA has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from typing import Any

from django.utils import timezone
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync.commands import COMMANDS
from backoffice.sync.merge import Merge, adds
from backoffice.sync.mirror import Embedded, Field, Mirror, Outgoing, Owner, Parts, Reference, Request, registry
from backoffice.sync.mirrored import Mirrored
from backoffice.sync.reread import by_list
from orders import details, edits, parts
from orders.models import Client, DeliveryStatus, Order, ReturnReason
from orders.phones import e164
from orders.refund_command import COMMAND, REFUND

MAX_REQUESTS = 2  # of one batch
ADDRESS = ("postindex", "city", "street", "home", "apartment", "latitude", "longitude")


class Phone(Field):
    """A phone as it was given, and beside it the form that is compared."""

    def columns(self) -> tuple[str, ...]:
        return (self.name, "phone_e164")

    def write(self, row: Any, value: Any, keys: Any) -> None:
        super().write(row, value, keys)
        row.phone_e164 = e164(row.phone)

    def is_respelled(self, said: Any, known: Any) -> bool:
        return bool(said and known and e164(said)) and e164(said) == e164(known)


@registry.register
class ReturnReasonMirror(Mirror):
    entity, resource, rank = "orderReturnReasons", "order_return_reasons", 0
    model, struct = ReturnReason, contract.ReturnReason
    created_in_cabinet_only = True
    fields = (Field("title"), Field("type", owner=Owner.THEIRS))


@registry.register
class ClientMirror(Mirror):
    entity, resource, rank = "clients", "clients", 2
    model, struct = Client, contract.Client
    fields = (
        Field("title"),
        Field("firstname"),
        Field("lastname"),
        Field("birthday"),
        Embedded("address_entity", struct=contract.ClientAddress, parts=ADDRESS, prefix="address_"),
        Field("inn"),
        Phone("phone"),
        Field("email"),
        Field("description"),
        Field("updated_at", "remote_updated_at", Owner.THEIRS),
    )


@registry.register
class OrderMirror(Mirror):
    entity, resource, rank = "orders", "orders", 3
    model, struct = Order, contract.Order
    cadence = 3600
    has_journal = True
    listed = 4  # couriers change them every second, and iRECA keeps years of them
    # The attributes that multipleUpdate can set (seed 002:940). The address is one line there, which replaces the exact
    # one by what iRECA makes of it; so it is said only of orders that have nothing but a line (see `build`).
    multiple = frozenset(
        {
            *("status_id", "delivery_status_id", "return_reason_id", "courier_id"),
            *("delivery_time_from", "delivery_time_to", "address_to"),
        }
    )
    fields = (
        Field("code_alias", "number"),
        Field("status_id", "status"),
        Field("delivery_status_id", "delivery_status"),
        Field("receipt_status_id", "receipt_status", Owner.THEIRS),
        Field("fr_receipt_status_id", "fr_receipt_status", Owner.THEIRS),
        Field("is_agreed"),
        Reference("return_reason_id", "return_reason"),
        Reference("courier_id", "courier"),
        Reference("client_id", "client"),
        Embedded(
            "client",
            struct=contract.OrderClient,
            parts=("firstname", "lastname", "inn", "email"),
            prefix="client_",
        ),
        Reference("supplier_id", "supplier"),
        Reference("payment_id", "payment_type"),
        Reference("original_payment_id", "original_payment_type", Owner.THEIRS),
        Reference("fr_used_payment_id", "fr_used_payment_type", Owner.THEIRS),
        Field("amount_to_pay"),
        Field("pre_payment_sum", "prepayment_sum"),
        Field("cash"),
        Field("address_from", "from_line", Owner.THEIRS),
        Embedded("address_from_entity", struct=contract.Address, parts=(*ADDRESS, "is_use_google_geo"), prefix="from_"),
        Field("address_to", "to_line"),
        Embedded("address_to_entity", struct=contract.Address, parts=(*ADDRESS, "is_use_google_geo"), prefix="to_"),
        Phone("phone"),
        Field("delivery_time_from"),
        Field("delivery_time_to"),
        Field("description"),
        Parts("goods", build=parts.build_lines, announce=parts.announce_lines, replace=edits.replace_lines),
        Field("is_refund", owner=Owner.THEIRS),
        Field("is_returned", owner=Owner.THEIRS),
        Field("is_edited", owner=Owner.THEIRS),
        Parts(
            "payments",
            owner=Owner.THEIRS,
            announce=parts.announce_payments,
            replace=parts.replace_payments,
        ),
        Parts(
            "returned_order",
            owner=Owner.THEIRS,
            announce=parts.announce_refund,
            replace=parts.replace_refund,
        ),
    )

    def prefetch(self) -> tuple[Any, ...]:
        return parts.PREFETCH

    def dependencies(self, row: Any, changed: Collection[str]) -> Iterator[Mirrored]:
        if row.is_refund:
            yield row  # a command creates it, with its payments: until iRECA knows it, edits wait
        yield from super().dependencies(row, changed)
        if "goods" not in changed:
            return
        for line in row.told_lines:
            yield from (target for target in (line.good, line.tax) if target is not None)
            yield from (part.warehouse for part in line.told_warehouses)
            yield from (part.specificity for part in line.told_specificities)

    def sendable(self) -> frozenset[str]:
        return super().sendable() | {"address_to"}  # in one way or another, see `contract.Order.spell`

    def build(self, row: Any) -> Any:
        """Where to deliver is said once: exactly, or where that is not known, by the line; the rest is unstated."""
        said = super().build(row)
        if row.has_only_line:
            said.address_to_entity = UNSET
        else:
            said.address_to = UNSET
        return said

    def as_agreed(self, ours: Any, base: Any | None, changed: frozenset[str]) -> Any:
        has_only_line = ours.address_to is not UNSET
        ours = super().as_agreed(ours, base, changed)
        if has_only_line:
            ours.address_to_entity = UNSET  # what was agreed belongs to the line before
        return ours

    def after_learning(self, base: Any, theirs: Any, told: Any) -> None:
        """iRECA makes a line of an exact address: while it has the one that is agreed, the line is agreed too."""
        if (
            told is not base
            and told.address_to is not UNSET
            and theirs.address_to is not UNSET
            and told.address_to
            and not adds(theirs.address_to, told.address_to)
        ):
            base.address_to_entity = theirs.address_to_entity  # what it made of our line
        exact, there = base.address_to_entity, theirs.address_to_entity
        if base.address_to is UNSET and exact is not UNSET and there is not UNSET and not adds(there, exact):
            base.address_to = theirs.address_to

    def also_taken_back(self, ours: Any, told: Any, changed: Set[str]) -> dict[str, Any]:
        """A line that was told takes the place of an exact address."""
        if told.address_to is UNSET or ours.address_to is not UNSET or "address_to_entity" in changed:
            return {}
        return {"address_to_entity": {}}

    def after_merge(self, merge: Merge, ours: Any) -> None:
        """The exact address belongs to its line: while ours is on its way, the parts of another one are not taken."""
        if ours.address_to is not UNSET and "address_to" not in merge.take:
            merge.take.discard("address_to_entity")

    def requests(self, items: Sequence[Outgoing], client: Any, *, fresh: bool = False) -> Iterable[Request]:
        """The same few attributes on many orders leave as one `multipleUpdate`, which touches nothing else, so that
        nothing is read before.

        Where that would take more than MAX_REQUESTS for the batch, and what goes whole is read cheaply or was read
        already, the batch goes whole instead; except for orders that a courier has in hand, which a `replace` could
        set back, and for an address in one line, of which iRECA makes more when it comes as such.
        """
        groups: dict[tuple[Any, ...], list[Outgoing]] = defaultdict(list)
        always: dict[tuple[Any, ...], list[Outgoing]] = defaultdict(list)
        rest = []
        for item in items:
            if self._few(item):
                values = tuple((attr, getattr(item.ours, attr)) for attr in sorted(item.changed))
                is_always = self._in_hand(item) or "address_to" in item.changed
                (always if is_always else groups)[values].append(item)
            else:
                rest.append(item)
        if len(groups) + len({item.is_new for item in rest}) > MAX_REQUESTS:
            grouped = [item for group in groups.values() for item in group]
            if fresh or by_list(self, len(grouped) + sum(not item.is_new for item in rest)):
                rest += grouped
                groups.clear()
        for some in (always, groups):
            for values, group in some.items():
                yield self._multiple_update(dict(values), group, client)
        yield from self.whole(rest, client)

    def _in_hand(self, item: Outgoing) -> bool:
        return (
            item.base is not None
            and bool(item.base.courier_id)
            and item.base.delivery_status_id in (DeliveryStatus.TAKEN, DeliveryStatus.DELIVERED)
        )

    def _few(self, item: Outgoing) -> bool:
        """Whether multipleUpdate can say it all. It documents no null, so taking a courier off an order is a
        `replace`.
        """
        return (
            item.base is not None
            and item.changed <= self.multiple
            and all(getattr(item.ours, attr) is not None for attr in item.changed)
        )

    def _multiple_update(self, values: dict[str, Any], group: Sequence[Outgoing], client: Any) -> Request:
        def send(some: Sequence[Outgoing]) -> None:
            client.orders.multiple_update([item.row.ireca_id for item in some], **values)

        # A line takes the place of all parts of an address (T73).
        has_line = "address_to" in values
        return Request(group, send, frozenset(values), overwrites=has_line, reread=has_line)

    def after_apply(self, rows: Sequence[Order], taken: dict[int, set[str]], made_here: Set[int]) -> None:
        details.note(rows, timezone.now(), made_here)

    def after_overwriting(self, ids: Sequence[int], of: int) -> None:
        details.after_overwriting(ids, of)


COMMANDS["orders", COMMAND] = REFUND
