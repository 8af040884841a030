"""Shifts, the card of a receipt and the helper for corrections: figures reckoned twice, and what the pages say."""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.sync.enqueue import untracked
from backoffice.sync.models import ExportLog
from fiscal import shifts
from fiscal.models import CorrectionReceipt, PaymentType, Receipt, Tax
from orders import fiscal_sums
from orders.models import Order, Payment, Refund, RefundGood, RefundPayment
from tests.orders import builders
from tests.orders.pages import change_url

pytestmark = pytest.mark.django_db

ENGLISH = {"accept-language": "en"}
RATES = {"22%": (22, 122), "10%": (10, 110), "20%/120%": (20, 120), "БезНДС": (0, 100), "special": None}


def receipt(order: Order, at: datetime, number: int, **more: Any) -> Receipt:
    given = {"kind": "sale", "fn": "9999", "serial_number": "S9999", "shift_number": "1", "fiscal_sign": "3522207165"}
    return Receipt.objects.create(order=order, fd_number=str(number), date_time_receipt=at, **{**given, **more})


def sold(nth: int, *lines: tuple[str, str], **more: Any) -> Order:
    """A closed and paid order: lines as (sum after a discount of 1, tax), and one payment of it all in cash."""
    row = builders.with_lines(builders.order(nth, **{**builders.CLOSED, **more}), len(lines))
    with untracked():
        for line, (sum_, title) in zip(row.lines.all(), lines, strict=True):
            line.count, line.total, line.discount_total = 1, Decimal(sum_) + 1, -1
            line.tax = Tax.objects.filter(title=title).first() or builders.known(Tax, title, title=title)
            line.save()
        total = sum(Decimal(sum_) for sum_, _title in lines)
        Order.objects.filter(pk=row.pk).update(amount_to_pay=total + len(lines))
    row.refresh_from_db()
    Payment.objects.create(order=row, price=total, payment_type=row.payment_type, paid_in=builders.at(11))
    return row


def random_shifts(seed: int) -> datetime:
    """A day of three registers. Returns now."""
    chance = random.Random(seed)
    now = timezone.now()
    couriers = [builders.courier(f"Courier {n}", f"c{n}") for n in range(3)]
    builders.order(0)
    types = [
        *PaymentType.objects.all(),
        builders.known(PaymentType, "2", title="Card", close_type=2),
        builders.known(PaymentType, "9", title="Voucher", close_type=9),
    ]
    for nth in range(1, 45):
        sums = [(str(Decimal(chance.randint(100, 99_999)) / 100), chance.choice(list(RATES))) for _n in range(2)]
        row = sold(nth, *sums, courier=chance.choice([None, *couriers]), is_refund=chance.random() < 0.2)
        row.payments.update(payment_type=chance.choice([None, *types]))
        at = now - timedelta(minutes=chance.randint(1, 600))
        where = {"fn": chance.choice("ABC"), "shift_number": chance.choice("12")}
        for _again in range(chance.choice([1, 1, 1, 2])):
            receipt(row, at, nth * 10 + _again, kind="return" if row.is_refund else "sale", **where)
        if not row.is_refund and chance.random() < 0.3:
            refund = Refund.objects.create(order=row)
            back = Decimal(chance.randint(100, 9_000)) / 100
            RefundPayment.objects.create(refund=refund, sum=back, payment_type=chance.choice(types))
            good = row.lines.all()[0].good
            good.tax = Tax.objects.get(title=sums[0][1])
            with untracked():
                good.save()
            RefundGood.objects.create(refund=refund, sum=back, good=good)
            receipt(row, at, nth * 10 + 5, kind="return", **where)
    return now


class Reckoned:
    """A shift in plain Python."""

    def __init__(self, key: tuple[str, str]) -> None:
        self.forms: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self.types: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
        self.vat: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
        self.undivided, self.couriers = 0, set()
        for paper in Receipt.objects.filter(fn=key[0], shift_number=key[1]).select_related("order__courier"):
            order = paper.order
            if order.courier is not None:
                self.couriers.add(order.courier.title)
            if order.receipts.filter(kind=paper.kind).count() > 1:
                self.undivided += 1
                continue
            side = int(paper.kind == "return")
            if side and not order.is_refund:
                money = [(each.payment_type, each.sum) for each in order.refund.payments.all()]
                lines = [(each.good.tax.title, each.sum) for each in order.refund.goods.all()]
            else:
                money = [(each.payment_type, each.price) for each in order.payments.all()]
                lines = [(line.tax.title, line.total + line.discount_total) for line in order.lines.all()]
            for type_, sum_ in money:
                code = type_.close_type if type_ is not None else None
                self.forms[code if code in (1, 2, 3) else None][side] += sum_
                self.types[type_.title if type_ is not None else ""][side] += sum_
            by_rate: dict[str, Decimal] = defaultdict(Decimal)
            for title, sum_ in lines:
                by_rate[title] += sum_
            for title, sum_ in by_rate.items():
                part, whole = RATES[title] or (0, 1)
                tax = (sum_ * part / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)
                row = self.vat[title]
                self.vat[title] = [
                    row[0] + sum_ * (1 - side),
                    row[1] + tax * (1 - side),
                    row[2] + sum_ * side,
                    row[3] + tax * side,
                ]


@pytest.mark.parametrize("seed", range(3))
def test_sums_of_shifts_reckoned_twice(admin_client: Browser, seed: int) -> None:
    now = random_shifts(seed)
    found = shifts.find(now - timedelta(days=1), now, now)
    money = fiscal_sums.by_shift(found)
    assert len(found) > 4
    for shift in found:
        plain, mine = Reckoned(shift.key), money[shift.key]
        assert {form: [amount.sold, amount.returned] for form, amount in mine.forms.items()} == plain.forms
        assert (mine.undivided, set(mine.couriers)) == (plain.undivided, plain.couriers)
        page = admin_client.get(shift.url)
        assert {each.title: [each.amount.sold, each.amount.returned] for each in page.context["types"]} == plain.types
        table = page.context["vat"]
        assert table.is_incomplete == ("special" in plain.vat)
        assert table.total == [sum(column) for column in zip(*plain.vat.values(), strict=True)]
        for row in table.rows:  # what is not known is no zero
            assert (row.sold_vat is None) == (row.returned_vat is None) == (row.rate is None)
        rates = [[sum_ or 0 for sum_ in row.sums] for row in table.rows]
        assert sorted(rates) == sorted(plain.vat.values())
        assert page.context["undivided"] == plain.undivided
        assert (page.context["total"].sold, page.context["total"].returned) == (
            mine.total.sold,
            mine.total.returned,
        )


def test_what_is_returned_in_the_app_has_the_rate_of_its_line(admin_client: Browser) -> None:
    row = sold(1, ("1780", "20%"), ("110", "БезНДС"), ("55", "special"))
    ten = builders.known(Tax, "10%", title="10%")
    refund = Refund.objects.create(order=row)
    lines = list(row.lines.select_related("good"))
    with untracked():
        for line in lines:
            line.good.tax = ten
            line.good.save()
        lines[2].tax = None  # sold at the rate of its good
        lines[2].save()
    for line in lines:
        RefundGood.objects.create(refund=refund, sum=line.total + line.discount_total, count=1, good=line.good)
    paper = receipt(row, timezone.now(), 1, kind="return")
    rates = fiscal_sums.by_rate(Receipt.objects.filter(kind="return"), timezone.localdate())
    card = admin_client.get(reverse("fiscal-receipt", args=[paper.pk])).context["figures"]
    assert {(row.rate.code, row.returned, row.returned_vat) for row in rates.rows} == {
        (vat.rate.code, vat.gross, vat.vat) for vat in card.vat
    }
    assert {(row.returned, row.returned_vat) for row in rates.rows} == {
        (Decimal(1780), Decimal("296.67")),
        (Decimal(110), Decimal(0)),
        (Decimal(55), Decimal(5)),
    }


def test_the_list_is_narrowed_and_tells_bad_days(admin_client: Browser) -> None:
    now = random_shifts(1)
    url, today = reverse("fiscal-shifts"), timezone.localdate(now)
    courier = Order.objects.filter(receipts__fn="A", courier__isnull=False).first().courier
    everything = admin_client.get(url).context["rows"]
    his = admin_client.get(url, {"courier": courier.pk}).context["rows"]
    said = "The sums are those of the whole shifts"
    assert said in admin_client.get(url, {"courier": courier.pk}, headers=ENGLISH).text
    assert said not in admin_client.get(url, headers=ENGLISH).text
    keys = {(paper.fn, paper.shift_number) for paper in Receipt.objects.filter(order__courier=courier)}
    assert {shift.key for shift, _money in his} == keys
    assert {shift.fn for shift, _money in admin_client.get(url, {"register": "A"}).context["rows"]} == {"A"}
    assert {shift.fn for shift, _money in everything} == {"A", "B", "C"}
    early = admin_client.get(url, {"since": "2020-01-01", "until": "2020-01-31"})
    assert early.context["rows"] == []
    for bad in ({"since": today + timedelta(days=1)}, {"since": "2020-01-01", "until": today}, {"since": "x"}):
        page = admin_client.get(url, bad)
        assert page.status_code == 400
        assert page.context["form"].errors
        assert page.context["rows"] == []


def test_the_cost_of_the_list_does_not_grow(admin_client: Browser) -> None:
    row, now = sold(1, ("100", "22%")), timezone.now()
    receipt(row, now, 1)
    url = reverse("fiscal-shifts")
    admin_client.get(url)
    with CaptureQueriesContext(connection) as few:
        admin_client.get(url)
    for nth in range(2, 30):
        receipt(row, now - timedelta(hours=nth), nth, shift_number=str(nth))
    with CaptureQueriesContext(connection) as many:
        admin_client.get(url)
    assert len(many) == len(few)


def test_the_file_keeps_numbers_as_they_are_printed(admin_client: Browser) -> None:
    courier = builders.courier("=cmd|' /C calc'!A0", "x")
    row = sold(1, ("1030.50", "22%"), courier=courier)
    receipt(row, timezone.now(), 1, fn="9960440300123456", serial_number="00012345678901", shift_number="@1")
    card = builders.known(PaymentType, "2", title="Card", close_type=2)
    for nth, (type_, sum_) in enumerate([(row.payment_type, 70), (card, 20)], 2):
        back = sold(nth, (str(sum_), "22%"), is_refund=True)
        back.payments.update(payment_type=type_)
        receipt(back, timezone.now(), nth, kind="return", fn="9960440300123456", serial_number="", shift_number="@1")
    url = reverse("fiscal-shifts")

    def file(kind: str, language: str) -> bytes:
        answer = admin_client.get(url, {"export": kind}, headers={"accept-language": language})
        return b"".join(answer.streaming_content)

    _header, cells, foot = csv.reader(io.StringIO(file("csv", "en").decode("utf-8-sig")))
    assert foot == ["Together", *[""] * 5, "1", "2", *cells[8:14], "0"]
    assert (cells[2], cells[-1]) == ("'@1", "'=cmd|' /C calc'!A0")
    assert cells[8:14] == ["1030.50", "0.00", "0.00", "70.00", "20.00", "0.00"]
    _header, cells, _foot = csv.reader(io.StringIO(file("csv", "ru").decode("utf-8-sig")), delimiter=";")
    assert "1030,50" in cells
    _header, values, _foot = openpyxl.load_workbook(io.BytesIO(file("xlsx", "ru"))).active.values
    assert values[:3] == ("9960440300123456", "00012345678901", "@1")
    assert values[8:14] == (1030.5, 0, 0, 70, 20, 0)


def test_the_page_is_cut_and_its_file_is_not(admin_client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.admin.fiscal.shifts.LIMIT", 3)
    now = timezone.now()
    for nth in range(1, 8):
        receipt(sold(nth, ("10", "22%")), now - timedelta(hours=nth), nth, shift_number=str(nth))
    page = admin_client.get(reverse("fiscal-shifts"), headers=ENGLISH)
    assert len(page.context["rows"]) == 3
    assert "it has all of them" in page.text
    answer = admin_client.get(reverse("fiscal-shifts"), {"export": "csv"}, headers=ENGLISH)
    _header, *rows, foot = csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert [(row[2], row[8]) for row in rows] == [(str(nth), "10.00") for nth in range(1, 8)]
    assert foot[8] == "70.00"


def test_a_file_of_shifts_is_for_who_may_export_and_is_logged(admin_client: Browser) -> None:
    receipt(sold(1, ("10", "22%")), timezone.now() - timedelta(hours=1), 1, shift_number="1")
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=("view_receipt", "view_order")))
    browser = Browser()
    browser.force_login(clerk)
    shown, shown_to_all = (each.get(reverse("fiscal-shifts"), headers=ENGLISH) for each in (browser, admin_client))
    assert "export=xlsx" not in shown.text
    assert "export=xlsx" in shown_to_all.text
    assert browser.get(reverse("fiscal-shifts"), {"export": "csv"}).status_code == 403
    assert not ExportLog.objects.exists()
    clerk.user_permissions.add(Permission.objects.get(codename="export", content_type__app_label="reports"))
    answer = browser.get(reverse("fiscal-shifts"), {"export": "csv", "register": "9999"}, headers=ENGLISH)
    assert b"".join(answer.streaming_content)
    log = ExportLog.objects.get()
    assert (log.user, log.what, log.kind, log.query) == (clerk, "Shifts of registers", "csv", "register=9999")
    assert log.row_count == 2


def test_a_shift_is_laid_beside_the_report_of_its_register(admin_client: Browser) -> None:
    now = random_shifts(2)
    for shift in shifts.find(now - timedelta(days=1), now, now):
        page = admin_client.get(shift.url, headers=ENGLISH)
        told, total = page.context["receipts"], page.context["total"]
        assert len(told) == shift.receipts
        for column in ("sold", "returned"):
            assert sum(getattr(each, column) or 0 for each in told) == getattr(total, column)
        alone = [each for each in told if each.sold is None and each.returned is None]
        assert len(alone) == page.context["undivided"]
        paper = admin_client.get(page.context["print_url"], headers=ENGLISH)
        assert "no fiscal document" in paper.text
        assert [each.pk for each in paper.context["receipts"]] == [each.pk for each in told]
        listed = admin_client.get(page.context["list_url"])
        assert listed.context["paging"].paginator.count == shift.receipts


def test_a_shift_that_is_not_there(admin_client: Browser) -> None:
    assert admin_client.get(reverse("fiscal-shift", query={"fn": "no", "shift": "1"})).status_code == 404
    assert admin_client.get(reverse("fiscal-shift")).status_code == 404


def test_a_rate_that_was_changed_is_pointed_out(admin_client: Browser) -> None:
    row = sold(1, ("100", "20%"), ("100", "22%"))
    paper = receipt(row, timezone.now(), 1)
    shift = shifts.one("9999", "1", timezone.now())
    assert shift is not None
    (doubtful,) = [rate for rate in admin_client.get(shift.url).context["vat"].rows if rate.is_doubtful]
    assert doubtful.rate.code == 1
    assert admin_client.get(reverse("fiscal-receipt", args=[paper.pk])).context["doubtful"] == ["20 %"]


# the card


def test_a_card_says_where_its_sum_comes_from(admin_client: Browser) -> None:
    row = sold(1, ("1000", "22%"), ("30", "10%"))
    paper = receipt(row, timezone.now(), 46)
    for name in ("fiscal-receipt", "fiscal-receipt-print"):
        page = admin_client.get(reverse(name, args=[paper.pk]), headers=ENGLISH)
        assert "s=1030.00&amp;fn=9999&amp;i=46&amp;fp=3522207165&amp;n=1" in page.text
        assert "The sum is that of the payments" in page.text
        assert "The sum is assumed" not in page.text
    row.payments.update(price=900)
    page = admin_client.get(reverse("fiscal-receipt", args=[paper.pk]), headers=ENGLISH)
    assert "s=900.00" in page.text
    assert "The sum is assumed" in page.text
    assert [(vat.rate.code, vat.gross, vat.vat) for vat in page.context["figures"].vat] == [
        (2, Decimal(30), Decimal("2.73")),
        (11, Decimal(1000), Decimal("180.33")),
    ]


def test_a_sheet_has_no_frame_and_loads_nothing_from_elsewhere(admin_client: Browser) -> None:
    paper = receipt(sold(1, ("100", "22%")), timezone.now(), 1)
    text = admin_client.get(reverse("fiscal-receipt-print", args=[paper.pk]), headers=ENGLISH).text
    assert "unfold" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "no fiscal document" in text


def test_two_receipts_of_a_prepayment_have_assumed_sums(admin_client: Browser) -> None:
    row, now = sold(1, ("1000", "22%"), prepayment_sum=Decimal(300)), timezone.now()
    first, second = receipt(row, now - timedelta(hours=2), 1), receipt(row, now, 2)
    for paper, sum_ in ((first, "300.00"), (second, "1000.00")):
        text = admin_client.get(reverse("fiscal-receipt", args=[paper.pk]), headers=ENGLISH).text
        assert f"s={sum_}&amp;" in text
        assert "The sum is assumed" in text
    receipt(row, now, 3)
    assert "No QR code" in admin_client.get(reverse("fiscal-receipt", args=[first.pk]), headers=ENGLISH).text


def test_a_return_that_is_an_order_has_payments_of_its_own(admin_client: Browser) -> None:
    paper = receipt(sold(1, ("250", "22%"), is_refund=True), timezone.now(), 1, kind="return")
    text = admin_client.get(reverse("fiscal-receipt", args=[paper.pk]), headers=ENGLISH).text
    assert "s=250.00" in text
    assert "n=2" in text


def test_the_form_of_a_receipt_leads_to_its_card(admin_client: Browser) -> None:
    paper = receipt(sold(1, ("100", "22%")), timezone.now(), 1)
    text = admin_client.get(f"/admin/fiscal/receipt/{paper.pk}/change/").text
    assert f"/admin/fiscal/receipt/{paper.pk}/card" in text
    assert admin_client.get(f"/admin/fiscal/receipt/{paper.pk}/card", follow=True).context["receipt"] == paper


# corrections


def correction(browser: Browser, row: Order, **query: Any) -> Any:
    return browser.get(reverse("fiscal-correction", args=[row.pk]), query, headers=ENGLISH)


def test_a_correction_where_nothing_was_printed(admin_client: Browser) -> None:
    row = sold(1, ("1000", "22%"), ("30", "10%"))
    (short,) = correction(admin_client, row, fault="no_receipt", ffd="1.05").context["documents"]
    (whole,) = correction(admin_client, row, fault="no_receipt", ffd="1.2").context["documents"]
    assert (short.step.has_lines, whole.step.has_lines) == (False, True)
    for document in (short, whole):
        assert document.figures.total == document.figures.paid == 1030
        assert [form.tag for form in document.figures.money] == [1031]
        entries = {each.tag: each.value for each in document.requisites}
        assert entries[1178] == timezone.localdate(builders.at(11))
        assert 1192 not in entries


def test_a_wrong_sum(admin_client: Browser) -> None:
    row = sold(1, ("122", "22%"))
    paper = receipt(row, timezone.now(), 1)
    undo, anew = correction(admin_client, row, receipt=paper.pk, fault="sum", ffd="1.1", sum="244").context["documents"]
    assert (undo.figures.total, undo.figures.vat[0].vat, undo.figures.paid) == (244, 44, 244)
    assert (anew.figures.total, anew.figures.vat[0].vat) == (122, 22)
    assert {each.tag: each.value for each in undo.requisites}[1192] == "3522207165"
    open_, _anew = correction(admin_client, row, receipt=paper.pk, fault="sum", ffd="1.1").context["documents"]
    assert open_.figures is None
    assert "from the paper" in open_.note


def test_a_wrong_rate_and_a_wrong_payment(admin_client: Browser) -> None:
    row = sold(1, ("122", "22%"))
    paper = receipt(row, timezone.now(), 1)
    undo, anew = correction(admin_client, row, receipt=paper.pk, fault="vat", ffd="1.05", rate="1").context["documents"]
    assert (undo.figures.vat[0].rate.code, undo.figures.vat[0].vat) == (1, Decimal("20.33"))
    assert (anew.figures.vat[0].rate.code, anew.figures.vat[0].vat) == (11, 22)
    assert not undo.step.is_correction
    undo, anew = correction(
        admin_client, row, receipt=paper.pk, fault="payment", ffd="1.2", form="2", rate="1"
    ).context["documents"]
    assert ([form.tag for form in undo.figures.money], [form.tag for form in anew.figures.money]) == ([1081], [1031])
    assert undo.figures.vat[0].rate.code == 11  # what belongs to another fault is left out


def test_what_cannot_be_prepared_is_told(admin_client: Browser) -> None:
    row = sold(1, ("122", "22%"))
    paper = receipt(row, timezone.now(), 1)
    for bad in (
        {"fault": "x", "ffd": "1.2"},
        {"fault": "sum", "ffd": "1.2", "sum": "-1"},
        {"fault": "vat", "rate": "99"},
    ):
        page = correction(admin_client, row, **bad)
        assert page.context["documents"] is None
        assert page.context["form"].errors
        assert admin_client.get(reverse("fiscal-correction-print", args=[row.pk]), bad).status_code == 404
    other = sold(2, ("1", "22%"))
    assert correction(admin_client, other, receipt=paper.pk).status_code == 404
    page = correction(admin_client, row, fault="no_receipt", ffd="1.2")
    assert "The order has receipts" in page.text


def test_an_order_without_its_receipt_leads_to_the_correction(admin_client: Browser) -> None:
    row = builders.order(1, **builders.CLOSED)
    address = reverse("fiscal-correction", args=[row.pk])
    assert f'href="{address}"' in admin_client.get(change_url(row)).content.decode()
    narrow = User.objects.create_user("narrow", password="x", is_staff=True)
    narrow.user_permissions.add(Permission.objects.get(codename="view_order"))
    browser = Browser()
    browser.force_login(narrow)
    assert address not in browser.get(change_url(row)).content.decode()  # he may not open it
    unpaid = builders.order(2)
    assert "fiscal/corrections" not in admin_client.get(change_url(unpaid)).content.decode()


def test_corrections_that_came_in_afterwards(admin_client: Browser) -> None:
    row = sold(1, ("122", "22%"), courier=builders.courier())
    at = timezone.now() - timedelta(hours=5)
    paper = receipt(row, at, 1)
    for nth, (serial, courier, hours, amount) in enumerate(
        [("S9999", None, 1, 122), ("else", row.courier, 2, 5), ("else", None, 1, 122), ("S9999", None, -1, 122)]
    ):
        CorrectionReceipt.objects.create(
            ireca_id=str(nth),
            serial_number=serial,
            courier=courier,
            amount=amount,
            command_executed_at=at + timedelta(hours=hours),
        )
    page = correction(admin_client, row, receipt=paper.pk, fault="vat", ffd="1.2", rate="1")
    found = page.context["afterwards"]
    assert [(each.receipt.ireca_id, each.is_same_sum) for each in found] == [("0", True), ("1", False)]
    assert page.text.count("the same sum") == 1


def test_what_was_brought_before_its_window_is_corrected_as_of_that_day(admin_client: Browser) -> None:
    brought = timezone.now() - timedelta(days=2)
    window = {"delivery_time_from": brought + timedelta(days=5), "delivery_time_to": brought + timedelta(days=6)}
    row = sold(1, ("122", "22%"), courier=builders.courier(), delivered_at=brought, **window)
    row.payments.all().delete()
    at = brought + timedelta(hours=1)
    CorrectionReceipt.objects.create(ireca_id="1", courier=row.courier, amount=122, command_executed_at=at)
    page = correction(admin_client, row, fault="no_receipt", ffd="1.2")
    assert [each.receipt.ireca_id for each in page.context["afterwards"]] == ["1"]
    days = {entry.tag: entry.value for document in page.context["documents"] for entry in document.requisites}
    assert days[1178] == timezone.localdate(brought)
