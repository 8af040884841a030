"""Lists as files: what the filters leave, for those who may, and back again unchanged."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice.secrets import EncryptedTextField
from backoffice.sync import tables
from backoffice.sync.admin.export import ExportMixin
from backoffice.sync.models import ExportLog, Push
from catalog.models import Good, Stock, Warehouse
from fiscal.models import Tax
from orders.models import Client
from tests.orders import builders
from tests.orders.builders import known
from tests.transfer.pages import GOODS, checked, counts, exported, rows_of

pytestmark = pytest.mark.django_db
ORDERS, CLIENTS = "/admin/orders/order/", "/admin/orders/client/"


def person(*names: str) -> Browser:
    user = User.objects.create_user("clerk", is_staff=True)
    for name in names:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    browser = Browser()
    browser.force_login(user)
    return browser


def odd_goods() -> None:
    tax = known(Tax, "20", title="НДС 20%")
    known(Tax, "21", title="НДС 20%")  # a title that does not tell it from others
    folder = known(Good, "f", title="Папка")
    known(Good, "1", article="007", title="=1+1", price=Decimal("10.50"), tax=tax, parent=folder, weight="0.125")
    known(Good, "2", article="4600000000000", title=" Чай\r\nзелёный ", price=None, unit="'шт", is_active=False)
    known(Good, "3", article="1.0", title="'+7", description="a\x0bb")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_goods_come_back_unchanged(admin_client: Browser, kind: str) -> None:
    odd_goods()
    data = exported(admin_client, GOODS, kind)

    run = checked(admin_client, data)
    assert counts(run) == (0, 0, 4, 0, 0), [item for item in run.shown if item["kind"] != "same"]
    assert not Push.objects.exists()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_orders_clients_warehouses_and_stock_come_back_unchanged(admin_client: Browser, kind: str) -> None:
    client = builders.client(phone="8 (916) 123-45-67", birthday="1980-02-01", address_latitude="55.7522200000")
    order = builders.order(1, client=client, courier=builders.courier(), status=5, description="=1", cash=Decimal(500))
    builders.with_lines(order, 3)
    builders.order(2, number="", delivery_time_to=None)
    builders.with_lines(builders.order(3, delivery_status=10), 1)
    main = known(Warehouse, "w1", title="Главный", latitude="59.9320000001")
    Stock.objects.create(good=Good.objects.first(), warehouse=main, count="1.5")
    Push.objects.all().delete()

    for page, same in ((ORDERS, 3), (CLIENTS, 1), ("/admin/catalog/warehouse/", 1), ("/admin/catalog/stock/", 1)):
        run = checked(admin_client, exported(admin_client, page, kind), page)
        assert counts(run) == (0, 0, same, 0, 0), (page, run.shown, list(run.failed.values_list("error", flat=True)))
    assert not Push.objects.exists()


def test_no_formula_leaves(admin_client: Browser) -> None:
    odd_goods()
    sheet = rows_of(exported(admin_client, GOODS))
    text = exported(admin_client, GOODS, "csv").decode("utf-8-sig")

    assert "=1+1" in {row[0]: row for row in sheet[1:]}["1"]  # as text: tests/test_spreadsheets.py
    assert "'=1+1" in text
    for row in csv.reader(io.StringIO(text), delimiter=";"):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


def test_a_file_is_what_the_list_shows(admin_client: Browser) -> None:
    for number in range(3):
        known(Good, str(number), title=f"Good {number}", article=f"A-{number}", is_active=number != 1)

    assert [row[0] for row in rows_of(exported(admin_client, GOODS, query="?is_active__exact=1"))[1:]] == ["0", "2"]
    assert [row[0] for row in rows_of(exported(admin_client, GOODS, query="?q=A-2"))[1:]] == ["2"]
    answer = admin_client.post(f"{GOODS}export/", {"kind": "xlsx", "column": ["title", "secret"]})
    assert rows_of(b"".join(answer))[1:] == [["Good 0"], ["Good 1"], ["Good 2"]]
    assert admin_client.get(f"{GOODS}export/?is_active__exact=nonsense").status_code == 200
    assert admin_client.post(f"{GOODS}export/", {"kind": "xlsx"}).status_code == 302
    assert admin_client.post(f"{GOODS}export/", {"kind": "exe", "column": "title"}).status_code == 404


def test_chosen_rows(admin_client: Browser) -> None:
    goods = [known(Good, str(number), title=f"Good {number}") for number in range(3)]
    chosen = [goods[0].pk, goods[2].pk]
    page = admin_client.post(GOODS, {"action": "export_selected", "_selected_action": chosen})

    ids = page.context["ids"]
    answer = admin_client.post(f"{GOODS}export/", {"kind": "xlsx", "column": "title", "ids": ids})
    assert rows_of(b"".join(answer))[1:] == [["Good 0"], ["Good 2"]]
    assert ExportLog.objects.get().row_count == 2


def test_an_export_is_logged_with_what_left(admin_client: Browser) -> None:
    builders.client(phone="+79161234567")
    exported(admin_client, CLIENTS, "csv", "?q=Petrov")
    log = ExportLog.objects.get()

    assert (log.user.username, log.kind, log.row_count, log.is_personal) == ("admin", "csv", 1, True)
    assert "q=Petrov" in log.query
    assert "phone" in log.columns
    assert admin_client.get("/admin/sync/exportlog/").status_code == 200

    admin_client.post(f"{GOODS}export/", {"kind": "csv", "column": "title"})  # and nobody reads it
    assert ExportLog.objects.latest("pk").row_count is None


def test_personal_data_ask_for_a_right_of_their_own() -> None:
    builders.client(phone="+79161234567")
    clerk = person("orders.view_client", "sync.export_lists")
    page = clerk.get(f"{CLIENTS}export/")
    names = {column.name for column in page.context["columns"]}
    assert not names & {"lastname", "firstname", "phone", "email", "address_city", "birthday", "inn"}
    answer = clerk.post(f"{CLIENTS}export/", {"kind": "csv", "column": ["phone", "ireca_id"]})
    assert "916" not in b"".join(answer).decode()

    orders = {column.name for column in tables.of(builders.order(1).__class__).columns if column.personal}
    assert {"client_lastname", "phone", "to_street", "client", "description"} <= orders


@pytest.mark.parametrize("rights", [(), ("catalog.view_good",), ("sync.export_lists",)])
def test_without_the_rights_there_is_no_file(rights: tuple[str, ...]) -> None:
    clerk = person(*rights)

    assert clerk.get(f"{GOODS}export/").status_code == 403
    assert clerk.post(f"{GOODS}export/", {"kind": "csv", "column": "title"}).status_code == 403
    if "catalog.view_good" in rights:
        assert "export/" not in clerk.get(GOODS).content.decode()
        assert clerk.get(f"{GOODS}import/").status_code == 403


def test_an_import_needs_both_rights() -> None:
    clerk = person("catalog.view_good", "catalog.change_good")

    assert clerk.get(f"{GOODS}import/").status_code == 403
    assert "import/" not in clerk.get(GOODS).content.decode()


def test_nothing_secret_is_in_any_table() -> None:
    for model in apps.get_models():
        names = {column.name for column in tables.of(model).columns}
        secret = {field.name for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)}
        assert not names & secret, model
        assert not any(tables.HIDDEN.search(name) for name in names), model


def test_every_list_can_be_exported(admin_client: Browser) -> None:
    builders.with_lines(builders.order(1), 1)
    for model, model_admin in admin.site._registry.items():
        if not isinstance(model_admin, ExportMixin):
            continue
        page = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        if tables.of(model).columns:
            assert rows_of(exported(admin_client, page)), model


def test_queries_do_not_grow_with_the_rows(admin_client: Browser) -> None:
    def queries(count: int) -> int:
        start = Client.objects.count()
        for number in range(start, start + count):
            client = builders.client(ireca_id=f"c{number}")
            builders.with_lines(builders.order(number, client=client), 2)
        with CaptureQueriesContext(connection) as captured:
            exported(admin_client, ORDERS)
        return len(captured)

    few = queries(2)
    assert queries(20) <= few
