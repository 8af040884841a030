"""Goods and their stock in the admin."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from backoffice.sync.models import Push
from catalog.models import Good, Stock, Warehouse
from tests.sync.admin_pages import loaded
from tests.sync.rows import make

pytestmark = pytest.mark.django_db


def test_changing_the_stock_sends_the_good(admin_client: Browser) -> None:
    good, warehouse = make(Good), make(Warehouse)
    stock = make(Stock, good=good, warehouse=warehouse, count=5)
    url = f"/admin/catalog/good/{good.pk}/change/"
    data = loaded(admin_client, url, "good_form")
    assert data["stock-0-warehouse"] == str(warehouse.pk)
    assert admin_client.post(url, data).status_code == 302
    assert not Push.objects.exists()
    assert admin_client.post(url, {**data, "stock-0-count": "7"}).status_code == 302
    stock.refresh_from_db()
    assert stock.count == 7
    assert [(push.entity, push.object_id) for push in Push.objects.all()] == [("goods", good.pk)]


def test_a_good_is_made_with_its_stock(admin_client: Browser) -> None:
    warehouse = make(Warehouse)
    data = loaded(admin_client, "/admin/catalog/good/add/", "good_form")
    more = {"title": "Bread", "price": "45.50", "stock-TOTAL_FORMS": "1"}
    line = {"stock-0-id": "", "stock-0-good": "", "stock-0-warehouse": warehouse.pk, "stock-0-count": "3"}
    assert admin_client.post("/admin/catalog/good/add/", {**data, **more, **line}).status_code == 302
    good = Good.objects.get()
    assert good.ireca_id
    assert good.stock.get().count == 3
    assert Push.objects.get().entity == "goods"


def test_goods_are_found_by_title_and_article(admin_client: Browser) -> None:
    good = make(Good, title="Rye bread", article="RB-17")
    make(Good, title="Milk", article="M-1")
    for term in ("bread", "RB-"):
        assert list(admin_client.get("/admin/catalog/good/", {"q": term}).context["cl"].result_list) == [good]
