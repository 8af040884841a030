"""Couriers and quality: each figure counted a second time from the rows in Python; a courier's day; who may see it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import QueryDict
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from backoffice.remotes.ireca import contract
from backoffice.reports import days
from backoffice.reports.access import Reader
from backoffice.reports.asked import Asked
from backoffice.reports.models import CourierDay, ReaderSource
from backoffice.reports.registry import BY_NAME
from couriers.models import Courier, License, Location
from couriers.track import metres, track
from fiscal.models import RegistrarError
from orders.delivered import note_delivered
from orders.details import keep_status_changes
from orders.models import DeliveryStatus, Order, Payment
from tests.orders.builders import at, courier, order
from tests.reports.data import World

pytestmark = pytest.mark.django_db

ALL = "since=2000-01-01&until=2100-01-01"
DELIVERED = (DeliveryStatus.DELIVERED, DeliveryStatus.CLOSED)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def counted(name: str, user: User, query: str = "") -> dict[str, Any]:
    found = Asked(BY_NAME[name], Reader.of(user), QueryDict(f"{ALL}&{query}"))
    assert found.is_valid, found.filters.errors
    assert found.rows.count() == found.totals[found.report.figures[0].name]
    return found.totals


def seen(who: Courier, when: datetime, latitude: float = 55.75, longitude: float = 37.62) -> Location:
    return Location.objects.create(
        courier=who, created_at=when, latitude=Decimal(str(latitude)), longitude=Decimal(str(longitude)), accuracy=5
    )


# when and where an order was delivered


def test_the_first_delivery_counts_and_a_closing_only_without_one() -> None:
    rows = [order(nth) for nth in (1, 2, 3)]
    both, closed, neither = rows
    for status, hour, latitude in ((7, 9, None), (7, 8, None), (10, 10, 55.1), (9, 12, 55.3), (9, 11, 55.2)):
        both.status_changes.create(delivery_status=status, created_at=at(hour), latitude=latitude, longitude=37)
    closed.status_changes.create(delivery_status=10, created_at=at(10), latitude=55.1, longitude=37)
    neither.status_changes.create(delivery_status=9, created_at=None)
    note_delivered([row.pk for row in rows])
    for row in rows:
        row.refresh_from_db()
    assert (both.taken_at, both.delivered_at, both.delivered_latitude) == (at(8), at(11), Decimal("55.2"))
    assert (closed.taken_at, closed.delivered_at, closed.delivered_latitude) == (None, at(10), Decimal("55.1"))
    assert (neither.taken_at, neither.delivered_at) == (None, None)


def test_what_ireca_tells_of_changes_is_kept_on_the_order() -> None:
    row = order()
    told = [
        contract.StatusChange(delivery_status_id=7, created_at=at(9)),
        contract.StatusChange(delivery_status_id=9, created_at=at(10), latitude=Decimal("55.5"), longitude=Decimal(37)),
    ]
    assert keep_status_changes(row, told) == 2
    row.refresh_from_db()
    assert (row.taken_at, row.delivered_at, row.delivered_latitude) == (at(9), at(10), Decimal("55.5"))
    assert keep_status_changes(row, told) == 0


def _first(row: Order, *statuses: int) -> datetime | None:
    """When it was first changed to a state; to the next one, where there is no such change."""
    for status in statuses:
        told = [each.created_at for each in row.status_changes.all() if each.delivery_status == status]
        if times := [moment for moment in told if moment is not None]:
            return min(times)
    return None


@pytest.mark.parametrize("seed", [21, 22])
def test_outcomes_are_those_of_the_status_changes(seed: int, manager: User) -> None:
    World(seed, orders=80)
    rows = list(Order.objects.filter(is_refund=False).prefetch_related("status_changes"))
    done = [row for row in rows if row.delivery_status in DELIVERED]
    times = {row.pk: _first(row, *DELIVERED) for row in done}
    on_time = [row for row in done if (moment := times[row.pk]) and moment <= row.delivery_time_to]
    late = [row for row in done if (moment := times[row.pk]) and moment > row.delivery_time_to]
    ways = []
    for row in done:
        taken, moment = _first(row, DeliveryStatus.TAKEN), times[row.pk]
        if taken and moment and taken <= moment:
            ways.append(int(moment.timestamp()) - int(taken.timestamp()))
    assert on_time
    assert late
    assert ways
    for name in ("couriers", "quality"):
        found = counted(name, manager)
        assert found["delivered"] == len(done)
        assert found["on_time"] == len(on_time)
        assert found["late"] == len(late)
        assert found["untimed"] == len(done) - len(on_time) - len(late)
        assert found["on_time_share"] == Decimal(100) * len(on_time) / (len(on_time) + len(late))
        assert found["minutes"] == pytest.approx(sum(ways) / len(ways) / 60)
        assert found["cancelled"] == sum(row.delivery_status == DeliveryStatus.CANCELLED for row in rows)
        for outcome in ("delivered", "on_time", "late", "untimed", "cancelled"):
            assert counted(name, manager, f"outcome={outcome}")["orders"] == found[outcome], outcome
    paid = Payment.objects.filter(order__is_refund=False)
    cash = sum(payment.price for payment in paid if payment.payment_type and payment.payment_type.close_type == 1)
    found = counted("couriers", manager)
    assert found["cash"] == cash
    assert found["cash"] + found["cashless"] == sum(payment.price for payment in paid)


def test_the_last_second_of_a_window_is_on_time(manager: User) -> None:
    late, punctual = order(1, delivery_status=9), order(2, delivery_status=9)
    late.status_changes.create(delivery_status=9, created_at=at(12) + timedelta(seconds=1))
    punctual.status_changes.create(delivery_status=9, created_at=at(12))
    order(3, delivery_status=9)
    note_delivered([late.pk, punctual.pk])
    found = counted("quality", manager)
    assert [found[name] for name in ("on_time", "late", "untimed", "close")] == [1, 1, 1, 1]
    assert found["minutes"] is None


def test_nothing_delivered_has_no_average_and_no_share(manager: User) -> None:
    order(1)
    found = counted("couriers", manager)
    assert found["minutes"] is None
    assert found["on_time_share"] is None


def test_far_is_what_lies_further_than_asked(manager: User) -> None:
    World(23, orders=80)
    done = Order.objects.filter(is_refund=False, delivery_status__in=DELIVERED)
    ways = [
        metres(
            Location(latitude=row.delivered_latitude, longitude=row.delivered_longitude),
            Location(latitude=row.to_latitude, longitude=row.to_longitude),
        )
        for row in done.exclude(delivered_latitude=None).exclude(to_latitude=None)
    ]
    for said, beyond in (("", 300), ("50", 50), ("500", 500)):
        found = counted("quality", manager, f"beyond={said}")
        assert found["placed"] == len(ways)
        assert found["far"] == sum(way > beyond for way in ways) > 0
        assert counted("quality", manager, f"beyond={said}&outcome=far")["orders"] == found["far"]


@pytest.mark.parametrize("latitude", [0.5, 43.1, 55.75, 69.9])
@pytest.mark.parametrize(("north", "east"), [(0.0, 0.002), (0.003, -0.004), (0.2, 0.3), (-0.4, 0.1)])
def test_the_distance_of_the_database_is_that_of_the_earth(latitude: float, north: float, east: float) -> None:
    row = order(to_latitude=latitude, to_longitude=37.5)
    row.status_changes.create(delivery_status=9, created_at=at(10), latitude=latitude + north, longitude=37.5 + east)
    note_delivered([row.pk])
    exact = metres(
        Location(latitude=latitude, longitude=37.5), Location(latitude=latitude + north, longitude=37.5 + east)
    )
    away = BY_NAME["quality"].rows().values_list("away", flat=True).get()
    assert away == pytest.approx(exact, rel=0.01, abs=1)


def test_windows_at_risk_are_those_of_now(manager: User) -> None:
    now = timezone.now()
    for nth, minutes in enumerate((-5, 5, 29, 31), 1):
        order(nth, delivery_time_from=now - HOUR, delivery_time_to=now + minutes * MINUTE)
    order(9, delivery_time_from=now - HOUR, delivery_time_to=now + 5 * MINUTE, delivery_status=DeliveryStatus.CLOSED)
    order(10, delivery_time_from=now - HOUR, delivery_time_to=now - MINUTE, delivery_status=DeliveryStatus.DELIVERED)
    found = counted("quality", manager)
    assert (found["overdue"], found["ends_soon"]) == (1, 2)
    for outcome in ("overdue", "ends_soon", "close"):
        assert counted("quality", manager, f"outcome={outcome}")["orders"] == found[outcome]


# days of couriers


def session(who: Courier, start: datetime, end: datetime | None, **more: Any) -> License:
    return License.objects.create(
        device_id=f"{who.pk}-{start.isoformat()}",
        courier=who,
        session_start_at=start,
        session_finish_at=end,
        is_open=end is None,
        **more,
    )


def test_hours_on_shift_overlap_end_at_midnight_and_go_on_until_now() -> None:
    who = courier()
    midnight, now = at(0), at(14)
    session(who, at(22, -1), at(1))  # through the night
    session(who, at(9), at(11))
    session(who, at(10), at(12))  # a second device
    session(who, at(13), None)
    untold = session(who, at(5), at(6))
    License.objects.filter(pk=untold.pk).update(session_finish_at=None, seen_at=at(5) + 30 * MINUTE)
    assert days.shifts(who.pk, midnight, midnight + DAY, now) == [
        (midnight, at(1)),
        (at(5), at(5) + 30 * MINUTE),
        (at(9), at(12)),
        (at(13), now),
    ]
    assert days.shifts(who.pk, midnight - DAY, midnight, now) == [(at(22, -1), midnight)]


def test_a_day_is_counted_again_while_more_may_come_and_then_never() -> None:
    who = courier()
    now = timezone.now()
    today = timezone.localdate(now)
    start = at(0)
    seen(who, start + MINUTE)
    assert days.refresh(now) == 1
    assert days.refresh(now + MINUTE) == 0
    seen(who, start + 2 * MINUTE, 55.76)
    assert days.refresh(now + days.RECENT) == 1
    row = CourierDay.objects.get()
    assert (row.day, row.positions) == (today, 2)
    assert row.kilometres == round(Decimal(track(who, today).kilometres), 1) == Decimal("1.1")
    assert days.refresh(now + (days.SETTLED + 1) * DAY) == 0


def test_days_before_the_first_look_are_counted_backwards_once() -> None:
    who, other = courier(), courier("Petrov", "2")
    seen(who, at(10, -50))
    session(other, at(9, -30), at(17, -30))
    RegistrarError.objects.create(ireca_id="1", courier=who, command_executed_at=at(11, -20))
    keeper = days.Keeper()
    counted_days = []
    while keeper.step("test"):
        counted_days.append(CourierDay.objects.order_by("day").first())
    assert [(row.courier, row.registrar_errors, row.minutes_on_shift, row.positions) for row in counted_days] == [
        (who, 1, 0, 0),
        (other, 0, 480, 0),
        (who, 0, 0, 1),
    ]
    seen(who, at(10, -60))
    assert keeper.step("test") == 0  # it is asleep
    assert days.Keeper().step("test") == 1  # what came later is found by the next worker


def test_the_command_counts_days_again(capsys: pytest.CaptureFixture[str]) -> None:
    who = courier()
    seen(who, at(10, -9))
    day = (timezone.localdate() - 9 * DAY).isoformat()
    for positions in (1, 2):
        call_command("count_days", "--since", day, "--until", day)
        assert f"{day}: 1 couriers" in capsys.readouterr().out
        assert CourierDay.objects.get().positions == positions
        seen(who, at(10 + positions, -9))


# a courier's day


def opened(user: User, who: Courier, day: date | str, language: str = "en") -> Any:
    browser = Browser(headers={"accept-language": language})
    browser.force_login(user)
    return browser.get(reverse("courier-day", args=[who.pk, str(day)]))


def busy(who: Courier, nth: int = 1) -> Order:
    """An order of today that was delivered late, with positions before."""
    row = order(nth, courier=who, delivery_status=9, to_latitude=55.75, to_longitude=37.62)
    for status, moment in ((7, at(9)), (9, at(12) + 5 * MINUTE)):
        row.status_changes.create(delivery_status=status, created_at=moment, latitude=55.75, longitude=37.62)
    note_delivered([row.pk])
    return row


def test_a_day_shows_orders_shifts_and_the_way(manager: User) -> None:
    who = courier()
    row = busy(who)
    session(who, at(8), at(18))
    for minute in range(0, 30, 5):
        seen(who, at(9) + minute * MINUTE, 55.75 + minute / 1000)
    seen(who, at(11))
    page = opened(manager, who, timezone.localdate())
    assert page.status_code == 200
    lanes = {lane.title: lane for lane in page.context["lanes"]}
    assert lanes["On shift"].spans == [(at(8), at(18))]
    assert len(lanes["Positions"].bars) == 2
    assert lanes[str(row)].is_late
    assert [mark.text for mark in lanes[str(row)].marks] == ["Taken by the courier 09:00", "Delivered 12:05"]
    assert [text for _x, text in page.context["scale"].hours] == [f"{hour:02}:00" for hour in range(8, 19)]
    figures = {str(title): text for title, text in page.context["figures"]}
    assert (figures["Delivered"], figures["Delivered late"], figures["On shift"]) == ("1", "1", "10 h 0 min")
    assert page.context["data"]["points"]
    assert reverse("admin:orders_order_change", args=[row.pk]) in page.text


def test_the_figures_of_a_day_are_those_of_the_reports(manager: User) -> None:
    world = World(24)
    who = world.couriers[0]
    day = timezone.localdate() - DAY
    figures = {str(title): text for title, text in opened(manager, who, day).context["figures"]}
    query = f"courier={who.pk}&since={day}&until={day}"
    browser = Browser(headers={"accept-language": "en"})
    browser.force_login(manager)
    for name in ("couriers", "shifts"):
        page = browser.get(f"/reports/{name}/?{query}")
        shared = {str(f.title): text for f, text in page.context["figures"] if str(f.title) in figures}
        assert len(shared) >= 5
        assert {title: figures[title] for title in shared} == shared


def test_a_day_costs_the_same_however_much_happened(manager: User) -> None:
    who = courier()
    busy(who)
    opened(manager, who, timezone.localdate())

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert opened(manager, who, timezone.localdate()).status_code == 200
        return len(queries)

    few = cost()
    for nth in range(2, 12):
        busy(who, nth)
        session(who, at(8) + nth * MINUTE, at(18))
    assert cost() == few


def test_what_changed_on_a_day_of_another_is_told_apart(manager: User) -> None:
    who, today = courier(), timezone.localdate()
    busy(who)
    moved = busy(who, 2)
    Order.objects.filter(pk=moved.pk).update(delivery_time_from=at(9) - 7 * DAY, delivery_time_to=at(10) - 7 * DAY)
    page = opened(manager, who, today)
    assert (page.context["others"], page.context["next"]) == (1, None)
    figures = {str(title): text for title, text in page.context["figures"]}
    assert figures["Orders"] == "1"
    assert "1 more, of another day" in " ".join(page.text.split())
    assert f"{today - 7 * DAY:%d.%m.%Y} 09:00" in page.text
    assert opened(manager, who, today - DAY).context["next"] == today


def test_an_empty_day_a_day_to_come_and_a_wrong_one(manager: User) -> None:
    who = courier()
    assert opened(manager, who, "2020-02-29").status_code == 200
    assert opened(manager, who, timezone.localdate() + DAY).status_code == 200
    for wrong in ("2026-02-30", "yesterday", "0001-01-01"):
        assert opened(manager, who, wrong).status_code == 404
    who.pk = 0
    assert opened(manager, who, "2020-02-29").status_code == 404


def test_a_day_is_chosen_by_a_form(manager: User) -> None:
    who = courier()
    browser = Browser()
    browser.force_login(manager)
    chosen = browser.get(reverse("courier-days", args=[who.pk]), {"date": "2026-03-01"})
    assert chosen["Location"] == reverse("courier-day", args=[who.pk, "2026-03-01"])


def test_who_may_see_a_day(manager: User) -> None:
    world = World(25, orders=5)
    who, today = world.couriers[0], timezone.localdate()
    dispatcher = User.objects.create_user("dispatcher", is_staff=True)
    dispatcher.groups.add(Group.objects.get(name="Dispatchers"))
    assert opened(dispatcher, who, today).status_code == 200
    yesterday = opened(dispatcher, who, today - DAY)
    assert yesterday.status_code == 200
    assert yesterday.context["previous"] is None
    assert opened(dispatcher, who, today - 2 * DAY).status_code == 403
    accountant = User.objects.create_user("accountant", is_staff=True)
    accountant.groups.add(Group.objects.get(name="Accountants"))
    assert opened(accountant, who, today).status_code == 403
    ReaderSource.objects.create(user=manager, source=world.sources[0])
    assert opened(manager, who, today).status_code == 403
    browser = Browser()
    browser.force_login(manager)
    assert f"/reports/couriers/{who.pk}/" not in browser.get(f"/reports/couriers/?{ALL}&by=list").text


def test_who_sees_no_addresses_sees_no_map() -> None:
    who = courier()
    busy(who)
    analyst = User.objects.create_user("analyst", is_staff=True)
    analyst.user_permissions.set(
        Permission.objects.filter(codename__in=("view_orders", "all_sources", "all_periods", "view_location"))
    )
    page = opened(analyst, who, timezone.localdate())
    assert page.status_code == 200
    assert "data" not in page.context
    assert "Arbat" not in page.text
    assert "55.75" not in page.text


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2026-13-01", "argument --since: '2026-13-01': month must be in 1..12"),
        ("yesterday", "'yesterday' is no date"),
        ("0001-01-01", "'0001-01-01' is not in the years 2000 to 2199"),
        ("9999-12-31", "is not in the years 2000 to 2199"),
    ],
)
def test_the_command_takes_days_only(day: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("count_days", "--since", day)


def test_lists_lead_to_days(manager: User) -> None:
    who = courier()
    busy(who)
    seen(who, at(10))
    call_command("count_days")
    browser = Browser()
    browser.force_login(manager)
    address = reverse("courier-day", args=[who.pk, timezone.localdate().isoformat()])
    for name in ("couriers", "quality", "shifts"):
        assert f'href="{address}"' in browser.get(f"/reports/{name}/?by=list").text
