"""Returns: what may be returned, what two people at once cannot do, what reaches iRECA, and lost answers."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import translation

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import lease, outbox, worker
from backoffice.sync.apply import apply
from backoffice.sync.clients import client as remote_client
from backoffice.sync.enqueue import untracked
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push
from couriers.models import Courier
from fiscal.models import PaymentType
from orders import actions, refunds
from orders.models import Line, Order, Payment, Refund, ReturnReason
from orders.refunds import NotReturnable, Wanted
from tests.orders import builders

ORDER = "209900"


def paid(*lines: tuple[str, str, str], payments: tuple[str, ...] = ("100",)) -> Order:
    """A paid order: lines as (count, total, discount), payments by their sums."""
    row = builders.with_lines(builders.order(1, status=1, courier=builders.courier()), len(lines))
    with untracked():
        for line, (count, total, discount) in zip(row.lines.all(), lines, strict=True):
            line.count, line.total, line.discount_total = Decimal(count), Decimal(total), Decimal(discount)
            line.price = (line.total / line.count).quantize(refunds.KOPECK)
            line.save()
    for number, sum_ in enumerate(payments, 1):
        Payment.objects.create(
            order=row, payment_ref=f"p{number}", payment_type=row.payment_type, price=sum_, paid_in=builders.at(number)
        )
    builders.reason()
    return row


def wanted(row: Order, *counts: str, sums: Mapping[str, Decimal] | None = None, **changes: Any) -> Wanted:
    """So many pieces of each line, the payments shared out, and the rest as a dispatcher would leave it."""
    left = refunds.returnable(Order.objects.get(pk=row.pk))
    pieces = {item.line.pk: Decimal(count) for item, count in zip(left.lines, counts, strict=True)}
    return Wanted(
        **{
            "key": uuid.uuid4(),
            "counts": pieces,
            "sums": sums if sums is not None else left.share_out(left.due(pieces)),
            "reason": ReturnReason.objects.first(),
            "courier": Courier.objects.get(ireca_id="55752"),
            "payment_type": row.payment_type,
            "delivery_status": 7,
            "start": builders.at(10),
            "end": builders.at(12),
            **changes,
        }
    )


def given_back(row: Order) -> Decimal:
    return sum(Payment.objects.filter(order__refund_of=row).values_list("price", flat=True), Decimal(0))


@pytest.mark.django_db
class TestWhatIsMade:
    def test_lines_payments_and_the_command_in_one_go_and_no_ordinary_push(self) -> None:
        row = paid(("2", "100", "-10"), ("1", "50", "0"), payments=("60", "80"))
        user = User.objects.create_user("dispatcher")
        made = refunds.make(row.pk, wanted(row, "1", "1"), user)
        assert (made.number, made.refund_of, made.is_refund, made.status) == ("N-1-R1", row, True, 1)
        assert (made.delivery_status, made.sync_state, made.remote_data) == (7, "pending", None)
        assert made.amount_to_pay == 100
        assert list(made.lines.values_list("count", "total", "discount_total")) == [(1, 50, -5), (1, 50, 0)]
        assert list(made.payments.values_list("payment_ref", "price")) == [("p1", 60), ("p2", 35)]
        push = Push.objects.get()
        assert (push.action, push.command, push.object_id, push.remote_id) == (
            "command",
            "refund",
            made.pk,
            made.ireca_id,
        )
        assert push.payload["order"]["isRefund"] is True
        assert made.history.get().history_user == user

    def test_returns_follow_each_other_and_add_up_to_the_kopeck(self) -> None:
        row = paid(("3", "100", "-0.01"), payments=("99.99",))
        sums = []
        for number in (1, 2, 3):
            made = refunds.make(row.pk, wanted(row, "1"))
            assert made.number == f"N-1-R{number}"
            sums.append(made.lines.get().total + made.lines.get().discount_total)
        assert sum(sums) == given_back(row) == Decimal("99.99")
        assert refunds.returnable(row).why_not() == "Everything was returned already."

    def test_a_cancelled_return_gives_back_what_it_held(self) -> None:
        row = paid(("1", "100", "0"))
        made = refunds.make(row.pk, wanted(row, "1"))
        actions.cancel([made.pk], ReturnReason.objects.get())
        assert refunds.make(row.pk, wanted(row, "1")).number == "N-1-R2"

    def test_lines_alike_are_counted_together(self) -> None:
        row = paid(("1", "50", "0"), ("1", "50", "0"))
        first, second = row.lines.all()
        with untracked():
            second.good, second.position = first.good, first.position
            second.save()
        refunds.make(row.pk, wanted(row, "0", "1"))
        assert sum(item.left for item in refunds.returnable(row).lines) == 1


@pytest.mark.django_db
class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("counts", "sums", "text"),
        [
            (("0",), {}, "Choose what is returned"),
            (("3",), {"p1": "150"}, "at most 2 can be returned"),
            (("-1",), {"p1": "-50"}, "Choose|at most"),
            (("2",), {"p1": "100.02"}, "at most 100"),
            (("1",), {"p1": "50.02"}, "cost 50.00, but 50.02"),
            (("1",), {"p1": "49.98"}, "cost 50.00, but 49.98"),
            (("1",), {"p9": "50"}, "changed meanwhile"),
        ],
    )
    def test_more_than_was_sold_or_paid(self, counts: tuple[str], sums: dict[str, str], text: str) -> None:
        row = paid(("2", "100", "0"))
        with pytest.raises(NotReturnable, match=text):
            refunds.make(row.pk, wanted(row, *counts, sums={key: Decimal(sum_) for key, sum_ in sums.items()}))
        assert not Order.objects.filter(refund_of=row).exists()
        assert not Push.objects.exists()

    def test_a_kopeck_of_rounding_is_none_of_it(self) -> None:
        row = paid(("2", "100", "0"))
        assert refunds.make(row.pk, wanted(row, "1", sums={"p1": Decimal("49.99")}))

    def test_an_order_that_is_half_paid_gives_back_half(self) -> None:
        row = paid(("2", "100", "0"), payments=("50",))
        refunds.make(row.pk, wanted(row, "1"))
        with pytest.raises(NotReturnable, match="returned already"):
            refunds.make(row.pk, wanted(row, "1"))

    def test_two_payments_that_look_alike_are_each_given_back_once(self) -> None:
        row = paid(("2", "200", "0"), payments=("100", "100"))
        row.payments.update(payment_ref="", paid_in=None)
        refunds.make(row.pk, wanted(row, "1"))
        assert given_back(row) == 100
        refunds.make(row.pk, wanted(row, "1"))
        assert given_back(row) == 200
        assert "returned already" in refunds.returnable(row).why_not()

    def test_what_the_courier_took_back_counts(self) -> None:
        row = paid(("2", "100", "0"))
        told = Refund.objects.create(order=row, returned_order_ireca_id=row.ireca_id)
        told.goods.create(good=row.lines.get().good, count=1, sum=50)
        told.payments.create(payment_ref="p1", payment_type=row.payment_type, sum=50)
        (line,), (payment,) = refunds.returnable(row).lines, refunds.returnable(row).payments
        assert (line.left, payment.left) == (1, 50)
        refunds.make(row.pk, wanted(row, "1"))
        assert refunds.returnable(row).why_not()

    def test_our_own_return_told_back_by_ireca_counts_once(self) -> None:
        row = paid(("2", "100", "0"))
        made = refunds.make(row.pk, wanted(row, "1"))
        told = Refund.objects.create(order=row, returned_order_ireca_id=made.ireca_id)
        told.goods.create(good=row.lines.get().good, count=1, sum=50)
        told.payments.create(payment_ref="p1", payment_type=row.payment_type, sum=50)
        row = Order.objects.get(pk=row.pk)
        assert [item.left for item in refunds.returnable(row).lines] == [1]
        assert [item.left for item in refunds.returnable(row).payments] == [50]

    @pytest.mark.parametrize(
        ("change", "text"),
        [({"status": 0}, "not paid"), ({"is_refund": True}, "return itself"), ({"remote_data": None}, "does not know")],
    )
    def test_orders_that_cannot_be_returned(self, change: dict[str, Any], text: str) -> None:
        row = paid(("1", "100", "0"))
        Order._base_manager.filter(pk=row.pk).update(**change)
        with pytest.raises(NotReturnable, match=text):
            refunds.make(row.pk, wanted(row, "1"))

    def test_an_order_without_payments(self) -> None:
        row = paid(("1", "100", "0"), payments=())
        assert "no payment" in refunds.returnable(row).why_not()


@pytest.mark.django_db
def test_one_form_makes_one_return() -> None:
    row = paid(("2", "100", "0"))
    form = wanted(row, "1")
    assert refunds.make(row.pk, form) == refunds.make(row.pk, form)
    assert (Order.objects.filter(refund_of=row).count(), Push.objects.count()) == (1, 1)
    other = builders.order(2, status=1)
    with pytest.raises(NotReturnable, match="another order"):
        refunds.make(other.pk, form)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same", [True, False], ids=["one form twice", "two people"])
def test_two_submissions_at_once_make_one_return(same: bool) -> None:
    row = paid(("1", "100", "0"))
    forms = [wanted(row, "1")] * 2 if same else [wanted(row, "1"), wanted(row, "1")]
    barrier, outcomes = threading.Barrier(2), []

    def submit(form: Wanted) -> None:
        try:
            barrier.wait(10)
            translation.activate("en")  # a new thread has the default language
            outcomes.append(refunds.make(row.pk, form).number)
        except NotReturnable as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=submit, args=(form,)) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == (["N-1-R1"] * 2 if same else ["Everything was returned already.", "N-1-R1"])
    assert given_back(row) == 100
    assert Push.objects.count() == 1


# over HTTP


@pytest.fixture
def delivered(ireca: Sandbox) -> Order:
    """The sandbox's order, delivered and paid, as we know it."""
    ireca.take(ORDER, "55752")
    ireca.deliver(ORDER)
    mirror = registry.for_model(Order)
    assert mirror is not None
    apply(mirror, [mirror.fetch(remote_client(), ORDER)])
    ireca.requests.clear()
    return Order.objects.get(ireca_id=ORDER)


def everything(row: Order, **changes: Any) -> Wanted:
    left = refunds.returnable(row)
    known = PaymentType.objects.filter(pk=row.payment_type_id).get()
    return wanted(row, *(str(item.left) for item in left.lines), payment_type=known, **changes)


def creations(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request for request in sandbox.requests if request["method"] == "POST" and request["path"] == "/orders"]


def drain() -> None:
    worker.drain(lease.owner())


def violations(sandbox: Sandbox) -> list[str]:
    return [violation["message"] for violation in sandbox.violations]


def test_a_return_reaches_ireca_and_is_agreed(ireca: Sandbox, delivered: Order) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    drain()
    (request,) = creations(ireca)
    assert request["query"] in ("isRefund=1", {"isRefund": ["1"]}, {"isRefund": "1"})
    there = ireca.order(made.ireca_id)
    assert (there["isRefund"], there["statusId"], there["deliveryStatusId"]) == (1, 1, 7)
    assert [payment["paymentId"] for payment in there["payments"]] == list(
        delivered.payments.values_list("payment_ref", flat=True)
    )
    made.refresh_from_db()
    assert (made.sync_state, made.sync_error, made.remote_data["isRefund"]) == ("clean", "", True)
    assert violations(ireca) == []


def test_a_lost_answer_makes_no_second_return(ireca: Sandbox, delivered: Order) -> None:
    ireca.faults.set("reset_after", times=1, path_contains="orders", method="POST")
    made = refunds.make(delivered.pk, everything(delivered))
    drain()
    worker.start()
    outbox.make_due()
    drain()
    assert len(creations(ireca)) == 1
    assert Push.objects.get().attempts == 1
    made.refresh_from_db()
    assert (made.sync_state, Push.objects.get().state) == ("clean", Push.State.DONE)
    assert violations(ireca) == []


def test_a_request_that_never_arrived_is_sent_again(ireca: Sandbox, delivered: Order) -> None:
    ireca.faults.set("reset_before", times=1, path_contains="orders", method="POST")
    made = refunds.make(delivered.pk, everything(delivered))
    drain()
    worker.start()
    outbox.make_due()
    drain()
    assert ireca.order(made.ireca_id)["isRefund"] == 1
    assert Push.objects.get().state == Push.State.DONE


def test_an_edit_waits_until_ireca_knows_the_return(ireca: Sandbox, delivered: Order) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    Order.objects.filter(pk=made.pk).update(description="Позвонить")
    drain()
    worker.drain(lease.owner())
    (request,) = creations(ireca)
    assert request["body"][0]["description"] != "Позвонить"
    assert ireca.order(made.ireca_id)["description"] == "Позвонить"
    assert len(ireca.order(made.ireca_id)["payments"]) == delivered.payments.count()
    made.refresh_from_db()
    assert made.sync_state == "clean"
    assert violations(ireca) == []


def test_a_return_waits_for_a_courier_that_ireca_does_not_know_yet(
    ireca: Sandbox, delivered: Order, settings: Any
) -> None:
    settings.IRECA_MODE = "api"
    new = Courier.objects.create(title="New", phone="+79215550101", email="new@example.com", source_password="secret")
    ireca.refuse("couriers", new.ireca_id, "Курьер не принят")
    made = refunds.make(delivered.pk, everything(delivered, courier=new))
    drain()
    drain()
    push = Push.objects.get(command="refund")
    assert (push.state, push.attempts, creations(ireca)) == (Push.State.WAITING, 0, [])
    made.refresh_from_db()
    assert (made.sync_state, "Курьер не принят" in made.sync_error) == ("pending", True)
    ireca.refuse("couriers", new.ireca_id, None)
    new.save()
    drain()
    push.refresh_from_db()
    made.refresh_from_db()
    assert (push.state, push.waits_for, made.sync_state, made.sync_error) == (Push.State.DONE, "", "clean", "")
    assert str(ireca.order(made.ireca_id)["courierId"]) == new.ireca_id
    assert len(creations(ireca)) == 1
    assert violations(ireca) == []


def test_a_refusal_is_shown_and_tried_again_by_hand(ireca: Sandbox, delivered: Order) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    ireca.refuse("orders", made.ireca_id, "Возврат отклонён")
    drain()
    made.refresh_from_db()
    assert (made.sync_state, made.sync_error) == ("failed", "Возврат отклонён")
    assert refunds.returnable(delivered).why_not()
    ireca.refuse("orders", made.ireca_id, None)
    outbox.make_due(object_id=made.pk)
    drain()
    made.refresh_from_db()
    assert (made.sync_state, made.sync_error) == ("clean", "")


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_a_return_that_was_given_up_is_not_sent(ireca: Sandbox, delivered: Order, how: str) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    if how == "cancelled":
        actions.cancel([made.pk], ReturnReason.objects.first())
    else:
        made.delete()
    drain()
    assert creations(ireca) == []
    assert Push.objects.get(command="refund").state == Push.State.REFUSED
    assert "before it was sent" in Push.objects.get(command="refund").error


def test_another_order_under_that_id_is_no_return(ireca: Sandbox, delivered: Order) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    Push.objects.update(attempts=1, remote_id=ORDER)
    drain()
    made.refresh_from_db()
    assert Push.objects.get().state == Push.State.REFUSED
    assert made.sync_error == Push.objects.get().error == f"iRECA has another order under the id {ORDER}."


def test_no_line_is_lost_on_the_way(ireca: Sandbox, delivered: Order) -> None:
    made = refunds.make(delivered.pk, everything(delivered))
    drain()
    sold = [(line["goodId"], line["count"]) for line in ireca.order(ORDER)["goods"]]
    assert [(line["goodId"], line["count"]) for line in ireca.order(made.ireca_id)["goods"]] == sold
    assert Line.objects.filter(order=made).count() == len(sold)
