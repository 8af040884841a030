"""Goods from files: what is new, changed, the same; what is wrong; nothing twice."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from backoffice.sync import lease, retention, worker
from backoffice.sync.models import Push
from backoffice.transfer import admin, running
from backoffice.transfer.models import FailedRow, Import, ImportFile
from catalog.models import Good, Stock, Warehouse
from fiscal.models import Tax
from tests.orders.builders import known
from tests.transfer.pages import GOODS, as_csv, as_xlsx, checked, counts, errors, imported, rows_of, run_of, upload

pytestmark = pytest.mark.django_db

FILE = [
    ["Артикул", "Наименование", "Цена", "НДС", "Ед. изм."],
    ["A-1", "Чай", "1 234,50", "НДС 20%", "шт"],
    ["A-2", "=1+1", "10", "НДС 20%", "шт"],
    ["A-3", "Мёд", "5,5 ₽", "", ""],
]


@pytest.fixture
def tax() -> Tax:
    return known(Tax, "20", title="НДС 20%")


def test_a_file_becomes_goods_that_leave_once(admin_client: Browser, tax: Tax) -> None:
    run = checked(admin_client, FILE)
    assert (run.state, counts(run)) == ("checked", (3, 0, 0, 0, 0))
    assert not Good.objects.exists()

    run = imported(admin_client, FILE)
    assert (run.state, counts(run)) == ("done", (3, 0, 0, 0, 0))
    tea = Good.objects.get(article="A-1")
    assert (tea.title, tea.price, tea.tax, tea.unit, tea.sync_state) == (
        "Чай",
        Decimal("1234.50"),
        tax,
        "шт",
        "pending",
    )
    assert Good.objects.get(article="A-2").title == "=1+1"
    assert Push.objects.filter(entity="goods").count() == 3
    version = tea.history.get()
    assert (version.history_type, version.history_user.username) == ("+", "admin")
    assert "file.csv" in version.history_change_reason
    assert not ImportFile.objects.filter(run=run).exists()

    before = list(Push.objects.values_list("change", flat=True))
    again = imported(admin_client, FILE)
    assert counts(again) == (0, 0, 3, 0, 0)
    assert again.state == "checked"  # there is nothing to confirm
    assert list(Push.objects.values_list("change", flat=True)) == before
    assert Good.history.count() == 3


def test_a_change_is_shown_by_column_and_writes_only_that(admin_client: Browser, tax: Tax) -> None:
    good = known(Good, "77", article="A-1", title="Чай", price=Decimal(10), unit="шт")
    known(Good, "78", article="A-2", title="Мёд", price=Decimal(5))
    run = checked(admin_client, [["Артикул", "Цена"], ["A-1", "12"], ["A-2", "5,00"]])

    [shown] = [item for item in run.shown if item["kind"] == "changed"]
    assert shown["changes"] == [["price", "10.00", "12.00"]]
    assert shown["key"] == ["article"]
    page = admin_client.get(f"{GOODS}import/{run.pk}/").content.decode()
    assert "10.00" in page
    assert "12.00" in page

    admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "confirm"})
    good.refresh_from_db()
    assert (good.price, good.title, good.unit) == (Decimal(12), "Чай", "шт")
    assert list(Push.objects.values_list("object_id", flat=True)) == [good.pk]
    assert good.history.first().history_type == "~"


def test_bad_rows_come_back_in_a_file_and_keep_no_good_one_out(admin_client: Browser, tax: Tax) -> None:
    rows = [
        ["Артикул", "Наименование", "Цена", "НДС", "Заметка"],
        ["A-1", "Чай", "дорого", "НДС 20%", "=note"],
        ["A-2", "Мёд", "5", "НДС 99%", ""],
        ["A-3", "Соль", "-1", "", ""],
        ["A-4", "", "1", "", ""],
        ["A-5", "Сахар", "1,005", "", ""],
        ["A-6", "Мука", "#N/A", "", ""],
        ["A-7", "Рис", "7", "НДС 20%", ""],
        ["A-7", "Рис ещё", "8", "", ""],
    ]
    run = imported(admin_client, rows)

    assert counts(run) == (1, 0, 0, 0, 7)
    assert list(Good.objects.values_list("article", flat=True)) == ["A-7"]
    found = errors(run)
    assert found[2] == "Цена: “дорого” — не число." or found[2].startswith("Цена: ")
    assert set(found) == {2, 3, 4, 5, 6, 7, 9}
    assert "НДС 99%" in found[3]

    answer = admin_client.get(f"{GOODS}import/{run.pk}/failed/")
    header, *failed = rows_of(b"".join(answer))
    assert header[:5] == rows[0]
    assert len(header) == 6
    assert failed[0][:5] == ["A-1", "Чай", "дорого", "НДС 20%", "=note"]
    assert all(row[5] for row in failed)

    for row in failed:
        row[1], row[2], row[3] = row[1] or "Новое имя", "3", None
        row[0] = "A-8" if row[0] == "A-7" else row[0]
    again = imported(admin_client, as_xlsx([header, *failed]))
    assert counts(again) == (7, 0, 0, 0, 0)
    assert Good.objects.count() == 8


def test_all_or_nothing(admin_client: Browser) -> None:
    rows = [["Артикул", "Наименование", "Цена"], ["A-1", "Чай", "1"], ["A-2", "Мёд", "много"]]
    run = imported(admin_client, rows, is_whole="on")

    assert run.state == "checked"
    assert not Good.objects.exists()

    run = imported(admin_client, [*rows[:2], ["A-2", "Мёд", "2"]], is_whole="on")
    assert (run.state, Good.objects.count()) == ("done", 2)


def test_what_changed_since_the_check_undoes_all_of_an_all_or_nothing(admin_client: Browser) -> None:
    rows = [["Артикул", "Наименование"], ["A-1", "Чай"], ["A-2", "Мёд"]]
    run = checked(admin_client, rows, is_whole="on")
    for title in ("one", "two"):
        known(Good, title, article="A-2", title=title)
    admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "confirm"})

    run.refresh_from_db()
    assert run.state == "failed"
    assert run.error
    assert Good.objects.count() == 2


def test_only_new_ones_or_only_those_that_are_here(admin_client: Browser) -> None:
    known(Good, "1", article="A-1", title="Чай")
    rows = [["Артикул", "Наименование"], ["A-1", "Чай зелёный"], ["A-2", "Мёд"]]

    assert counts(checked(admin_client, rows, mode="new")) == (1, 0, 0, 1, 0)
    assert counts(checked(admin_client, rows, mode="changed")) == (0, 1, 0, 1, 0)


def test_an_empty_cell_leaves_what_is_here_unless_it_is_to_clear_it(admin_client: Browser) -> None:
    good = known(Good, "1", article="A-1", title="Чай", unit="шт", price=Decimal(5))
    rows = [["Артикул", "Наименование", "Ед. изм.", "Цена"], ["A-1", "", "", ""]]

    assert counts(imported(admin_client, rows)) == (0, 0, 1, 0, 0)
    assert counts(imported(admin_client, rows, clears="on")) == (0, 1, 0, 0, 0)
    good.refresh_from_db()
    assert (good.title, good.unit, good.price) == ("Чай", "", None)


def test_how_a_row_finds_its_good(admin_client: Browser) -> None:
    known(Good, "77", article="A-1", title="Чай")
    known(Good, "78", article="A-1", title="Чай")
    known(Good, "79", article="", title="Соль")
    rows = [["id", "Артикул", "Наименование", "Цена"]]
    rows += [["77", "A-9", "", "5"], ["", "A-1", "Чай", "1"], ["", "", "Соль", "2"], ["80", "", "Мёд", "3"]]
    run = checked(admin_client, rows)

    assert counts(run) == (0, 2, 0, 0, 2)
    assert set(errors(run)) == {3, 5}
    # An article that nobody has is a new good, whatever its title.
    assert counts(checked(admin_client, [["Артикул", "Наименование"], ["A-5", "Соль"]])) == (1, 0, 0, 0, 0)


def test_a_good_without_an_article_is_found_by_its_barcode(admin_client: Browser) -> None:
    known(Good, "80", article="", barcode="4601234567893", title="Мёд", price=Decimal(5))
    run = imported(admin_client, [["Штрихкод", "Название", "Цена"], ["4601234567893", "Мёд", "7"]])
    assert counts(run) == (0, 1, 0, 0, 0)
    good = Good.objects.get()
    assert (good.barcode, good.price) == ("4601234567893", Decimal(7))


def test_a_choice_of_columns_is_remembered_and_shared(admin_client: Browser) -> None:
    rows = [["Колонка 1", "Что", "Артикул"], ["5", "Чай", "A-1"]]
    first = run_of(upload(admin_client, as_csv(rows)))
    assert first.mapping == ["", "", "article"]
    columns = {"column-0": "price", "column-1": "title", "column-2": "article"}
    admin_client.post(f"{GOODS}import/{first.pk}/", {"step": "mapping", **columns})

    assert run_of(upload(admin_client, as_csv(rows))).mapping == ["price", "title", "article"]


@pytest.mark.parametrize("columns", [{"column-0": "price"}, {"column-0": "article", "column-1": "article"}])
def test_a_choice_that_tells_no_row_or_says_one_twice_is_refused(admin_client: Browser, columns: dict) -> None:
    run = run_of(upload(admin_client, as_csv([["a", "b"], ["1", "2"]])))
    answer = admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "mapping", **columns}, follow=True)

    assert list(answer.context["messages"])
    run.refresh_from_db()
    assert run.state == "mapping"


def test_a_long_file_is_the_workers_and_goes_on_where_it_was_cut_off(
    admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "AT_ONCE", 0)
    monkeypatch.setattr(running, "CHUNK", 2)
    rows = [["Артикул", "Наименование"], *([f"A-{number}", f"Good {number}"] for number in range(7)), ["A-0", "twice"]]
    run = checked(admin_client, rows)
    assert run.state == "checking"
    assert "worker" in admin_client.get(f"{GOODS}import/{run.pk}/").content.decode()
    worker.drain(lease.owner())
    run.refresh_from_db()
    assert counts(run) == (7, 0, 0, 0, 1)
    admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "confirm"})

    save = running._save
    saves = []

    def dies(run: Import, values: dict) -> None:
        save(run, values)
        saves.append(run.read)
        if len(saves) == 3:
            raise running.Lost

    monkeypatch.setattr(running, "_save", dies)
    running.work("a:1:dying")
    assert 0 < Good.objects.count() < 7
    Import.objects.update(lease_owner="", lease_until=None)
    monkeypatch.setattr(running, "_save", save)
    running.work("a:1:next")

    run.refresh_from_db()
    assert (run.state, counts(run)) == ("done", (7, 0, 0, 0, 1))
    assert Good.objects.count() == 7
    assert Push.objects.count() == 7


def test_what_the_database_refuses_keeps_no_other_row_out(
    admin_client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = running.IMPORTS["goods"].write

    def refuses(items: list) -> None:
        if any(item.values["title"] == "bad" for item in items):
            raise ValueError("no")
        write(items)

    run = checked(admin_client, [["Артикул", "Наименование"], ["1", "a"], ["2", "bad"], ["3", "b"]])
    monkeypatch.setattr(running.IMPORTS["goods"], "write", refuses)
    admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "confirm"})

    run.refresh_from_db()
    assert counts(run) == (2, 0, 0, 0, 1)
    assert sorted(Good.objects.values_list("title", flat=True)) == ["a", "b"]
    assert FailedRow.objects.get(run=run).number == 3


def test_stock_is_set_by_article_and_warehouse(admin_client: Browser) -> None:
    good = known(Good, "1", article="A-1", title="Чай")
    main = known(Warehouse, "w1", title="Главный")
    rows = [["Артикул", "Склад", "Остаток"], ["A-1", "Главный", "5"], ["A-2", "Главный", "1"], ["A-1", "Нет", "1"]]
    page = "/admin/catalog/stock/"

    run = imported(admin_client, rows, page)
    assert counts(run) == (1, 0, 0, 0, 2)
    assert Stock.objects.get(good=good, warehouse=main).count == 5
    assert list(Push.objects.values_list("entity", "object_id")) == [("goods", good.pk)]
    assert counts(imported(admin_client, rows[:2], page)) == (0, 0, 1, 0, 0)


def test_warehouses(admin_client: Browser) -> None:
    rows = [["Название", "Город", "Широта", "Активен"], ["Главный", "Москва", "55,7522200", "нет"]]

    run = imported(admin_client, rows, "/admin/catalog/warehouse/")
    assert counts(run) == (1, 0, 0, 0, 0)
    warehouse = Warehouse.objects.get()
    assert (warehouse.city, warehouse.latitude, warehouse.is_active) == ("Москва", Decimal("55.75222"), False)


def test_what_nobody_confirms_goes(admin_client: Browser) -> None:
    run = checked(admin_client, [["Артикул", "Наименование"], ["1", "a"]])
    Import.objects.update(created_at=run.created_at - running.UNCONFIRMED * 2)
    retention.prune()

    assert not Import.objects.exists()
    assert not ImportFile.objects.exists()


def test_a_file_is_forgotten_when_it_is_cancelled(admin_client: Browser) -> None:
    run = checked(admin_client, [["Артикул", "Наименование"], ["1", "a"]])
    admin_client.post(f"{GOODS}import/{run.pk}/", {"step": "cancel"})

    assert not ImportFile.objects.exists()


def test_a_person_cannot_fill_the_disk(
    admin_client: Browser, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "UNCONFIRMED_AT_ONCE", 3)
    other = Import.objects.create(table="catalog.good", file_name="of another person")
    runs = [run_of(upload(admin_client, as_csv([["title"], [f"Tea {number}"]]))) for number in range(5)]
    kept = Import.objects.filter(user=admin_user)
    assert sorted(run.pk for run in kept) == [run.pk for run in runs[2:]]
    assert ImportFile.objects.count() == 3
    assert Import.objects.filter(pk=other.pk).exists()
