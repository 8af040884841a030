"""Notices: found by the worker and kept as rows, told to who may know, seen and put off by each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from backoffice.sync import retention
from backoffice.sync.models import Callback, Notice, NoticePreference, Push, RemoteState, Turn, Worker
from backoffice.sync.notices import kinds, watch
from backoffice.sync.notices.kinds import Kind, Trouble
from backoffice.sync.notices.reading import gone_for, mark_seen, open_for
from tests.sync.admin_pages import messages

pytestmark = pytest.mark.django_db

COUNT, PANEL, PAGE = "/admin/notices/count/", "/admin/notices/panel/", "/admin/notices/"
SEEN, PUT_OFF, SETTINGS = "/admin/notices/seen/", "/admin/notices/put-off/", "/admin/notices/settings/"


def refuse(count: int = 1) -> None:
    Push.objects.bulk_create(Push(entity="orders", object_id=n, state="refused") for n in range(count))


def member(group: str, name: str = "") -> User:
    user = User.objects.create_user(name or group, is_staff=True, email=f"{group}@example.com".lower())
    user.groups.add(Group.objects.get(name=group))
    return user


def browser(user: User, language: str = "en") -> Browser:
    made = Browser()
    made.force_login(user)
    made.cookies["django_language"] = language
    return made


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def found() -> Iterator[list[Trouble]]:
    """What a kind of this test finds."""
    troubles: list[Trouble] = []
    kind = Kind("test", "Test", ("sync.view_push",), lambda now: list(troubles), lambda p: f"{p['count']} of them")
    kinds.register(kind)
    yield troubles
    del kinds._kinds["test"]


def look(now: datetime) -> dict[str, Notice]:
    """A round of the worker; the open notices of the test's kind."""
    watch.watch(now, all_kinds=True)
    return {notice.key: notice for notice in Notice.objects.filter(kind="test", closed_at=None)}


# finding


def test_a_trouble_is_one_notice_while_it_lasts(found: list[Trouble], now: datetime) -> None:
    found.append(Trouble(url="/a/", count=3, since=now - timedelta(hours=2)))
    first = look(now)[""]
    assert (first.count, first.url, first.since, first.closed_at) == (3, "/a/", now - timedelta(hours=2), None)
    assert look(now + timedelta(minutes=1))[""].pk == first.pk
    found.clear()
    assert look(now + timedelta(minutes=2)) == {}
    first.refresh_from_db()
    assert first.closed_at == now + timedelta(minutes=2)


def test_what_comes_back_soon_is_the_same_and_later_another(found: list[Trouble], now: datetime) -> None:
    found.append(Trouble(url="/a/"))
    first = look(now)[""]
    found.clear()
    look(now + timedelta(minutes=1))
    found.append(Trouble(url="/a/"))
    again = look(now + timedelta(minutes=20))[""]
    assert (again.pk, again.changed_at, again.since) == (first.pk, now, now)
    found.clear()
    look(now + timedelta(minutes=21))
    found.append(Trouble(url="/a/"))
    assert look(now + timedelta(minutes=60))[""].pk != first.pk


def test_it_is_unseen_again_when_it_gets_worse_and_only_then(found: list[Trouble], now: datetime) -> None:
    user = member("Dispatchers")

    def rings(count: int, minute: int, *, is_grave: bool = False) -> bool:
        found[:] = [Trouble(url="/a/", count=count, is_grave=is_grave)]
        at = now + timedelta(minutes=minute)
        look(at)
        (shown,) = (each for each in open_for(user, at) if each.kind.name == "test")
        mark_seen(user, [shown], at + timedelta(seconds=1))
        return shown.rings

    heard = [rings(5, 0), rings(5, 1), rings(3, 2), rings(4, 3), rings(4, 4, is_grave=True), rings(4, 5, is_grave=True)]
    assert heard == [True, False, False, True, True, False]


def test_many_of_a_kind_are_cut_with_the_grave_ones_first(found: list[Trouble], now: datetime) -> None:
    found.extend(Trouble(url="/a/", key=str(n), is_grave=n == 40) for n in range(45))
    shown = look(now)
    assert len(shown) == watch.CAP + 1
    assert "40" in shown
    assert shown["more"].count == 45 - watch.CAP
    with translation.override("en"):
        assert kinds.get("test").describe(shown["more"].params) == "Test: 25 more"


def test_a_kind_that_fails_keeps_its_notices_and_is_told(found: list[Trouble], now: datetime, caplog: Any) -> None:
    found.append(Trouble(url="/a/"))
    assert list(look(now)) == [""]
    found.append(None)  # no trouble at all: the kind's own fault
    monkey = kinds.get("test")

    def fail(now: datetime) -> list[Trouble]:
        raise KeyError("broken")

    kinds._kinds["test"] = Kind("test", "Test", monkey.permissions, fail, monkey.text)
    assert list(look(now)) == [""]
    unwatched = Notice.objects.get(kind="unwatched")
    assert unwatched.key == "test"
    assert "broken" in unwatched.params["error"]
    assert "could not be looked for" in caplog.text
    kinds._kinds["test"] = Kind("test", "Test", monkey.permissions, lambda now: [], monkey.text)
    assert look(now) == {}
    assert not Notice.objects.filter(kind="unwatched", closed_at=None).exists()


def test_notices_of_a_kind_that_is_no_more_are_closed(now: datetime) -> None:
    Notice.objects.create(kind="forgotten", since=now)
    watch.watch(now)
    assert Notice.objects.get(kind="forgotten").closed_at == now


def test_a_round_a_minute_whatever_the_number_of_workers(now: datetime) -> None:
    refuse()
    assert watch.step("one") == 1
    refuse_more = Push.objects.create(entity="goods", object_id=1, state="unknown")
    assert (watch.step("two"), watch.step("one")) == (0, 0)
    with CaptureQueriesContext(connection) as queries:
        watch.step("one")
    assert len(queries) == 1  # twice a second, and no write
    Turn.objects.update(taken_at=0)
    assert watch.step("two") == 1
    assert Notice.objects.filter(kind=refuse_more.state, closed_at=None).count() == 1


def test_a_quiet_round_writes_nothing(now: datetime) -> None:
    refuse(3)
    watch.watch(now, all_kinds=True)
    with CaptureQueriesContext(connection) as queries:
        assert watch.watch(now + timedelta(minutes=1), all_kinds=True) == 0
    written = [q["sql"] for q in queries if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert all('SET "closed_at"' in sql for sql in written), written  # of what is no more, none
    assert Notice.objects.get(kind="refused").closed_at is None


def test_old_ones_go(now: datetime, settings: Any) -> None:
    long_ago = now - timedelta(days=settings.EXCHANGE_DAYS + 1)
    Notice.objects.create(kind="refused", since=long_ago, closed_at=long_ago)
    Notice.objects.create(kind="refused", since=long_ago, closed_at=now)
    Notice.objects.create(kind="refused", since=long_ago)
    retention.prune(60)
    assert Notice.objects.count() == 2


# the kinds of this app


def texts(user: User, language: str = "en") -> dict[str, str]:
    with translation.override(language):
        return {each.kind.name: each.text for each in open_for(user, timezone.now())}


def test_troubles_of_the_exchange(now: datetime, settings: Any, admin_user: User) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    refuse(2)
    Push.objects.create(entity="orders", object_id=9, state="unknown")
    Push.objects.create(entity="orders", object_id=10, state="queued", changed_at=now - timedelta(hours=2))
    Push.objects.create(entity="orders", object_id=11, state="queued")
    Callback.objects.create(kind="orders", body="{", digest="1", state="failed")
    Worker.objects.create(name="gone", beat_at=now - timedelta(minutes=10))
    Worker.objects.create(name="ended", beat_at=now - timedelta(minutes=10), stopped_at=now)
    watch.watch(now, all_kinds=True)
    assert texts(admin_user) == {
        "refused": "2 changes were refused",
        "unknown": "The answer to 1 command was lost: tell whether it was done",
        "stuck": "1 change waits for more than an hour to be sent",
        "callbacks": "1 callback of the last day could not be processed",
        "workers": "Worker gone ended without being stopped.",
    }
    RemoteState.objects.create(name="ireca", paused=True)
    watch.watch(now, all_kinds=True)
    assert texts(admin_user)["remotes"] == "The exchange with iRECA is paused."
    assert "stuck" not in texts(admin_user)  # the pause tells why


@pytest.mark.parametrize(
    ("block", "silent_minutes", "is_told"),
    [("down", 3, False), ("down", 10, True), ("limit", 10, False), ("config", 0, True)],
)
def test_a_remote_is_told_of_when_it_needs_a_person(
    settings: Any, now: datetime, block: str, silent_minutes: int, is_told: bool
) -> None:
    settings.IRECA_URL, settings.IRECA_TOKEN = "http://127.0.0.1:9/api/v1", "token"
    RemoteState.objects.create(name="ireca", block=block, last_ok_at=now - timedelta(minutes=silent_minutes))
    watch.watch(now)
    assert Notice.objects.filter(kind="remotes", is_grave=True).exists() is is_told


def test_each_reads_his_language(now: datetime, admin_user: User) -> None:
    refuse(5)
    watch.watch(now)
    assert texts(admin_user, "en")["refused"] == "5 changes were refused"
    assert texts(admin_user, "ru")["refused"] == "Отклонено 5 изменений"


# who is told


def test_nobody_is_told_what_he_may_not_see(now: datetime) -> None:
    refuse()
    Notice.objects.create(
        kind="conflicts",
        key="orders",
        since=now,
        params={"entity": "orders", "count": 1},
        permission="orders.view_order",
    )
    Notice.objects.create(
        kind="conflicts", key="goods", since=now, params={"entity": "goods", "count": 1}, permission="catalog.view_good"
    )
    Notice.objects.create(kind="refused", key="", since=now, closed_at=now, params={"count": 1})
    Notice.objects.create(kind="refused", since=now, params={"count": 1})
    accountant, dispatcher = member("Accountants"), member("Dispatchers")
    nobody = User.objects.create_user("nobody", is_staff=True)
    keys = lambda user: sorted((each.kind.name, each.notice.key) for each in open_for(user, now))  # noqa: E731
    assert keys(dispatcher) == [("conflicts", "goods"), ("conflicts", "orders"), ("refused", "")]
    assert keys(accountant) == [("conflicts", "orders")]
    assert keys(nobody) == []
    assert (len(gone_for(dispatcher)), len(gone_for(accountant))) == (1, 0)
    assert browser(accountant).get(COUNT).json()["count"] == 1
    page = browser(accountant).get(PAGE, {"gone": ""}).content.decode()
    assert "refused" not in page
    assert browser(accountant).post(PUT_OFF, {"kind": "refused", "span": "1h"}).status_code == 404
    browser(accountant).post(SEEN, {"notice": str(Notice.objects.get(kind="refused", closed_at=None).pk)})
    assert all(each.rings for each in open_for(accountant, now))


def test_strangers_are_told_nothing(now: datetime) -> None:
    refuse()
    watch.watch(now)
    stranger = User.objects.create_user("stranger")
    for visitor in (Browser(), browser(stranger)):
        answer = visitor.get(COUNT)
        assert (answer.status_code, answer.content) == (204, b"")
        for url in (PANEL, PAGE, SETTINGS):
            assert visitor.get(url)["Location"].startswith("/admin/login/")
        assert visitor.post(SEEN)["Location"].startswith("/admin/login/")


# the bell


def test_the_count_and_its_etag(now: datetime) -> None:
    refuse(2)
    watch.watch(now)
    user = member("Dispatchers")
    visitor = browser(user)
    answer = visitor.get(COUNT)
    assert answer.json() == {"count": 1, "isGrave": True, "newest": now.isoformat(), "text": "1 new notice"}
    assert visitor.get(COUNT, headers={"if-none-match": answer["ETag"]}).status_code == 304
    assert browser(user, "ru").get(COUNT)["ETag"] != answer["ETag"]
    assert "no-cache" in answer["Cache-Control"]
    assert visitor.post(SEEN, {}, headers={"x-bell": "1"}).status_code == 200
    assert visitor.get(COUNT, headers={"if-none-match": answer["ETag"]}).json()["count"] == 0


def test_the_count_costs_the_same_whatever_there_is(now: datetime) -> None:
    visitor = browser(member("Dispatchers"))

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert visitor.get(COUNT).status_code == 200
        return len(queries)

    refuse(1)
    watch.watch(now)
    few = cost()
    refuse(300)
    for n in range(15):
        Notice.objects.create(kind="schedules", key=str(n), since=now, params={"name": "x", "error": "", "count": 3})
    assert cost() == few <= 7


def test_a_page_pays_nothing_for_the_bell(now: datetime, admin_client: Browser) -> None:
    refuse()
    watch.watch(now)
    with CaptureQueriesContext(connection) as queries:
        page = admin_client.get("/admin/sync/push/").content.decode()
    assert 'id="bell"' in page
    assert not [q["sql"] for q in queries if "sync_notice" in q["sql"]]
    assert 'id="bell"' not in admin_client.get("/admin/sync/push/?_popup=1").content.decode()
    assert 'id="bell"' not in Browser().get("/admin/login/").content.decode()


def test_seen_is_what_was_shown(found: list[Trouble], now: datetime) -> None:
    user = member("Dispatchers")
    found.append(Trouble(url="/a/", key="shown"))
    look(now - timedelta(minutes=3))
    shown_at = now - timedelta(minutes=2)
    found.append(Trouble(url="/a/", key="came"))
    look(now - timedelta(minutes=1))
    browser(user).post(SEEN, {"at": shown_at.isoformat()})
    assert {each.notice.key: each.rings for each in open_for(user, now)} == {"shown": False, "came": True}
    browser(user).post(SEEN, {"at": "rubbish"})
    assert not any(each.rings for each in open_for(user, now))
    other = member("Managers")
    assert all(each.rings for each in open_for(other, now))


def test_marking_one(found: list[Trouble], now: datetime) -> None:
    user = member("Dispatchers")
    found.extend([Trouble(url="/a/", key="one"), Trouble(url="/a/", key="two")])
    one = look(now)["one"]
    answer = browser(user).post(SEEN, {"notice": str(one.pk), "next": "https://evil.example/"})
    assert answer["Location"] == PAGE
    assert {each.notice.key: each.rings for each in open_for(user, now)} == {"one": False, "two": True}


def test_a_kind_is_put_off_and_taken_back(now: datetime) -> None:
    refuse()
    watch.watch(now)
    user = member("Dispatchers")
    visitor = browser(user)
    visitor.post(PUT_OFF, {"kind": "refused", "span": "1h"})
    assert visitor.get(COUNT).json()["count"] == 0
    assert "Tell me again" in visitor.get(PAGE).content.decode()
    assert any(each.rings for each in open_for(user, now + timedelta(minutes=61)))
    visitor.post(PUT_OFF, {"kind": "refused"})
    assert visitor.get(COUNT).json()["count"] == 1


def test_the_panel_and_the_page(now: datetime) -> None:
    refuse(2)
    watch.watch(now)
    visitor = browser(member("Dispatchers"))
    for url in (PANEL, PAGE):
        page = visitor.get(url).content.decode()
        assert "2 changes were refused" in page
        assert "/admin/sync/push/?state=refused" in page
        assert "No worker is alive" in page
    Worker.objects.create(name="alive")
    assert "No worker is alive" not in visitor.get(PANEL).content.decode()
    Push.objects.all().delete()
    watch.watch(now + timedelta(minutes=1))
    assert "Nothing needs you now" in visitor.get(PANEL).content.decode()
    assert "2 changes were refused" in visitor.get(PAGE, {"gone": ""}).content.decode()


# what each one wants


def test_kinds_that_are_not_wanted(now: datetime) -> None:
    refuse()
    watch.watch(now)
    user = member("Dispatchers")
    visitor = browser(user)
    form = visitor.get(SETTINGS).context["form"]
    names = [name for name, _title in form.fields["kinds"].choices]
    assert "refused" in names
    assert "webhooks" not in names  # dispatchers may not see webhooks
    NoticePreference.objects.create(user=user, hidden=["webhooks"])
    answer = visitor.post(SETTINGS, {"kinds": [name for name in names if name != "refused"]}, follow=True)
    assert messages(answer) == ["Saved."]
    assert sorted(NoticePreference.objects.get(user=user).hidden) == ["refused", "webhooks"]
    assert visitor.get(COUNT).json()["count"] == 0
    assert "Changes that were refused" in visitor.get(PAGE).content.decode()
    assert visitor.post(SETTINGS, {"kinds": ["webhooks"]}).status_code == 200  # not his to choose
    user.user_permissions.add(Permission.objects.get(codename="view_webhook"))
    assert "webhooks" not in visitor.get(SETTINGS).context["form"].initial["kinds"]
