"""Fiscal documents and device errors that iRECA only tells: correction receipts, both error logs, Pechka54's address.

None of the lists has a filter by time (seed 002:1244-1258, 2448-2491), so each is read whole; what is known already
costs one SELECT a page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db import models, transaction
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.sync import pull
from backoffice.sync.apply import Applied
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import keys_by_ireca_id
from fiscal.models import CorrectionReceipt, DeviceError, Pechka54, RegistrarError, TerminalError

ERROR = ("error_code", "error_text", "serial_number", "amount")


def _target(model: type[models.Model], name: str) -> type[Any]:
    """The model that a foreign key leads to: apps of this rank know each other by their keys only."""
    return model._meta.get_field(name).related_model  # type: ignore[return-value]  # a foreign key always has one


def _said(value: Any, blank: Any = None) -> Any:
    return blank if value is UNSET or value is None else value


def _columns(model: type[models.Model], obj: Any, names: Collection[str]) -> dict[str, Any]:
    """The named attributes as columns: what the remote leaves out is empty text, or none."""
    return {
        name: _said(getattr(obj, name), "" if isinstance(model._meta.get_field(name), models.CharField) else None)
        for name in names
    }


def keep_correction_receipts(receipts: Iterable[contract.CorrectionReceipt]) -> Applied:
    """Store what is new. A printed document never changes."""
    by_id: dict[str, contract.CorrectionReceipt] = {
        id_: receipt for receipt in receipts if (id_ := _said(receipt.correction_receipt_id))
    }
    with transaction.atomic():
        known = set(CorrectionReceipt.objects.filter(ireca_id__in=by_id).values_list("ireca_id", flat=True))
        fresh = {id_: receipt for id_, receipt in by_id.items() if id_ not in known}
        couriers = keys_by_ireca_id(
            _target(CorrectionReceipt, "courier"), {_said(receipt.courier_id) for receipt in fresh.values()}
        )
        CorrectionReceipt.objects.bulk_create(
            (
                CorrectionReceipt(
                    ireca_id=id_,
                    courier_id=couriers.get(_said(receipt.courier_id)),
                    **_columns(CorrectionReceipt, receipt, ("serial_number", "amount", "command_executed_at")),
                )
                for id_, receipt in fresh.items()
            ),
            ignore_conflicts=True,
        )
    return Applied(created=len(fresh), unchanged=len(known))


def keep_errors(model: type[DeviceError], errors: Iterable[Any], names: Collection[str]) -> Applied:
    """Store new errors; give earlier ones their order where it has become known since."""
    by_id = {id_: error for error in errors if (id_ := _said(getattr(error, error.wire_id)))}
    with transaction.atomic():
        known = {row.ireca_id: row for row in model._base_manager.filter(ireca_id__in=by_id)}
        fresh = {id_: error for id_, error in by_id.items() if id_ not in known}
        couriers = keys_by_ireca_id(_target(model, "courier"), {_said(error.courier_id) for error in fresh.values()})
        lost = [row for row in known.values() if row.order_id is None and row.order_ireca_id]
        orders = _orders(model, {*(_said(e.order_id) for e in fresh.values()), *(row.order_ireca_id for row in lost)})
        model._base_manager.bulk_create(
            (
                model(
                    ireca_id=id_,
                    courier_id=couriers.get(_said(error.courier_id)),
                    order_id=orders.get(_said(error.order_id)),
                    order_ireca_id=_said(error.order_id, ""),
                    **_columns(model, error, names),
                )
                for id_, error in fresh.items()
            ),
            ignore_conflicts=True,
        )
        found = [row for row in lost if row.order_ireca_id in orders]
        for row in found:
            row.order_id = orders[row.order_ireca_id]
        model._base_manager.bulk_update(found, ["order"])
    return Applied(created=len(fresh), updated=len(found), unchanged=len(known) - len(found))


def _orders(model: type[DeviceError], ireca_ids: Collection[str | None]) -> dict[str | None, int]:
    """Our keys of orders that we have. An error alone is no reason to make one."""
    target = _target(model, "order")
    return dict(target._base_manager.filter(ireca_id__in=filter(None, ireca_ids)).values_list("ireca_id", "pk"))


@pull.reader("correctionReceipts", rank=4, every=3600)
def read_correction_receipts(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """Of all couriers at once: courierId is not required (seed 002:1246), and each receipt names its courier."""
    for batch in chunks(client.receipts.correction_receipts(), pull.BATCH):
        progress.add(keep_correction_receipts(batch), len(batch))


@pull.reader("fiscalRegistratorLogs", rank=4, every=900)
def read_registrar_errors(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    for batch in chunks(client.fiscal_registrator_logs(), pull.BATCH):
        progress.add(keep_errors(RegistrarError, batch, (*ERROR, "command_executed_at")), len(batch))


@pull.reader("bankTerminalLogs", rank=4, every=900)
def read_terminal_errors(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    names = (*ERROR, "card_number", "payment_system", "transaction_created_at")
    for batch in chunks(client.bank_terminal_logs(), pull.BATCH):
        progress.add(keep_errors(TerminalError, batch, names), len(batch))


@pull.reader("pechka54Settings", rank=4, every=24 * 3600)
def read_pechka54(client: Any, progress: pull.Progress, params: dict[str, Any]) -> None:
    """There is one address; where iRECA has none, none is shown (T39, T42)."""
    settings = client.pechka54_settings.get()
    url = _said(settings.url, "") if settings is not None else ""
    with transaction.atomic():
        rows = Pechka54.objects.order_by("pk")
        kept = rows.filter(url=url).first() if url else None
        if kept is None:
            rows.delete()
            if url:
                Pechka54.objects.create(url=url)
        else:
            rows.exclude(pk=kept.pk).delete()
            kept.save()  # renews `pulled_at`
    progress.add(Applied(created=int(bool(url) and kept is None), unchanged=int(kept is not None)), int(bool(url)))
