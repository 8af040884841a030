"""What BIFIT Kassa may do between two looks of ours: answers that say less, come later, or are not what was asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from backoffice.remotes.sandbox.bifit import Bifit
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
