"""Goods as a tree: levels, the way back, everything inside a folder, no circles; stock without a query a row."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from backoffice.sync.models import Push
from catalog.admin.tree import chain, inside
from catalog.models import Good, Stock, Warehouse
from tests.sync.admin_pages import loaded
from tests.sync.rows import make

pytestmark = pytest.mark.django_db

GOODS = "/admin/catalog/good/"


@pytest.fixture
def tree() -> dict[str, Good]:
    """food > bread > rye, food > milk; soap."""
    food, soap = make(Good, title="Food", parent=None), make(Good, title="Soap", parent=None)
    bread, milk = make(Good, title="Bread", parent=food), make(Good, title="Milk", parent=food)
    rye = make(Good, title="Rye", parent=bread)
    return {"food": food, "soap": soap, "bread": bread, "milk": milk, "rye": rye}


def titles(browser: Browser, **params: Any) -> list[str]:
    return [good.title for good in browser.get(GOODS, params).context["cl"].result_list]


def move(browser: Browser, good: Good, parent: Good | None) -> Any:
    url = f"{GOODS}{good.pk}/change/"
    data = loaded(browser, url, "good_form")
    return browser.post(url, {**data, "parent": parent.pk if parent else ""})


def test_levels_are_walked_down_and_up(admin_client: Browser, tree: dict[str, Good]) -> None:
    assert titles(admin_client) == ["Bread", "Food", "Milk", "Rye", "Soap"]
    assert titles(admin_client, folder="top") == ["Food", "Soap"]
    assert titles(admin_client, folder=tree["food"].pk) == ["Bread", "Milk"]
    response = admin_client.get(GOODS, {"folder": tree["bread"].pk})
    assert [good.title for good, _url in response.context["cl"].tree["path"]] == ["Food", "Bread"]
    page = response.content.decode()
    assert f'href="{GOODS}?folder={tree["food"].pk}"' in page
    top = admin_client.get(GOODS, {"folder": "top"}, headers={"accept-language": "en"}).content.decode()
    assert f'href="{GOODS}?folder={tree["food"].pk}">2 goods</a>' in top


def test_everything_inside_a_folder(admin_client: Browser, tree: dict[str, Good]) -> None:
    assert titles(admin_client, parent__id__exact=tree["food"].pk) == ["Bread", "Milk", "Rye"]
    assert titles(admin_client, parent__id__exact=tree["food"].pk, q="ye") == ["Rye"]
    assert titles(admin_client, parent__id__exact=tree["soap"].pk) == []
    assert len(titles(admin_client, parent__id__exact="")) == 5


@pytest.mark.parametrize("params", [{"folder": "x"}, {"parent__id__exact": "x"}, {"folder": "-1"}])
def test_nonsense_is_no_error(admin_client: Browser, tree: dict[str, Good], params: dict[str, str]) -> None:
    assert admin_client.get(GOODS, params, follow=True).status_code == 200


@pytest.mark.parametrize(("moved", "into"), [("food", "food"), ("food", "bread"), ("food", "rye"), ("bread", "rye")])
def test_a_folder_is_not_moved_into_itself(admin_client: Browser, tree: dict[str, Good], moved: str, into: str) -> None:
    response = move(admin_client, tree[moved], tree[into])
    assert list(response.context["adminform"].form.errors) == ["parent"]
    before = tree[moved].parent_id
    tree[moved].refresh_from_db()
    assert tree[moved].parent_id == before
    assert not Push.objects.exists()


def test_a_folder_is_moved_elsewhere(admin_client: Browser, tree: dict[str, Good]) -> None:
    assert move(admin_client, tree["bread"], tree["soap"]).status_code == 302
    tree["bread"].refresh_from_db()
    assert tree["bread"].parent == tree["soap"]
    assert Push.objects.get().object_id == tree["bread"].pk
    assert move(admin_client, tree["bread"], None).status_code == 302


def test_a_circle_from_ireca_ends(admin_client: Browser, tree: dict[str, Good]) -> None:
    Good._base_manager.filter(pk=tree["food"].pk).update(parent=tree["rye"].pk)
    assert len(chain(tree["food"].pk)) == 3
    assert {good.title for good in inside(Good.objects.all(), tree["food"].pk)} == {"Food", "Bread", "Milk", "Rye"}
    assert titles(admin_client, folder=tree["food"].pk) == ["Bread", "Milk"]
    Push.objects.all().delete()
    assert move(admin_client, tree["food"], None).status_code == 302  # the way out of the circle


def test_the_stock_of_each_warehouse_is_in_the_list(admin_client: Browser, tree: dict[str, Good]) -> None:
    for title, count in (("South", "2.5"), ("North", "100")):
        make(Stock, good=tree["rye"], warehouse=make(Warehouse, title=title), count=count)
    page = admin_client.get(GOODS, headers={"accept-language": "en"}).content.decode()
    assert "<div>North: 100</div><div>South: 2.5</div>" in page


def test_a_level_costs_the_same_for_many_goods(admin_client: Browser) -> None:
    folder = make(Good, parent=None)
    warehouses = [make(Warehouse) for _ in range(3)]

    def add(number: int) -> None:
        for _ in range(number):
            good = make(Good, parent=folder)
            make(Good, parent=good)
            for warehouse in warehouses:
                make(Stock, good=good, warehouse=warehouse, count=1)

    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(GOODS, {"folder": folder.pk}).status_code == 200
        return len(captured)

    add(2)
    cost()
    few = cost()
    add(20)
    assert cost() == few
