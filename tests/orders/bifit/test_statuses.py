"""What happens here goes back: which status each deed becomes, what is never sent, and what a person is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import translation

from backoffice.remotes.bifit.client import BifitClient
from backoffice.remotes.sandbox.bifit import Bifit
from backoffice.sync import worker
from backoffice.sync.connection import BIFIT
from backoffice.sync.models import Push
from backoffice.sync.outbox import make_due
from orders import actions, arrivals
from orders.bifit import reader, statuses
from orders.models import Feed, Hold, Order, Origin, StatusRule
from tests.orders import builders
from tests.orders.bifit import steps

PREPARED, TAKEN, DELIVERED, CLOSED, CANCELLED = 6, 7, 9, 10, 11
ALL = ("NEW", "ACCEPTED", "DISTRIBUTED", "ISSUED", "REFUSED", "DELETED", "FINISHED", "ВОЗВРАТ")

# (our delivery status, with a courier): what each status there becomes; "" is left alone, "!" cannot be.
TABLE = {
    (PREPARED, False): ("", "", "", "", "", "", "", ""),
    (PREPARED, True): ("DISTRIBUTED", "DISTRIBUTED", "", "", "", "", "", ""),
    (TAKEN, True): ("ISSUED", "ISSUED", "ISSUED", "", "", "", "", ""),
    (DELIVERED, True): ("", "", "", "", "", "", "", ""),
    (CLOSED, True): ("FINISHED", "FINISHED", "FINISHED", "FINISHED", "!", "!", "", "FINISHED"),
    (CANCELLED, True): ("DELETED", "REFUSED", "REFUSED", "!", "", "!", "!", "!"),
}


@pytest.mark.parametrize("state", TABLE)
def test_each_state_of_ours_against_each_status_there(db: None, state: tuple[int, bool]) -> None:
    delivery_status, has_courier = state
    order = Order(delivery_status=delivery_status, courier_id=1 if has_courier else None)
    for current, expected in zip(ALL, TABLE[state], strict=True):
        found = statuses.target(order, Origin(status=current), statuses.rules())
        assert ("!" if found.why_not else found.status) == expected, current


@pytest.mark.parametrize("hold", [Hold.WAITS, Hold.PICKUP])
def test_a_courier_of_an_order_that_stays_here_is_not_told(db: None, hold: Hold) -> None:
    order = Order(delivery_status=PREPARED, courier_id=1, hold=hold)
    assert statuses.target(order, Origin(status="ACCEPTED"), statuses.rules()) == statuses.NOTHING


def test_what_ended_alike_on_both_sides_is_left_alone(db: None) -> None:
    agreed = {"delivery_status": CANCELLED}
    order = Order(delivery_status=CANCELLED)
    assert statuses.target(order, Origin(status="DELETED", agreed=agreed), statuses.rules()) == statuses.NOTHING


def test_an_owner_changes_what_becomes_what(db: None) -> None:
    feed = Feed.of(BIFIT)
    for deed, status in (("assigned", "PACKED"), ("taken", ""), ("delivered", "FINISHED")):
        StatusRule.objects.create(feed=feed, deed=deed, status=status)
    rules = statuses.rules()

    def told(delivery_status: int, current: str) -> str:
        order = Order(delivery_status=delivery_status, courier_id=1)
        return statuses.target(order, Origin(status=current), rules).status

    assert told(PREPARED, "ACCEPTED") == "PACKED"
    assert told(PREPARED, "ISSUED") == ""  # forwards only
    assert told(TAKEN, "PACKED") == ""
    assert told(DELIVERED, "PACKED") == "FINISHED"
    assert told(CANCELLED, "PACKED") == "REFUSED"


@pytest.mark.parametrize("status", ["NEW", "ACCEPTED", "DISTRIBUTED"])
def test_assigned_taken_and_closed_here_is_told_there(
    bifit: Bifit, bifit_settle: Callable[[], None], status: str
) -> None:
    id_, order = steps.born(bifit, currentStatusType=status, responsiblePersonLogin=None)
    actions.assign([order.pk], builders.courier())
    bifit_settle()
    assert steps.status(bifit, id_) == "DISTRIBUTED"
    for delivery_status, expected in ((TAKEN, "ISSUED"), (DELIVERED, "ISSUED"), (CLOSED, "FINISHED")):
        order.delivery_status = delivery_status
        order.save()
        bifit_settle()
        assert steps.status(bifit, id_) == expected
    origin = steps.origin(order)
    assert (origin.status, origin.is_open, origin.sync_state) == ("FINISHED", False, "clean")
    assert origin.data == bifit.order(id_)
    assert bifit.violations == []
    assert not steps.tells().exists()


@pytest.mark.parametrize(
    ("status", "becomes"), [("NEW", "DELETED"), ("ACCEPTED", "REFUSED"), ("DISTRIBUTED", "REFUSED")]
)
def test_cancelled_here_is_refused_or_deleted_there(
    bifit: Bifit, bifit_settle: Callable[[], None], status: str, becomes: str
) -> None:
    id_, order = steps.born(bifit, currentStatusType=status)
    [outcome] = actions.cancel([order.pk], builders.reason())
    assert outcome.done
    bifit_settle()
    assert steps.status(bifit, id_) == becomes
    assert steps.writes(bifit) == [becomes]
    assert not steps.origin(order).is_open


def test_what_cannot_be_cancelled_there_is_left_by_the_bulk_action_with_the_reason(bifit: Bifit) -> None:
    id_, issued = steps.born(bifit, currentStatusType="ISSUED")
    _id, accepted = steps.born(bifit, currentStatusType="ACCEPTED")
    outcomes = {outcome.order.pk: outcome for outcome in actions.cancel([issued.pk, accepted.pk], builders.reason())}
    assert outcomes[accepted.pk].done
    assert not outcomes[issued.pk].done
    assert "at BIFIT Kassa it is ISSUED and cannot become REFUSED" in outcomes[issued.pk].text
    issued.refresh_from_db()
    assert issued.delivery_status == PREPARED
    assert steps.status(bifit, id_) == "ISSUED"


def test_a_forbidden_change_is_not_sent_and_the_order_says_so_until_it_can_be(
    bifit: Bifit, bifit_settle: Callable[[], None]
) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED")
    bifit.change(id_, currentStatusType="ISSUED")  # nobody here knows
    assert actions.cancel([order.pk], builders.reason())[0].done
    bifit_settle()
    origin = steps.origin(order)
    assert (origin.sync_state, steps.writes(bifit)) == ("failed", [])
    assert origin.sync_error.startswith(
        "Here the order is cancelled, but at BIFIT Kassa it is ISSUED and cannot become REFUSED."
    )
    assert Push.objects.get(remote=BIFIT, action="save").state == "refused"

    order.refresh_from_db()
    order.description = "They are at the door"
    order.save()  # the next edit tries again
    bifit.requests.clear()
    bifit_settle()
    assert steps.reads(bifit)
    assert steps.origin(order).sync_state == "failed"

    steps.read(id_)  # a read alone does not: the answer would be the same
    assert steps.tells().get().state == "refused"

    bifit.change(id_, currentStatusType="DISTRIBUTED")
    make_due(BIFIT)  # a person's retry
    bifit_settle()
    assert steps.status(bifit, id_) == "REFUSED"
    assert (steps.origin(order).sync_state, steps.origin(order).sync_error) == ("clean", "")


def test_when_the_service_gives_way_by_itself_the_failure_is_over(
    bifit: Bifit, bifit_settle: Callable[[], None]
) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED")
    bifit.change(id_, currentStatusType="ISSUED")
    actions.cancel([order.pk], builders.reason())
    bifit_settle()
    bifit.change(id_, currentStatusType="REFUSED")
    steps.read(id_)
    assert steps.origin(order).sync_state == "clean"
    assert not steps.tells().exists()


def test_the_reason_is_told_in_russian(db: None) -> None:
    order = Order(delivery_status=CANCELLED)
    with translation.override("ru"):
        why = statuses.target(order, Origin(status="ISSUED"), statuses.rules()).why_not
    assert "ВЫДАННЫЙ" in why
    assert "ОТКАЗ" in why


def test_what_is_there_already_is_told_without_a_write(bifit: Bifit, bifit_settle: Callable[[], None]) -> None:
    id_, order = steps.born(bifit, currentStatusType="ACCEPTED", responsiblePersonLogin=None)
    bifit.change(id_, currentStatusType="DISTRIBUTED")
    actions.assign([order.pk], builders.courier())
    bifit_settle()
    assert steps.writes(bifit) == []
    assert steps.origin(order).sync_state == "clean"


def test_an_edit_of_what_bifit_does_not_know_opens_no_push(bifit: Bifit) -> None:
    _id, order = steps.born(bifit)
    order.cash = 5000
    order.save()
    other = builders.order(1)
    other.delivery_status = CLOSED
    other.save()
    assert not steps.tells().exists()


def test_what_changed_there_reaches_our_order_before_ours_is_told(
    bifit: Bifit, bifit_settle: Callable[[], None]
) -> None:
    id_, order = steps.born(bifit, responsiblePersonLogin=None)
    bifit.change(id_, comment="Leave at the door", newField={"a": 1})
    actions.assign([order.pk], builders.courier())
    bifit_settle()
    order.refresh_from_db()
    assert order.description == "Leave at the door"
    there = bifit.order(id_)
    assert there is not None
    assert (there["currentStatusType"], there["comment"], there["newField"]) == (
        *("DISTRIBUTED", "Leave at the door"),
        {"a": 1},
    )


def test_many_changes_open_pushes_in_a_few_statements(bifit: Bifit, django_assert_max_num_queries: Any) -> None:
    ids = [bifit.add(responsiblePersonLogin=None)["id"] for _ in range(30)]
    steps.read(*ids)
    keys = list(Order.objects.values_list("pk", flat=True))
    Order.objects.update(courier=builders.courier())
    counts = []
    for some in (keys[:5], keys):
        with django_assert_max_num_queries(20) as captured:
            statuses.tell(some)
        counts.append(len(captured.captured_queries))
    assert counts[0] == counts[1]


def test_changed_there_only_is_taken_and_leaves_for_ireca(bifit: Bifit) -> None:
    id_, order = steps.born(bifit, address="Невский 1")
    Order.objects.filter(pk=order.pk).update(to_city="Санкт-Петербург", to_street="Невский", to_home="1")
    steps.origin(order)
    Push.objects.all().delete()
    bifit.change(id_, address="Литейный 5", totalAmount=10)
    # iRECA found the parts of the address, and the line is still as it was told
    run = steps.read(id_)
    assert (run.updated_count, run.conflict_count) == (1, 0)
    order.refresh_from_db()
    assert (order.to_line, order.to_street, order.amount_to_pay) == ("Литейный 5", "", 10)
    assert Push.objects.filter(remote="ireca", entity="orders", object_id=order.pk).exists()


def test_changed_here_only_stays(bifit: Bifit) -> None:
    id_, order = steps.born(bifit)
    order.description = "ours"
    order.save()
    bifit.change(id_, totalAmount=10)
    steps.read(id_)
    order.refresh_from_db()
    assert (order.description, order.amount_to_pay) == ("ours", 10)


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_changed_on_both_sides_is_a_conflict_that_a_person_settles(bifit: Bifit, side: str) -> None:
    id_, order = steps.born(bifit, comment="at first")
    order.description = "ours"
    order.save()
    bifit.change(id_, comment="theirs")
    assert steps.read(id_).conflict_count == 1
    origin = steps.origin(order)
    assert origin.sync_state == "conflict"
    assert origin.sync_conflict == {"description": {"base": "at first", "theirs": "theirs"}}
    order.refresh_from_db()
    assert order.description == "ours"
    arrivals.resolve(origin, {"description": side})
    order.refresh_from_db()
    assert order.description == side
    assert (steps.origin(order).sync_state, steps.origin(order).sync_conflict) == ("clean", {})
    assert steps.read(id_).conflict_count == 0
    with pytest.raises(ValueError, match="settled"):
        arrivals.resolve(origin, {"description": side})


def test_cancelled_there_is_cancelled_here_unless_a_courier_has_it(bifit: Bifit) -> None:
    builders.reason()
    feed = Feed.of(BIFIT)
    feed.return_reason = builders.reason("Cancelled at the register", "8")
    feed.save()
    id_, order = steps.born(bifit)
    bifit.change(id_, currentStatusType="REFUSED")
    steps.read(id_)
    order.refresh_from_db()
    assert (order.delivery_status, order.return_reason) == (CANCELLED, feed.return_reason)
    assert not steps.tells().exists()

    id_, order = steps.born(bifit, currentStatusType="DISTRIBUTED")
    Order.objects.filter(pk=order.pk).update(delivery_status=TAKEN)
    bifit.change(id_, currentStatusType="REFUSED")
    assert steps.read(id_).conflict_count == 1
    arrivals.resolve(steps.origin(order), {"delivery_status": "theirs"})
    order.refresh_from_db()
    assert (order.delivery_status, order.return_reason) == (CANCELLED, feed.return_reason)


def test_finished_there_while_open_here_is_for_a_person_and_not_argued_about(
    bifit: Bifit, bifit_settle: Callable[[], None]
) -> None:
    id_, order = steps.born(bifit)
    bifit.change(id_, currentStatusType="FINISHED")
    steps.read(id_)
    assert steps.origin(order).sync_state == "conflict"
    order.refresh_from_db()
    order.delivery_status = CANCELLED
    order.save()
    bifit_settle()
    assert steps.writes(bifit) == []
    arrivals.resolve(steps.origin(order), {"delivery_status": "ours"})
    order.description = "it was brought back"
    order.save()
    bifit_settle()
    assert (steps.origin(order).sync_state, steps.writes(bifit)) == ("clean", [])


def test_an_order_that_is_gone_there_is_told_on_ours(bifit: Bifit, bifit_settle: Callable[[], None]) -> None:
    _id, order = steps.born(bifit, responsiblePersonLogin=None)
    Origin.objects.filter(order=order).update(key="999")
    actions.assign([order.pk], builders.courier())
    bifit_settle()
    assert steps.origin(order).sync_error == "BIFIT Kassa has no order 999."


def test_a_deleted_order_has_nothing_to_tell(bifit: Bifit, bifit_settle: Callable[[], None]) -> None:
    _id, order = steps.born(bifit, responsiblePersonLogin=None)
    actions.assign([order.pk], builders.courier())
    Order.objects.filter(pk=order.pk).delete()
    bifit_settle()
    assert steps.writes(bifit) == []
    assert not steps.tells().exists()
    assert worker.drain("test") == 0


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_opened_there_again_after_we_cancelled_it_is_for_a_person(
    bifit: Bifit, bifit_settle: Callable[[], None], side: str
) -> None:
    id_, order = steps.born(bifit)
    actions.cancel([order.pk], builders.reason())
    bifit_settle()
    assert steps.writes(bifit) == ["REFUSED"]
    bifit.change(id_, currentStatusType="ACCEPTED")
    assert steps.read(id_).conflict_count == 1
    bifit_settle()
    assert steps.writes(bifit) == ["REFUSED"]
    arrivals.resolve(steps.origin(order), {"delivery_status": side})
    statuses.tell([order.pk])
    bifit_settle()
    order.refresh_from_db()
    if side == "ours":
        assert (order.delivery_status, steps.writes(bifit)) == (CANCELLED, ["REFUSED", "REFUSED"])
    else:
        assert (order.delivery_status, order.return_reason) == (PREPARED, None)
        assert "REFUSED" not in steps.writes(bifit)[1:]
    assert steps.origin(order).sync_state == "clean"


def test_a_deleted_order_that_bifit_no_longer_shows_is_told(
    bifit: Bifit, bifit_settle: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, order = steps.born(bifit, currentStatusType="NEW")
    look = BifitClient.order

    def unless_deleted(self: BifitClient, id_: str) -> Any:
        found = look(self, id_)
        return None if found is not None and found.current_status_type == "DELETED" else found

    monkeypatch.setattr(BifitClient, "order", unless_deleted)
    actions.cancel([order.pk], builders.reason())
    bifit_settle()
    origin = steps.origin(order)
    assert (origin.sync_state, origin.status, origin.is_open) == ("clean", "DELETED", False)


def test_a_lock_in_the_database_is_no_fault_of_an_order(bifit: Bifit, monkeypatch: pytest.MonkeyPatch) -> None:
    id_, _order = steps.born(bifit)
    bifit.change(id_, comment="changed")

    def locked(*args: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(arrivals, "_merge", locked)
    with pytest.raises(OperationalError):
        reader.store([steps.fetched(id_)])
