"""Who may see what under `/reports/`: each group, and a partner's manager, who is to see nothing of others anywhere."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client as Browser
from openpyxl import load_workbook

from backoffice.partners.models import Source
from backoffice.reports.models import ReaderSource, ReportSubscription
from backoffice.reports.registry import MENU, REPORTS
from backoffice.sync.models import ExportLog
from catalog.models import Good, Stock, Supplier, Warehouse
from couriers.models import Courier
from fiscal.models import PaymentType, Receipt, RegistrarError
from orders.models import Client, Line, LineWarehouse, Order, ReturnReason, SavedView
from tests.orders.builders import known
from tests.reports.data import World

pytestmark = pytest.mark.django_db

YEAR = "since=2000-01-01&until=2100-01-01"
FOREIGN = "Foreign"
RIGHTS = {
    "Managers": {"view_orders", "view_fiscal", "view_sync"},
    "Accountants": {"view_fiscal"},
    "Dispatchers": {"view_orders"},
    "Partner managers": {"view_orders"},
}


def person(group: str, name: str = "person", *sources: Source) -> User:
    user = User.objects.create_user(name, email=f"{name}@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    ReaderSource.objects.bulk_create(ReaderSource(user=user, source=source) for source in sources)
    return user


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def content(answer: Any) -> str:
    if not answer.streaming:
        return answer.content.decode()
    data = b"".join(answer.streaming_content)
    if not data.startswith(b"PK"):
        return data.decode()
    book = load_workbook(io.BytesIO(data), read_only=True)
    return "\n".join(str(cell) for row in book.worksheets[0].iter_rows(values_only=True) for cell in row)


@pytest.fixture
def partner() -> User:
    """His source has some orders; another one has an order whose every word is foreign."""
    world = World(1, orders=10)
    Order.objects.update(source=world.sources[0])
    other = Source.objects.create(title=f"{FOREIGN} shop")
    good = known(Good, "f1", title=f"{FOREIGN} good", article=f"{FOREIGN}-1")
    warehouse = known(Warehouse, "f2", title=f"{FOREIGN} warehouse")
    Stock.objects.create(good=good, warehouse=warehouse, count=1)
    courier = known(Courier, "f3", title=f"{FOREIGN} courier")
    order = known(
        Order,
        "f4",
        number=f"{FOREIGN}-4",
        source=other,
        courier=courier,
        client=known(Client, "f5", lastname=f"{FOREIGN}ov", phone="+79990000001"),
        supplier=known(Supplier, "f6", title=f"{FOREIGN} supplier"),
        return_reason=known(ReturnReason, "f7", title=f"{FOREIGN} reason"),
        payment_type=known(PaymentType, "f8", title=f"{FOREIGN} money"),
        to_city=f"{FOREIGN} city",
        to_street=f"{FOREIGN} street",
        delivery_time_from=world.orders[0].delivery_time_from,
        delivery_time_to=world.orders[0].delivery_time_to,
        amount_to_pay=Decimal(7),
    )
    line = Line.objects.create(order=order, position=0, good=good, title=good.title, count=1, price=7, total=7)
    LineWarehouse.objects.create(line=line, warehouse=warehouse, count=1)
    at = world.orders[0].delivery_time_from
    Receipt.objects.create(order=order, serial_number=f"{FOREIGN}-SN", fn=f"{FOREIGN}-FN", date_time_receipt=at)
    RegistrarError.objects.create(ireca_id="f9", courier=courier, serial_number=f"{FOREIGN}-SN", command_executed_at=at)
    manager = person("Managers", f"{FOREIGN}er")
    for report in REPORTS:
        SavedView.objects.create(page=f"report:{report.name}", title=f"{FOREIGN} view", owner=manager, is_shared=True)
    return person("Partner managers", "partner", world.sources[0])


def test_who_sees_reports_and_no_lists_is_led_to_them() -> None:
    world = World(1, orders=3)
    page = browser_of(person("Partner managers", "partner", world.sources[0])).get("/admin/").content.decode()
    assert "permission to view or edit anything" not in page.replace("’", "'")
    main = page[page.index('id="pages"') :]
    assert 'href="/reports/' in main


@pytest.mark.parametrize("group", RIGHTS)
def test_each_group_sees_its_reports_and_no_others(group: str) -> None:
    world = World(1, orders=3)
    browser = browser_of(person(group, "person", *(world.sources[:1] if group == "Partner managers" else ())))
    may_export = group != "Dispatchers"
    seen = []
    for entry in MENU:
        belongs = getattr(entry, "source", "") or group != "Partner managers"
        expected = 200 if entry.right in RIGHTS[group] and belongs else 403
        assert browser.get(f"/reports/{entry.name}/").status_code == expected, entry.name
        seen += [entry.name] if expected == 200 else []
        for kind in ("csv", "xlsx"):
            status = expected if may_export else 403
            assert browser.get(f"/reports/{entry.name}/export/{kind}/").status_code == status, entry.name
        assert browser.post(f"/reports/{entry.name}/views/", {"title": "x"}).status_code == (
            302 if expected == 200 else 403
        )
    menu = browser.get("/reports/")
    assert [entry.name for entry, _views in menu.context["entries"]] == seen
    text = menu.content.decode()
    for entry in MENU:
        assert (f'"/reports/{entry.name}/"' in text) == (entry.name in seen), entry.name


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_partners_manager_sees_nothing_of_others(report: Any, partner: User) -> None:
    browser = browser_of(partner)
    everyone = browser_of(User.objects.get(username=f"{FOREIGN}er"))
    columns = "".join(f"&columns={column.name}" for column in report.columns)
    queries = [f"by=list{columns}", *(f"by={each.name}" for each in report.dimensions)]
    is_there = False  # something to be seen, by who may see it
    for query in queries:
        for address in ("", "export/csv/", "export/xlsx/"):
            page = f"/reports/{report.name}/{address}?{YEAR}&{query}"
            assert FOREIGN not in content(browser.get(page)), page
            is_there = is_there or FOREIGN in content(everyone.get(page))
    assert is_there


def test_a_partners_manager_sees_nothing_of_others_beside_reports(partner: User) -> None:
    browser = browser_of(partner)
    view = SavedView.objects.get(page="report:orders")
    foreign = Order.objects.get(ireca_id="f4")
    addresses = [
        ("/reports/", 200),
        ("/reports/mails/", 200),
        ("/admin/", 200),
        ("/admin/notices/", 200),
        ("/admin/orders/order/", 403),
        (f"/admin/orders/order/{foreign.pk}/change/", 403),
        ("/admin/couriers/courier/", 403),
        ("/admin/auth/user/", 403),
        ("/admin/sync/exportlog/", 403),
        ("/admin/reports/reportsubscription/", 403),
        ("/reports/cash/", 403),
        (f"/reports/cash/{foreign.courier_id}/", 403),
        ("/reports/cash/export/csv/", 403),
    ]
    for address, status in addresses:
        answer = browser.get(address)
        assert answer.status_code == status, address
        assert FOREIGN not in content(answer), address
    assert browser.post(f"/reports/orders/views/{view.pk}/delete/").status_code == 404
    browser.post("/reports/orders/mails/", {"view": view.pk, "weekday": "day", "hour": "8", "format": "csv"})
    assert not ReportSubscription.objects.exists()


def test_what_a_partners_manager_saves_is_his_alone(partner: User) -> None:
    partner.user_permissions.add(Permission.objects.get(codename="add_savedview"))
    browser_of(partner).post("/reports/orders/views/", {"title": "Mine", "query": "", "is_shared": "on"})
    assert not SavedView.objects.get(title="Mine").is_shared


def test_a_partners_manager_without_a_source_sees_nothing(partner: User) -> None:
    ReaderSource.objects.all().delete()
    page = browser_of(partner).get(f"/reports/orders/?{YEAR}&by=list")
    assert page.status_code == 200
    assert page.context["asked"].totals["orders"] == 0


def test_an_administrator_makes_a_partners_manager() -> None:
    world = World(1, orders=3)
    admin = browser_of(User.objects.create_superuser("admin", "", "x"))
    user = person("Partner managers")
    url = f"/admin/auth/user/{user.pk}/change/"
    form = admin.get(url).context["adminform"].form
    data: dict[str, Any] = {name: value for name, value in form.initial.items() if isinstance(value, str)}
    data |= {
        "is_active": "on",
        "is_staff": "on",
        "groups": [group.pk for group in user.groups.all()],
        "date_joined_0": "2026-01-01",
        "date_joined_1": "10:00:00",
    }
    name = admin.get(url).context["inline_admin_formsets"][0].formset.prefix
    rows = {"TOTAL_FORMS": 1, "INITIAL_FORMS": 0, "0-user": user.pk, "0-source": world.sources[1].pk}
    answer = admin.post(url, data | {f"{name}-{key}": value for key, value in rows.items()})
    assert answer.status_code == 302, answer.context["errors"]
    assert list(ReaderSource.objects.values_list("user", "source")) == [(user.pk, world.sources[1].pk)]
    assert admin.get("/admin/auth/user/add/").status_code == 200


# exports


def test_an_export_is_logged_with_its_rows(partner: User) -> None:
    browser = browser_of(partner)
    content(browser.get(f"/reports/orders/export/csv/?{YEAR}&by=list&columns=number&columns=phone"))
    (noted,) = ExportLog.objects.all()
    orders = Order.objects.exclude(ireca_id="f4").count()
    assert (noted.user, noted.row_count, noted.kind) == (partner, orders, "csv")
    assert noted.columns == ["number", "phone"]
    assert "since=2000-01-01" in noted.query
    assert not noted.is_personal  # his are masked
    partner.user_permissions.add(Permission.objects.get(codename="view_personal"))
    content(browser.get(f"/reports/orders/export/xlsx/?{YEAR}&by=list&columns=phone"))
    assert ExportLog.objects.latest("pk").is_personal


def test_an_export_that_is_cut_off_is_logged(partner: User) -> None:
    answer = browser_of(partner).get(f"/reports/orders/export/csv/?{YEAR}&by=list")
    next(iter(answer.streaming_content))
    (noted,) = ExportLog.objects.all()
    assert noted.row_count is None
    assert noted.user == partner


def test_managers_give_others_their_views(manager: User) -> None:
    browser = Browser()
    browser.force_login(manager)
    page = browser.get("/reports/orders/").content.decode()
    assert 'name="is_shared"' in page
