"""Reports by mail: what is in one and for whom, that it comes once, and what happens when it cannot."""

from __future__ import annotations

import io
import smtplib
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission, User
from django.core import mail as outbox
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone, translation
from openpyxl import load_workbook

from backoffice.reports import formats, mails
from backoffice.reports.asked import Asked
from backoffice.reports.models import ReaderSource, ReportSubscription
from backoffice.reports.registry import REPORTS
from backoffice.sync import lease
from backoffice.sync.models import ExportLog
from orders.models import Order, SavedView
from tests.reports.data import World
from tests.reports.test_rights import browser_of, person

pytestmark = pytest.mark.django_db

YEAR = "since=2000-01-01&until=2100-01-01"
Stop = ReportSubscription.Stop


@pytest.fixture(autouse=True)
def _mail_is_on(settings: Any) -> None:
    settings.MAIL_IS_ON = True
    settings.DEFAULT_FROM_EMAIL = "Office <office@example.com>"
    settings.PUBLIC_URL = "https://office.example.com"


@pytest.fixture
def owner() -> User:
    return person("Managers", "anna")


def subscribed(owner: User, query: str = YEAR, page: str = "report:orders", **values: Any) -> ReportSubscription:
    view = SavedView.objects.create(page=page, title="Week", query=query, owner=owner)
    values = {"format": "xlsx", "language": "en", "due_at": timezone.now() - timedelta(minutes=1), **values}
    return ReportSubscription.objects.create(owner=owner, view=view, title=view.title, **values)


def send(holder: str = "one", now: datetime | None = None) -> list[Any]:
    """A look of the worker; the mails of it."""
    outbox.outbox.clear()
    mails.send_due(holder, now or timezone.now())
    return list(outbox.outbox)


def rows_of(message: Any) -> list[Any]:
    ((name, content, kind),) = message.attachments
    assert name.endswith(".xlsx")
    assert kind == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return list(load_workbook(io.BytesIO(content), read_only=True).worksheets[0].iter_rows(values_only=True))


# what is in one


def test_a_view_comes_as_a_file_once(owner: User) -> None:
    World(1, orders=8)
    subscription = subscribed(owner, f"{YEAR}&by=list&columns=number")
    (message,) = send()
    assert message.to == ["anna@example.com"]
    assert message.subject == "Week, 2000-01-01 – 2100-01-01"
    rows = rows_of(message)
    assert {row[0] for row in rows[1:]} == set(Order.objects.values_list("number", flat=True))
    assert "https://office.example.com/reports/orders/?since=2000-01-01" in message.body
    subscription.refresh_from_db()
    assert subscription.row_count == len(rows) - 1
    assert subscription.due_at > timezone.now()
    assert subscription.lease_owner == ""
    (noted,) = ExportLog.objects.all()
    assert (noted.user, noted.row_count) == (owner, len(rows) - 1)
    assert "anna@example.com" in noted.what
    assert send() == []


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_every_report_can_be_mailed(report: Any, owner: User) -> None:
    World(2, orders=4)
    subscribed(owner, f"{YEAR}&by={report.dimensions[0].name}", f"report:{report.name}")
    (message,) = send()
    with translation.override("en"):
        units = {formats.MINUTES: ", min"}
        header = (
            str(report.dimensions[0].title),
            *(f"{each.title}{units.get(each.kind, '')}" for each in report.figures),
        )
    assert rows_of(message)[0] == header


def test_the_cash_of_couriers_can_be_mailed(owner: User) -> None:
    World(11, orders=20)
    browser = browser_of(owner)
    view = SavedView.objects.create(page="report:cash", title="Cash", query=f"{YEAR}&sort=-now", owner=owner)
    asked = browser.post("/reports/cash/mails/", {"view": view.pk, "weekday": "day", "hour": "9", "format": "xlsx"})
    assert asked.url == "/reports/mails/"
    assert f'href="/reports/cash/?{YEAR}'.replace("&", "&amp;") in browser.get(asked.url).content.decode()
    ReportSubscription.objects.update(due_at=timezone.now())
    (message,) = send()
    shown = browser.get(f"/reports/cash/?{YEAR}&sort=-now").context["lines"]
    _header, *rows, foot = rows_of(message)
    assert [row[0] for row in rows] == [line.heading.text for line in shown]
    assert [foot[0], *foot[1:3]] == ["Вместе", *(sum(row[nth] for row in rows) for nth in (1, 2))]
    (noted,) = ExportLog.objects.all()
    assert (noted.row_count, noted.user) == (len(shown), owner)


def test_a_period_with_a_name_is_of_each_mail_its_own_and_a_retry_is_of_the_same(owner: User) -> None:
    zone = timezone.get_default_timezone()
    monday = datetime(2026, 3, 2, 8, 0, tzinfo=zone)
    subscription = subscribed(owner, "period=last_week", weekday=0, hour=8, due_at=monday)
    with time_machine.travel(monday + timedelta(minutes=5), tick=False):
        assert send()[0].subject == "Week, 2026-02-23 – 2026-03-01"
    subscription.refresh_from_db()
    assert subscription.due_at == monday + timedelta(days=7)
    with time_machine.travel(monday + timedelta(days=9), tick=False):  # no worker since Monday
        assert send()[0].subject == "Week, 2026-03-02 – 2026-03-08"
    subscription.refresh_from_db()
    assert subscription.due_at == monday + timedelta(days=14)


@pytest.mark.parametrize(
    ("weekday", "hour", "now", "expected", "latest"),
    [
        (None, 8, "2026-03-02 07:59", "2026-03-02 08:00", "2026-03-01 08:00"),
        (None, 8, "2026-03-02 08:00", "2026-03-03 08:00", "2026-03-02 08:00"),
        (0, 8, "2026-03-02 08:00", "2026-03-09 08:00", "2026-03-02 08:00"),
        (6, 0, "2026-03-02 08:00", "2026-03-08 00:00", "2026-03-01 00:00"),
        (0, 23, "2026-03-02 08:00", "2026-03-02 23:00", "2026-02-23 23:00"),
    ],
)
def test_the_time_of_a_mail_is_that_of_people_here(
    weekday: int | None, hour: int, now: str, expected: str, latest: str
) -> None:
    zone = timezone.get_default_timezone()
    moment, after, before = (datetime.fromisoformat(text).replace(tzinfo=zone) for text in (now, expected, latest))
    subscription = ReportSubscription(weekday=weekday, hour=hour)
    for seen in (moment, moment.astimezone(ZoneInfo("Asia/Tokyo"))):
        assert subscription.next_after(seen) == after
        assert subscription.last_until(seen) == before


def test_a_file_is_bounded_and_says_so(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    World(3, orders=8)
    subscription = subscribed(owner, f"{YEAR}&by=list")
    monkeypatch.setattr(mails, "MOST_ROWS", 5)
    (message,) = send()
    assert len(rows_of(message)) == 6
    assert "the first 5 rows only" in message.body
    subscription.refresh_from_db()
    assert subscription.is_cut
    monkeypatch.setattr(mails, "MOST_ROWS", 20_000)
    monkeypatch.setattr(mails, "MOST_BYTES", 1)
    ReportSubscription.objects.update(due_at=timezone.now())
    (message,) = send()
    assert len(rows_of(message)) < Order.objects.count()


# with whose rights


def test_rights_are_those_of_the_owner_when_it_leaves(owner: User) -> None:
    world = World(4, orders=12)
    subscribed(owner, f"{YEAR}&by=list&columns=number&columns=phone")
    ReaderSource.objects.create(user=owner, source=world.sources[0])
    owner.groups.set([Group.objects.get(name="Partner managers")])
    Order.objects.update(phone="+79161234567")
    (message,) = send()
    rows = rows_of(message)[1:]
    assert {row[0] for row in rows} == set(
        Order.objects.filter(source=world.sources[0]).values_list("number", flat=True)
    )
    assert {row[1] for row in rows} == {"•••67"}


def lose_the_right(subscription: ReportSubscription) -> None:
    subscription.owner.groups.set([Group.objects.get(name="Accountants")])


def lose_exports(subscription: ReportSubscription) -> None:
    Group.objects.get(name="Managers").permissions.remove(Permission.objects.get(codename="export"))


def leave(subscription: ReportSubscription) -> None:
    User.objects.update(is_active=False)


def lose_the_view(subscription: ReportSubscription) -> None:
    SavedView.objects.all().delete()


def unshare_the_view(subscription: ReportSubscription) -> None:
    SavedView.objects.update(owner=person("Managers", "other"))


def lose_a_filter(subscription: ReportSubscription) -> None:
    SavedView.objects.update(query="source=999999")


def lose_the_address(subscription: ReportSubscription) -> None:
    User.objects.update(email="")


@pytest.mark.parametrize(
    ("happen", "why", "told"),
    [
        (lose_the_right, Stop.RIGHT, True),
        (lose_exports, Stop.RIGHT, True),
        (leave, Stop.PERSON, False),
        (lose_the_view, Stop.VIEW, True),
        (unshare_the_view, Stop.VIEW, True),
        (lose_a_filter, Stop.FILTERS, True),
        (lose_the_address, Stop.ADDRESS, False),
    ],
)
def test_what_the_owner_may_not_have_any_more_stops(happen: Any, why: str, told: bool, owner: User) -> None:
    World(5, orders=3)
    subscription = subscribed(owner)
    happen(subscription)
    sent = send()
    assert [message.attachments for message in sent] == ([[]] if told else [])
    subscription.refresh_from_db()
    assert subscription.stopped == why
    assert not ExportLog.objects.exists()
    assert send() == []
    if told:
        with translation.override("en"):  # his language
            assert str(Stop(why).label) in sent[0].body


def test_others_get_only_what_they_may_see_themselves(owner: User) -> None:
    world = World(6, orders=3)
    peer = person("Managers", "peer")
    gone = person("Managers", "gone")
    gone.is_active = False
    gone.save()
    others = [
        peer,
        gone,
        person("Accountants", "accountant"),
        person("Dispatchers", "dispatcher"),
        person("Partner managers", "partner", world.sources[0]),
    ]
    subscription = subscribed(owner)
    subscription.recipients.set(others)
    (message,) = send()
    assert message.to == ["anna@example.com", "peer@example.com"]
    subscription.refresh_from_db()
    assert subscription.left_out == "gone, accountant, dispatcher, partner"
    assert "peer@example.com" in ExportLog.objects.get().what


def test_an_administrator_adds_others_who_may_see_it(owner: User) -> None:
    World(7, orders=3)
    subscription = subscribed(owner)
    peer, dispatcher = person("Managers", "peer"), person("Dispatchers", "dispatcher")
    url = f"/admin/reports/reportsubscription/{subscription.pk}/change/"
    assert browser_of(owner).get(url).status_code == 403
    admin = browser_of(User.objects.create_superuser("admin", "", "x"))
    assert admin.get("/admin/reports/reportsubscription/").status_code == 200
    refused = admin.post(url, {"recipients": [peer.pk, dispatcher.pk]})
    assert refused.status_code == 200
    assert "dispatcher" in str(refused.context["adminform"].form.errors["recipients"])
    assert admin.post(url, {"recipients": [peer.pk]}).status_code == 302
    assert list(subscription.recipients.all()) == [peer]


# whoever sends, and when it fails


class Broken(EmailBackend):
    def send_messages(self, messages: Any) -> int:
        raise smtplib.SMTPServerDisconnected("gone for a moment")


def test_a_failure_is_shown_and_tried_again(owner: User, settings: Any) -> None:
    World(8, orders=3)
    subscription = subscribed(owner, hour=timezone.localtime().hour)
    working = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = f"{__name__}.Broken"
    now = timezone.now()
    assert send(now=now) == []
    subscription.refresh_from_db()
    assert (subscription.failures, subscription.lease_owner) == (1, "")
    assert subscription.due_at == now + mails.FIRST_WAIT
    assert ExportLog.objects.get().row_count is None
    page = browser_of(owner).get("/reports/mails/").content.decode()
    assert "gone for a moment" in page
    settings.EMAIL_BACKEND = working
    assert send(now=now + timedelta(seconds=30)) == []
    assert len(send(now=now + mails.FIRST_WAIT)) == 1
    subscription.refresh_from_db()
    assert (subscription.failures, subscription.error) == (0, "")


def test_what_cannot_be_counted_holds_up_no_other(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    World(9, orders=3)
    bad = subscribed(owner, due_at=timezone.now() - timedelta(days=2))
    good = subscribed(person("Managers", "other"))
    table = Asked.table

    def fail(asked: Asked) -> Any:
        if asked.reader.user == owner:
            raise ZeroDivisionError
        return table(asked)

    monkeypatch.setattr(Asked, "table", fail)
    assert [message.to for message in send()] == [["other@example.com"]]
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.failures, good.failures) == (1, 0)


def test_who_holds_it_sends_it_and_nobody_else(owner: User) -> None:
    World(10, orders=3)
    subscription = subscribed(owner)
    lease.claim(ReportSubscription.objects.all(), "other", 1)
    assert send() == []
    subscription.refresh_from_db()
    ReportSubscription.objects.update(**lease.RELEASED)
    assert len(send()) == 1


def test_without_a_server_nothing_is_mailed(owner: User, settings: Any) -> None:
    subscribed(owner)
    settings.MAIL_IS_ON = False
    assert mails.step("one") == 0
    settings.MAIL_IS_ON = True
    assert mails.step("one") == 1


# pages


def test_a_view_is_asked_for_and_ended(owner: User) -> None:
    browser = browser_of(owner)
    view = SavedView.objects.create(page="report:orders", title="Week", query="period=last_week", owner=owner)
    data = {"view": view.pk, "weekday": "0", "hour": "7", "format": "csv"}
    assert browser.post("/reports/orders/mails/", data).url == "/reports/mails/"
    (subscription,) = ReportSubscription.objects.all()
    assert (subscription.owner, subscription.weekday, subscription.hour, subscription.format) == (owner, 0, 7, "csv")
    assert timezone.localtime(subscription.due_at).weekday() == 0
    assert timezone.localtime(subscription.due_at).hour == 7
    ReportSubscription.objects.update(stopped=Stop.RIGHT, failures=3)
    browser.post("/reports/orders/mails/", {**data, "weekday": "day"})
    (subscription,) = ReportSubscription.objects.all()
    assert (subscription.weekday, subscription.stopped, subscription.failures) == (None, "", 0)
    assert "Week" in browser.get("/reports/mails/").content.decode()
    assert "/reports/mails/" in browser.get("/reports/").content.decode()
    assert browser.post(f"/reports/mails/{subscription.pk}/delete/").status_code == 302
    assert not ReportSubscription.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [{"weekday": "7"}, {"weekday": ""}, {"hour": "24"}, {"hour": "x"}, {"format": "exe"}, {"view": "0"}, {"view": ""}],
)
def test_nonsense_is_refused(owner: User, wrong: dict[str, str]) -> None:
    view = SavedView.objects.create(page="report:orders", title="Week", owner=owner)
    data = {"view": str(view.pk), "weekday": "0", "hour": "7", "format": "csv", **wrong}
    assert browser_of(owner).post("/reports/orders/mails/", data).status_code == 302
    assert not ReportSubscription.objects.exists()


def test_others_cannot_see_or_end_it_nor_ask_for_what_they_may_not(owner: User) -> None:
    subscription = subscribed(owner)
    view = subscription.view
    assert view is not None
    data = {"view": view.pk, "weekday": "0", "hour": "7", "format": "csv"}
    for group, status in (("Managers", 302), ("Accountants", 403), ("Dispatchers", 403)):
        other = browser_of(person(group, f"other {group}"))
        assert "Week" not in other.get("/reports/mails/").content.decode()
        assert other.post(f"/reports/mails/{subscription.pk}/delete/").status_code == 404
        assert other.post("/reports/orders/mails/", data).status_code == status
    assert browser_of(owner).post("/reports/nothing/mails/", data).status_code == 404
    assert browser_of(owner).get("/reports/orders/mails/").status_code == 405
    assert list(ReportSubscription.objects.all()) == [subscription]
