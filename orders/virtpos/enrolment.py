"""Telling VirtPos of our clients by `customer/update` (seed 001:68-98).

A change of one whom it knows is an outlet: he is read, what changed there is merged first, and only what changed here
is sent, by his id; then he is read again, for what VirtPos has answered it need not have taken.
Adding one is a command, for twice would make two: after a lost answer his phone, e-mail and name are looked for in
VirtPos's list; where they cannot tell, a person decides.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice.remotes.errors import ContractError, Refused, Retry
from backoffice.remotes.virtpos import contract
from backoffice.sync import connection, enqueue
from backoffice.sync.changes import rows_changed
from backoffice.sync.commands import COMMANDS, Command
from backoffice.sync.connection import VIRTPOS
from backoffice.sync.locks import unlocked
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from backoffice.sync.outlets import OUTLETS, Outlet
from orders.models import Client, Customer, Feed
from orders.phones import e164
from orders.virtpos.assumed import assumed
from orders.virtpos.badrows import keeping_bad_rows
from orders.virtpos.customers import (
    ENTITY,
    apply,
    differing,
    held_by,
    is_same,
    listed,
    lock_clients,
    locked,
    may_be_same,
    note,
    note_answered,
    note_unanswered,
    said_by,
    spelled,
    write,
)

ADD = "add"
PATIENCE = 5  # attempts to read a customer before his change is told unread
LINGERS = timedelta(minutes=1)  # longer than a web server works on a request that nobody waits for any more


# changes of whom VirtPos knows


def heard(sender: Any, ids: Collection[int], **_kwargs: Any) -> None:
    """Clients changed, whoever changed them: open a push for each of whom VirtPos has to hear something."""
    for some in enqueue.chunks(ids):
        note(Customer.objects.filter(client__in=some).exclude(key=""))


def _tell(client: Any, client_id: int) -> dict[str, Any]:
    row = _row(client_id)
    if row is None or not differing(row):
        return {}
    if (customer := _read(client, row)) is not None:
        if bad := apply(Feed.of(VIRTPOS), [customer]).bad:
            raise Refused("; ".join(bad))
        row = _row(client_id)
    said = differing(row) if row is not None else {}
    if row is not None and said:
        note_unanswered(client_id, said)
        client.update_customer(spelled(said), id=row.key)
        if (customer := _read(client, row)) is not None:
            _check_taken(row, said, customer)
    return said


def _row(client_id: int) -> Customer | None:
    return Customer.objects.select_related("client").filter(client_id=client_id).exclude(key="").first()


def _read(client: Any, row: Customer) -> contract.Customer | None:
    """How he is there now; None where VirtPos does not tell, or fails at it whenever it is asked."""
    try:
        with assumed("VIRTPOS_CUSTOMERS_PATH"):
            found: contract.Customer | None = client.customer(row.key)
    except Refused:
        return None
    except Retry as error:
        if connection.is_outage(error) or _attempts(row) < PATIENCE:
            raise
        return None
    return found


def _attempts(row: Customer) -> int:
    pushes = Push.objects.filter(open_key=Push.key(VIRTPOS, ENTITY, row.client_id))
    return pushes.values_list("attempts", flat=True).first() or 0


def _check_taken(row: Customer, said: dict[str, Any], customer: contract.Customer) -> None:
    """Raises Refused for what VirtPos was told and still has as it was before."""
    there = said_by(customer)
    kept = [
        name for name in said if there[name] == row.agreed.get(name) and not _is_alike(name, there[name], said[name])
    ]
    if kept:
        names = ", ".join(str(_column(name).verbose_name) for name in kept)
        raise Refused(
            _("VirtPos has answered that it took the change, but still tells the former: %(fields)s")
            % {"fields": names}
        )


def _column(name: str) -> Any:
    return Client._meta.get_field(name)


def _is_alike(name: str, there: Any, said: Any) -> bool:
    """Whether it is the same in another spelling."""
    there, said = str(there or "").strip(), str(said or "").strip()
    if name == "email":
        there, said = there.casefold(), said.casefold()
    return there == said or (name == "phone" and e164(there) == e164(said) != "")


def _told(client_id: int, said: dict[str, Any]) -> None:
    row = locked(Customer.objects.filter(client_id=client_id).select_related("client")).first()
    if row is None:
        return
    row.agreed = {**row.agreed, **said}
    row.sync_error = ""
    note_answered(client_id, said)
    if row.sync_state != SyncState.CONFLICT:
        row.sync_state = SyncState.PENDING if differing(row) else SyncState.CLEAN
    row.save(update_fields=["agreed", "sync_state", "sync_error"])


def _refused(client_id: int, text: str) -> None:
    _show(client_id, SyncState.FAILED, text)


OUTLETS[VIRTPOS, ENTITY] = Outlet(_tell, _told, _refused)


# a person decides


def resolve(row_id: int, side: str) -> None:
    """Settle all that was changed on both sides: "ours" goes to VirtPos, "theirs" comes here."""
    with transaction.atomic():
        lock_clients(Q(customer=row_id))
        row = locked(Customer.objects.filter(pk=row_id).select_related("client")).get()
        theirs = {name: values["theirs"] for name, values in row.sync_conflict.items()}
        row.agreed, row.sync_conflict, row.sync_state = {**row.agreed, **theirs}, {}, SyncState.CLEAN
        row.save(update_fields=["agreed", "sync_conflict", "sync_state"])
        if side == "theirs":
            write(row.client, theirs)
        else:
            note(Customer.objects.filter(pk=row.pk))


# new ones


def enrol(clients: Collection[Client]) -> list[Client]:
    """Let VirtPos add these clients. Those whom it knows, or is being told of, are passed over. Returns the others."""
    group = Feed.of(VIRTPOS).client_group
    added = []
    for client in clients:
        with transaction.atomic():
            row, is_new = Customer.objects.get_or_create(
                client=client, defaults={"sync_state": SyncState.PENDING, "agreed": {}}
            )
            if not is_new:
                row = locked(Customer.objects.filter(pk=row.pk)).get()
                if row.key or row.sync_state != SyncState.FAILED:
                    continue
                supersede(ENTITY, client.pk)
                Customer.objects.filter(pk=row.pk).update(sync_state=SyncState.PENDING, sync_error="")
            payload = {"held": held_by(client), "group": group}
            enqueue.command(VIRTPOS, ENTITY, ADD, payload, object_id=client.pk, remote_id=f"new-{client.pk}")
            added.append(client)
    return added


def supersede(entity: str, object_id: int) -> None:
    """Close refused commands of an object: a new one takes their place, and they must not be sent after it."""
    refused = Push.objects.filter(
        remote=VIRTPOS, entity=entity, object_id=object_id, action=Push.Action.COMMAND, state=Push.State.REFUSED
    )
    refused.update(state=Push.State.DONE, done_at=timezone.now())


def _add(client: Any, push: Push) -> None:
    client_id, payload = _said(push)
    if _is_known(client_id):
        return  # he was found in VirtPos's list before this went, and again would make two
    try:
        said = {column: value for column, value in payload["held"].items() if value}
        saved = client.update_customer(spelled(said), create=True, group_name=payload["group"] or None)
    except (Refused, ContractError) as error:
        _show(client_id, SyncState.FAILED, str(error))
        raise
    if saved.id is not None:
        _bind(client_id, saved.id)


def _said(push: Push) -> tuple[int, dict[str, Any]]:
    assert push.object_id is not None  # a command always has its object
    assert push.payload is not None  # and what it says
    return push.object_id, push.payload


def _is_known(client_id: int) -> bool:
    return Customer.objects.filter(client_id=client_id).exclude(key="").exists()


def _bind(client_id: int, key: str) -> None:
    """Remember the id that VirtPos gave, before anything else can go wrong. ContractError where it is another's."""
    try:
        with transaction.atomic():
            Customer.objects.filter(client_id=client_id, key="").update(key=key)
    except IntegrityError:
        other = Customer.objects.select_related("client").get(key=key)
        text = _("VirtPos knows this client as %(key)s, who is %(other)s here already: merge the two.")
        text %= {"key": key, "other": other}
        _show(client_id, SyncState.FAILED, text)
        raise ContractError("", text) from None


def _is_there(client: Any, push: Push) -> bool | None:
    """Whether VirtPos has added the client: told by an id, else by its list, as far as that can tell."""
    client_id, payload = _said(push)
    held = payload["held"]
    if _is_known(client_id):
        return True
    try:
        with keeping_bad_rows(client) as bad:
            told = list(listed(client))
    except Refused:
        _cannot_tell(client_id)
        return None
    alike = _strangers([customer for customer in told if may_be_same(customer, held)])
    same = [customer for customer in alike if is_same(customer, held)]
    if len(same) == 1 and same[0].id:
        _bind(client_id, same[0].id)
        return True
    if alike or bad or not told or not (held["phone"] or held["email"]):
        _cannot_tell(client_id)
        return None
    return False


def _strangers(customers: Collection[contract.Customer]) -> list[contract.Customer]:
    """Those whom no client of ours is."""
    known = set(Customer.objects.filter(key__in=[one.id for one in customers]).values_list("key", flat=True))
    return [customer for customer in customers if customer.id not in known]


def _cannot_tell(client_id: int) -> None:
    text = _(
        "VirtPos's answer was lost, and its list cannot tell whether it has added the client: decide under Pushes."
    )
    _show(client_id, SyncState.PENDING, text)


def _added(push: Push) -> None:
    """VirtPos has him: what was sent is agreed; what was changed here since follows, and so does what waited."""
    client_id, payload = _said(push)
    lock_clients(Q(pk=client_id))
    row = locked(Customer.objects.filter(client_id=client_id).select_related("client")).first()
    if row is None:
        return
    if row.read_at is None:  # else the list has told how he is there, which may be otherwise
        row.agreed = {**payload["held"], **row.agreed}
    row.sync_error = ""
    if row.sync_state != SyncState.CONFLICT:
        row.sync_state = SyncState.CLEAN
    if not row.key:
        row.sync_error = _("VirtPos told no id of this client; it is found when the customers are read next.")
    row.save(update_fields=["agreed", "sync_state", "sync_error"])
    _take_number(row)
    note(Customer.objects.filter(pk=row.pk).exclude(key=""))
    wake()


def _take_number(row: Customer) -> None:
    """A client of nobody else's becomes one of VirtPos's, with its number."""
    source, client = Feed.of(VIRTPOS).source, row.client
    if not row.key or client.external_id or client.source_id not in (None, source.pk):
        return
    if not Client.objects.filter(source=source, external_id=row.key).exists():
        Client.objects.filter(pk=client.pk).update(source=source, external_id=row.key)


def wake() -> None:
    """Whoever waited for something that VirtPos knows now may go."""
    with transaction.atomic():
        unlocked(Push.objects.filter(remote=VIRTPOS, state=Push.State.WAITING)).update(due_at=timezone.now())


def _show(client_id: int, state: SyncState, text: str) -> None:
    rows = Customer.objects.filter(client_id=client_id).exclude(sync_state=SyncState.CONFLICT)
    rows.update(sync_state=state, sync_error=text)


COMMANDS[ENTITY, ADD] = Command(send=_add, exists=_is_there, done=_added, lingers=LINGERS)
rows_changed.connect(heard, sender=Client, dispatch_uid="virtpos-customers")
