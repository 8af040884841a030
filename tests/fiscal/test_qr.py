"""The QR code of a receipt (CONTRACT, "Receipt QR")."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fiscal.models import Receipt
from fiscal.qr import NoQr, qr_svg, qr_text
from orders.models import Order, Payment, Refund, RefundPayment
from tests.sync.rows import make

pytestmark = pytest.mark.django_db


def receipt(**values: Any) -> Receipt:
    given = {
        "kind": "sale",
        "fn": "9999078900004312",
        "fd_number": "46",
        "fiscal_sign": "3522207165",
        "date_time_receipt": datetime(2020, 1, 15, 18, 10, 59, tzinfo=UTC),
    }
    return make(Receipt, **{"order": make(Order, prepayment_sum=Decimal(0)), **given, **values})


def test_a_sale(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Moscow"
    row = receipt()
    make(Payment, order=row.order, price=Decimal("1000"))
    make(Payment, order=row.order, price=Decimal("30.00"))
    assert qr_text(row) == "t=20200115T2110&s=1030.00&fn=9999078900004312&i=46&fp=3522207165&n=1"


def test_the_time_is_the_registers(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Vladivostok"
    row = receipt()
    make(Payment, order=row.order, price=Decimal(1))
    assert qr_text(row).startswith("t=20200116T0410&")


def test_a_return_takes_what_was_given_back() -> None:
    row = receipt(kind="return")
    make(Payment, order=row.order, price=Decimal(500))
    refund = make(Refund, order=row.order)
    make(RefundPayment, refund=refund, sum=Decimal("120.5"))
    assert "&s=120.50&" in qr_text(row)
    assert qr_text(row).endswith("&n=2")


@pytest.mark.parametrize("missing", ["fn", "fd_number", "fiscal_sign", "date_time_receipt"])
def test_no_code_without_what_it_says(missing: str) -> None:
    row = receipt(**{missing: None if missing == "date_time_receipt" else ""})
    make(Payment, order=row.order, price=Decimal(1))
    with pytest.raises(NoQr):
        qr_text(row)


def test_no_code_without_a_sum() -> None:
    row = receipt()
    with pytest.raises(NoQr):
        qr_text(row)
    make(Payment, order=row.order, price=Decimal(1))
    make(Payment, order=row.order, price=None)
    row.refresh_from_db()
    with pytest.raises(NoQr):
        qr_text(row)


def test_no_code_where_two_receipts_share_the_payments() -> None:
    row = receipt()
    make(Payment, order=row.order, price=Decimal(1))
    receipt(order=row.order, fd_number="47")
    with pytest.raises(NoQr):
        qr_text(row)


def test_no_code_for_one_of_two_receipts_of_a_prepayment_while_the_other_is_missing() -> None:
    """It may be the one for the prepayment, and a code with the whole sum would look forged."""
    row = receipt(order=make(Order, prepayment_sum=Decimal(300), amount_to_pay=Decimal(1000)))
    prepaid = make(Payment, order=row.order, price=Decimal(300))
    assert "&s=300.00&" in qr_text(row), "nothing but the prepayment was paid yet"
    make(Payment, order=row.order, price=Decimal(700))
    with pytest.raises(NoQr):
        qr_text(row)
    prepaid.delete()
    with pytest.raises(NoQr):
        qr_text(row)


def test_a_return_receipt_does_not_confuse_the_sale() -> None:
    row = receipt()
    make(Payment, order=row.order, price=Decimal(1))
    receipt(order=row.order, kind="return", fd_number="47")
    assert "&s=1.00&" in qr_text(row)


def test_the_picture_is_svg_without_scripts() -> None:
    svg = qr_svg("t=20200115T2110&s=1030.00&fn=9999078900004312&i=46&fp=3522207165&n=1")
    assert svg.startswith("<svg")
    assert "script" not in svg
