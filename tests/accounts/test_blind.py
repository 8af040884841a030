"""Whoever has every right but that to personal data finds no way around the masks: not by files, filters, orders of
lists, reports, maps, or pages that show what another side says.
"""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import models
from django.db.models import F
from django.http import QueryDict
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from backoffice.reports.access import Reader
from backoffice.reports.asked import Asked
from backoffice.reports.registry import REPORTS
from backoffice.sync import personal, tables
from backoffice.sync.admin.export import ExportMixin
from backoffice.sync.models import Exchange, ExportLog
from catalog.models import Good
from couriers.models import Courier, License, Location
from orders import plans
from orders.models import Client, Customer, DiscountCard, Line, Order, Origin, RoutePlan, SavedView
from orders.models.view import FINDS_PEOPLE
from orders.plans import Driver, Setup
from orders.virtpos.customers import held_by
from tests.reports.test_rights import content
from tests.sync.rows import make
from tests.transfer.pages import GOODS, checked, exported, run_of, upload

pytestmark = pytest.mark.django_db

FIRST, LAST, PHONE, STREET, MAIL = "Зинаида", "Необычайнова", "+79217776655", "Неповторимая", "zina@rare.example"
COMPANY, INDEX, BORN = "Редкостная", "170917", "1917-11-07"
ORDERS, CLIENTS = "/admin/orders/order/", "/admin/orders/client/"


@pytest.fixture
def blind(db: None) -> Browser:
    return browser_of(person("blind", without=personal.RIGHT))


def person(name: str, *, without: str = "") -> User:
    """Who has every right but one."""
    made = User.objects.create_user(name, is_staff=True, email=f"{name}@example.com")
    app, _dot, codename = without.partition(".")
    rights = Permission.objects.exclude(content_type__app_label=app, codename=codename)
    made.user_permissions.set(rights)
    assert rights.count() == Permission.objects.count() - bool(without)
    return made


def browser_of(user: User) -> Browser:
    made = Browser()
    made.force_login(user)
    return made


def client_of(**values: Any) -> Client:
    said = {
        "ireca_id": "17",
        "firstname": FIRST,
        "lastname": LAST,
        "title": COMPANY,
        "phone": PHONE,
        "email": MAIL,
        "birthday": date.fromisoformat(BORN),
        "address_street": STREET,
        "address_postindex": INDEX,
    }
    return Client.objects.create(**(said | values))


# files that come in

FILE = [["id", "Фамилия", "Телефон"], ["17", "Другая", "+79210000000"]]


def test_clients_and_orders_are_not_imported_into_masks(blind: Browser, admin_client: Browser) -> None:
    client_of()
    run = checked(admin_client, FILE, CLIENTS)
    assert LAST in str(run.shown)  # what was there before is in the preview
    for page in (CLIENTS, ORDERS):
        assert "import_url" not in blind.get(page).context
        assert blind.get(f"{page}import/").status_code == 403
        assert upload(blind, b"id;phone\n17;1", page=page).status_code == 403
        for address in ("", "failed/"):
            assert blind.get(f"{page}import/{run.pk}/{address}").status_code == 403
        assert blind.post(f"{page}import/{run.pk}/", {"step": "confirm"}).status_code == 403
    assert Client.objects.get().lastname == LAST


def test_what_has_no_masks_is_imported_all_the_same(blind: Browser) -> None:
    assert "import_url" in blind.get(GOODS).context
    run = run_of(upload(blind, "Артикул;Название\nA-1;Чай".encode()))
    assert blind.get(f"{GOODS}import/{run.pk}/").status_code == 200


# files that go out

PAGES = admin.site._registry.items()
EXPORTED = [model for model, page in PAGES if isinstance(page, ExportMixin) and model is not Location]  # closed to him


def telling(model: type[models.Model]) -> Any:
    """A row of which, and of all that it refers to, each personal column tells of somebody."""
    row = make(model)
    for each in apps.get_models():
        said = [field.name for field in each._meta.concrete_fields if isinstance(field, personal.SaidTextField)]
        if said:
            each._base_manager.update(**dict.fromkeys(said, f"{PHONE} is no phone"))
        if found := personal.names(each):
            fields = [each._meta.get_field(name) for name in found]
            each._base_manager.update(**{field.name: _of_somebody(field) for field in fields})
    return row


def _of_somebody(field: Any) -> Any:
    if isinstance(field, models.JSONField):
        return {"phone": PHONE}
    if isinstance(field, models.DecimalField):
        return Decimal("56.8586123")
    return date.fromisoformat(BORN) if isinstance(field, models.DateField) else PHONE


@pytest.mark.parametrize("model", EXPORTED, ids=[model._meta.label for model in EXPORTED])
def test_no_page_and_no_export_tells_of_anybody(model: Any, blind: Browser) -> None:
    row = telling(model)
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    texts = {"export": exported(blind, page, "csv").decode()}
    for address in ("", f"{row.pk}/change/", f"{row.pk}/history/", f"{row.pk}/delete/"):
        texts[address] = blind.get(f"{page}{address}", follow=True).content.decode()
    secrets = (PHONE, PHONE[1:], "56.8586", "56,8586", "1917")
    assert not [(address, told) for address, text in texts.items() for told in secrets if told in text]
    told = {column.name for column in tables.of(model).columns if column.personal}
    assert personal.names(model) & {column.name for column in tables.of(model).columns} <= told


def test_who_may_takes_them_out() -> None:
    telling(Client)
    assert PHONE in exported(browser_of(person("clerk")), CLIENTS, "csv").decode()


def test_what_was_agreed_with_a_register_service_is_in_no_file(admin_client: Browser) -> None:
    assert "agreed" not in [column.name for column in tables.of(Origin).columns]


# what was said and looked for


def test_what_stood_in_an_address_is_masked(blind: Browser, admin_client: Browser) -> None:
    said = Exchange.objects.create(remote="virtpos", method="GET", path="/customers/add", query=f"phone={PHONE}")
    log = ExportLog.objects.create(what="Clients", query=f"q={PHONE}", kind="csv")
    for page, row in (("/admin/sync/exchange/", said), ("/admin/sync/exportlog/", log)):
        for address in (page, f"{page}{row.pk}/change/"):
            assert PHONE not in blind.get(address).content.decode()
            assert PHONE in admin_client.get(address).content.decode()


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("sync/exchange", "query__contains"),
        ("sync/exchange", "request_body__contains"),
        ("sync/callback", "body__contains"),
        ("sync/push", "payload__icontains"),
        ("orders/client", "remote_data__icontains"),
        ("orders/client", "birthday"),
        ("orders/order", "sync_conflict__icontains"),
        ("orders/origin", "agreed__icontains"),
        ("partners/delivery", "payload__contains"),
    ],
)
def test_no_filter_of_an_address_asks_for_it(blind: Browser, page: str, lookup: str) -> None:
    answer = blind.get(f"/admin/{page}/?{lookup}={BORN}")
    assert answer.status_code == 400 or "e=1" in answer["Location"]


def test_a_day_of_birth_is_masked_and_kept(blind: Browser) -> None:
    client = client_of()
    page = f"{CLIENTS}{client.pk}/change/"
    form = blind.get(page)
    assert not [text for text in (BORN, "1917") if text in form.content.decode()]
    fields = form.context["adminform"].form
    said = {name: fields[name].value() or "" for name in fields.fields}
    assert blind.post(page, {**said, "address_city": "Тверь"}).status_code == 302
    kept = Client.objects.get()
    assert (kept.birthday, kept.address_city, kept.lastname) == (date.fromisoformat(BORN), "Тверь", LAST)
    assert kept.history.first().birthday == kept.birthday
    assert "1917" not in blind.get(f"{CLIENTS}{client.pk}/history/").content.decode()


# the order of rows


def test_no_order_tells_who_stands_before_whom(blind: Browser, admin_client: Browser) -> None:
    names = ["Б", "В", "А"]
    made = [client_of(lastname=name, phone="", ireca_id=name, remote_data={"lastname": name}) for name in names]
    as_made = [client.pk for client in made]

    def listed(browser: Browser, query: str = "") -> list[int]:
        return [row.pk for row in browser.get(f"{CLIENTS}{query}").context["cl"].result_list]

    assert listed(admin_client) == listed(admin_client, "?o=1") == [as_made[2], as_made[0], as_made[1]]
    assert listed(blind) == as_made
    for query in ("?o=1", "?o=-1", "?o=1.2"):
        assert listed(blind, query) == as_made
    found = blind.get("/admin/autocomplete/?app_label=orders&model_name=order&field_name=client&term=")
    assert [int(one["id"]) for one in found.json()["results"]] == as_made


@pytest.mark.parametrize(
    ("model", "by", "tells"),
    [
        (Client, "-lastname", True),
        (Client, "pk", False),
        (Order, "client", True),
        (Order, "client_id", False),
        (Order, "client__source", False),
        (Order, "-courier", False),
        (DiscountCard, "client__phone", True),
        (Order, F("phone").desc(), True),
    ],
)
def test_what_an_order_of_rows_tells(model: Any, by: Any, tells: bool) -> None:
    assert personal.is_sorted(model, by) is tells


LISTED = ("column-name", "column-title", "column-source")


@pytest.mark.parametrize(("browser", "is_sorted"), [("blind", False), ("admin_client", True)])
def test_no_header_offers_such_an_order(browser: str, is_sorted: bool, request: pytest.FixtureRequest) -> None:
    client_of()
    headers = request.getfixturevalue(browser).get(CLIENTS).context["cl"].headers
    said = {name: any(name in one["class_attrib"] and one["sortable"] for one in headers) for name in LISTED}
    assert said == {"column-name": is_sorted, "column-title": is_sorted, "column-source": True}


# what another side says


def test_nobody_settles_what_he_may_not_see(blind: Browser, admin_client: Browser) -> None:
    client = client_of(remote_data={"id": "17"}, sync_state="conflict", sync_conflict={"phone": "+7theirs"})
    page, asked = f"{CLIENTS}{client.pk}/", {"_selected_action": [client.pk]}
    for action in ("keep_ours", "take_theirs"):
        assert "+7theirs" in admin_client.post(CLIENTS, {"action": action, **asked}).content.decode()
        blind.post(CLIENTS, {"action": action, "confirmed": "1", **asked})
        assert "theirs" not in blind.post(CLIENTS, {"action": action, **asked}, follow=True).content.decode()
    assert Client.objects.get().sync_state == "conflict"
    assert "conflict/" not in blind.get(f"{page}change/").content.decode()
    assert blind.get(f"{page}conflict/").status_code == 403
    good = make(Good, sync_state="conflict", sync_conflict={"title": "Чай"})
    assert blind.get(f"{GOODS}{good.pk}/conflict/").status_code == 200


def test_nobody_is_told_what_a_register_service_says(blind: Browser, admin_client: Browser) -> None:
    order = make(Order)
    said = {"client_lastname": {"base": "", "theirs": LAST}, "phone": {"base": "", "theirs": PHONE}}
    Origin.objects.create(order=order, remote="bifit", key="1", sync_state="conflict", sync_conflict=said)
    page = f"{ORDERS}{order.pk}/register/conflict/"
    assert LAST in admin_client.get(page).content.decode()
    assert blind.get(page).status_code == 403
    assert blind.post(page, {"all": "theirs"}).status_code == 403
    assert page not in blind.get(f"{ORDERS}{order.pk}/change/").content.decode()


def test_nobody_is_told_what_virtpos_says(blind: Browser, admin_client: Browser) -> None:
    client = client_of()
    said = {"phone": {"base": "", "theirs": "+7theirs"}, "birthday": {"base": None, "theirs": BORN}}
    values = {"data": {"mname": "Отчествовна"}, "sync_state": "conflict", "sync_conflict": said}
    Customer.objects.create(client=client, key="1", **values)
    page = f"{CLIENTS}{client.pk}/"
    told = (PHONE, "theirs", BORN, "Отчествовна")
    assert [text for text in told if text in admin_client.get(f"{page}change/").content.decode()] == list(told)
    assert not [text for text in told if text in blind.get(f"{page}change/").content.decode()]
    assert blind.post(f"{page}virtpos/settle/", {"side": "theirs"}).status_code == 403


def test_who_saves_a_client_blindly_tells_virtpos_nothing_new(blind: Browser) -> None:
    client = client_of()
    Customer.objects.create(client=client, key="1", agreed=held_by(client))
    with personal.seen_by(User.objects.get(username="blind")):
        found = Client.objects.get()
        found.address_city = "Тверь"
        found.save()
    assert Customer.objects.get().sync_state == "clean"


# where people are


def test_where_couriers_stop_takes_both_rights(blind: Browser, admin_client: Browser) -> None:
    courier = make(License, is_open=True).courier
    place = {"latitude": Decimal("56.8586123"), "longitude": Decimal("35.9171456")}
    location = Location.objects.create(courier=courier, created_at=timezone.now(), **place)
    couriers, locations = "/admin/couriers/courier/", "/admin/couriers/location/"
    pages = [locations, f"{locations}{location.pk}/change/", f"{locations}export/", f"{couriers}map"]
    pages += [f"{couriers}map/positions/", f"{couriers}{courier.pk}/map", f"{couriers}{courier.pk}/track"]
    pages.append(f"{ORDERS}map/track/{courier.pk}/")
    for page in pages:
        assert admin_client.get(page, follow=True).status_code == 200, page
        assert blind.get(page, follow=True).status_code == 403, page
    assert "56.8586" in admin_client.get(f"{ORDERS}map/data/").content.decode()
    assert blind.get(f"{ORDERS}map/data/").json()["couriers"] == []
    assert blind.get(f"{couriers}{courier.pk}/delete/").status_code == 200
    for page in ("/admin/", f"{couriers}{courier.pk}/change/", f"{couriers}{courier.pk}/delete/"):
        text = blind.get(page).content.decode()
        assert not [told for told in ("56.8586", f'"{locations}"', f'"{couriers}map') if told in text], page
    day = f"/reports/couriers/{courier.pk}/{timezone.localdate()}/"
    assert "56.8586" in admin_client.get(day).content.decode()
    assert "56.8586" not in blind.get(day).content.decode()


def test_a_plan_that_was_made_blindly_is_whole_for_others(blind: Browser, admin_client: Browser) -> None:
    courier = make(Courier)
    moment = timezone.now() + timedelta(hours=2)
    window = {"delivery_time_from": moment, "delivery_time_to": moment + timedelta(hours=2)}
    place = {"to_latitude": Decimal("56.8586123"), "to_longitude": Decimal("35.9171456"), "to_street": STREET}
    order = Order.objects.create(number="A-1", **window, **place)
    plan = RoutePlan.objects.create(orders=[order.pk])
    driver = Driver(courier.pk, (56.8111111, 35.9111111), "shop", moment, moment + timedelta(hours=5), 9, None)
    with personal.seen_by(User.objects.get(username="blind")):
        plans.propose(plan, Setup(moment, 5, [driver]))
    page = f"/admin/orders/routeplan/{plan.pk}/change/"
    for browser, sees in ((blind, False), (admin_client, True)):
        text = json.dumps(browser.get(page).context["data"], ensure_ascii=False)
        assert [told in text for told in (STREET, "56.8586123", "56.8111111")] == [sees] * 3
        assert "56.86" in text or sees
    blind.post(f"/admin/orders/routeplan/{plan.pk}/accept/", {"version": RoutePlan.objects.get().version})
    assert Order.objects.get().courier == courier


# reports

YEARS = "since=2000-01-01&until=2100-01-01"
TOLD = (FIRST, LAST, PHONE, PHONE[1:], STREET, MAIL, COMPANY, INDEX)


@pytest.fixture
def order() -> Order:
    """One of which every report tells something, or could."""
    said = {"client_lastname": LAST, "client_firstname": FIRST, "phone": PHONE, "client_email": MAIL}
    address = {"to_city": "Тверь", "to_street": STREET, "to_line": STREET, "to_postindex": INDEX}
    moment = timezone.now()
    window = {"delivery_time_from": moment, "delivery_time_to": moment + timedelta(hours=2)}
    order = Order.objects.create(number="A-1", client=client_of(), **said, **address, **window)
    make(Line, order=order)
    return order


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_no_report_tells_of_anybody(report: Any, blind: Browser, order: Order) -> None:
    listed = "by=list" + "".join(f"&columns={column.name}" for column in report.columns)
    reader = Reader.of(User.objects.get(username="blind"))
    for query in (listed, *(f"by={each.name}" for each in report.dimensions)):
        # As the worker mails it, for whom no column is masked where it is read.
        table = Asked(report, reader, QueryDict(f"{YEARS}&{query}")).table()
        assert not [told for told in TOLD if told in str([*table.rows, *table.foot])], query
    telling = [f"by={each.name}" for each in report.dimensions if each.mask is not None or each.is_personal]
    for query in (listed, *telling, *(f"by=month&across={each[3:]}" for each in telling)):
        for address in ("", "export/csv/"):
            text = content(blind.get(f"/reports/{report.name}/{address}?{YEARS}&{query}"))
            assert not [told for told in TOLD if told in text], (address, query)
    assert not [column.name for column in report.columns if column.mask is not None and column.may_sort]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_no_filter_of_a_report_finds_people(report: Any) -> None:
    """A filter by a column of its own is judged here; one with a method says in PERSONAL what it looks for."""
    model = report.rows().model
    finds = {
        name for name, each in report.filters.base_filters.items() if personal.is_told(model, each.field_name or name)
    }
    assert finds <= set(report.filters.PERSONAL)


def test_postal_codes_are_for_who_sees_addresses(blind: Browser, admin_client: Browser, order: Order) -> None:
    page = f"/reports/quality/?{YEARS}"
    for query, title in (("&by=list&area=0", "A-1"), ("&by=list&postindex=0", "A-1")):
        assert title in content(blind.get(page + query))  # not asked
        assert title not in content(admin_client.get(page + query))
    assert 'value="area"' not in content(blind.get(page))
    grouped = content(admin_client.get(f"{page}&by=area"))
    assert INDEX in grouped
    content(admin_client.get(f"/reports/quality/export/csv/?{YEARS}&by=area"))
    assert ExportLog.objects.get().is_personal


# what others saved


def test_views_of_others_that_look_for_somebody_are_not_told(blind: Browser, admin_user: User) -> None:
    saved = {"list": "day=today", "looked": f"day=all&q={LAST}", "empty": "q=&day=today"}
    for title, query in saved.items():
        for page in ("orders", "report:orders"):
            SavedView.objects.create(page=page, title=title, query=query, owner=admin_user, is_shared=True)
    own = User.objects.get(username="blind")
    SavedView.objects.create(page="orders", title="own", query="q=A-1", owner=own)
    titles = {tab["title"] for tab in blind.get(ORDERS).context["tabs"]}
    assert {"list", "empty", "own"} <= titles
    assert "looked" not in titles
    assert {view.title for view in blind.get("/reports/orders/").context["views"]} == {"list", "empty"}
    seen = SavedView.objects.seen_by(None, "orders")
    assert "looked" in {view.title for view in seen}
    finds = {name for report in REPORTS for name in report.filters.PERSONAL}
    assert all(re.search(FINDS_PEOPLE, f"by=list&{name}=1") for name in finds)
