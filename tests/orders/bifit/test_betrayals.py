"""What BIFIT Kassa may do between two looks of ours: answers that say less, come later, or are not what was asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backoffice.remotes.sandbox.bifit import Bifit
from orders.models import PaymentStatus
from tests.orders.bifit import steps

TAKEN, CLOSED = 7, 10
Settle = Callable[[], None]


def test_a_status_that_is_answered_and_not_taken_is_told(
    bifit: Bifit, bifit_settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED")
    # As where the order stands under another key than the service looks for.
    monkeypatch.setattr(bifit._book, "replace", lambda id_, given: bifit._book.get(id_))
    order.delivery_status = TAKEN
    order.save()
    bifit_settle()
    origin = steps.origin(order)
    assert (steps.status(bifit, id_), origin.sync_state) == ("ACCEPTED", "failed")
    assert "ISSUED" in origin.sync_error
    steps.read(id_)
    bifit_settle()
    assert steps.writes(bifit) == ["ISSUED"]  # and not again with each look

    monkeypatch.undo()
    order.description = "Once more"
    order.save()
    bifit_settle()
    assert (steps.status(bifit, id_), steps.origin(order).sync_state) == ("ISSUED", "clean")


def test_what_is_not_said_is_not_emptied(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, order = steps.born(bifit, paid=True, comment="Код 12", clientName="Ирина")
    told = {"id": int(id_), "currentStatusType": "ISSUED"}
    monkeypatch.setattr(bifit._book, "get", lambda id_: told)
    assert steps.read(id_).bad_count == 0
    order.refresh_from_db()
    assert (order.to_line, order.description, order.client_firstname) == ("Адрес", "Код 12", "Ирина")
    assert (order.status, order.amount_to_pay, order.origin.status) == (PaymentStatus.PAID, 3000, "ISSUED")
