"""The catalogue as people exchange it in spreadsheets: goods, stock, warehouses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from backoffice.sync.cells import Cell, Code, Number, Reference, Whole, YesNo
from backoffice.sync.tables import Column
from backoffice.transfer.table import ImportTable, Item, Options, importable
from catalog.models import Good, Stock, Warehouse

ARTICLE = (
    "артикул товара",
    "арт",
    "sku",
    "код",
    "код товара",
    "vendor code",
)
BARCODE = ("штрихкод", "штрих-код", "штрих код", "ean", "ean13", "gtin")
TITLE = ("название", "наименование товара", "название товара", "товар", "номенклатура", "name", "product")
COUNT = ("кол-во", "остаток", "остатки", "в наличии", "quantity", "qty", "stock")
ACTIVE = ("активен", "активна", "is active", "включен")


def _id() -> Column:
    return Column("ireca_id", widget=Code(), locator=True, names=("id", "ид", "ireca"))


def _degrees(name: str) -> Column:
    return Column(name, widget=Number(10, digits=13), personal=False)


@importable
class Goods(ImportTable):
    """A good is found by its iRECA id, else by its article, by its barcode, and having none of them by its title."""

    name, model = "goods", Good
    keys = (("ireca_id",), ("article",), ("barcode",), ("title",))
    columns = (
        _id(),
        Column("article", widget=Code(), names=ARTICLE),
        Column("barcode", widget=Code(), names=BARCODE),
        Column("title", required=True, names=TITLE),
        Column("parent", widget=Reference(Good), names=("папка", "группа", "категория", "folder", "category", "group")),
        Column("price", widget=Number(2, smallest=0), names=("цена", "стоимость", "розничная цена", "cost")),
        Column("unit", names=("ед", "ед изм", "ед. изм.", "единица измерения")),
        Column("tax", widget=Reference(Good.tax.field.related_model), names=("ндс", "ставка ндс", "налог", "vat")),
        Column("calc_id", widget=Whole()),
        Column("weight", widget=Number(3, smallest=0), names=("масса", "вес кг")),
        Column("multiplicity", widget=Number(3, smallest=0), names=("кратность",)),
        Column("description", names=("комментарий",), personal=False),
        Column("image_url", names=("картинка", "фото", "photo", "picture")),
        Column("image_big_url"),
        Column("is_active", widget=YesNo(), names=ACTIVE),
    )


@importable
class Warehouses(ImportTable):
    """A warehouse is found by its iRECA id, else by its title."""

    name, model = "warehouses", Warehouse
    keys = (("ireca_id",), ("title",))
    columns = (
        _id(),
        Column("title", required=True, names=("склад", "название", "name", "warehouse")),
        Column("city"),
        Column("street"),
        Column("house", names=("номер дома",)),
        Column("apartment", names=("квартира",)),
        Column("firstname"),
        Column("lastname"),
        Column("phone", widget=Code(), names=("тел",)),
        _degrees("latitude"),
        _degrees("longitude"),
        Column("description", personal=False),
        Column("is_active", widget=YesNo(), names=ACTIVE),
    )


@importable
class Stocks(ImportTable):
    """How much of a good, found by its iRECA id or its article, a warehouse has."""

    name, model = "stock", Stock
    keys = (("good_id", "warehouse"), ("good_article", "warehouse"))
    columns = (
        Column("good__ireca_id", gettext_lazy("good's iRECA id"), Code(), name="good_id", locator=True, names=("id",)),
        Column("good__article", gettext_lazy("article"), Code(), name="good_article", locator=True, names=ARTICLE),
        Column("good__title", gettext_lazy("good"), Cell(), name="good_title", readonly=True, names=TITLE),
        Column("warehouse", widget=Reference(Warehouse), required=True, names=("склад",)),
        Column("count", widget=Number(3), required=True, names=COUNT),
    )

    def queryset(self) -> Any:
        return Stock.objects.select_related("good")

    def match(self, items: Sequence[Item], options: Options, *, lock: bool) -> None:
        super().match(items, options, lock=lock)
        new = [item for item in items if item.row is None and not item.errors]
        for name, attribute in (("good_id", "ireca_id"), ("good_article", "article")):
            texts = {item.values[name] for item in new if item.values.get(name) and "good" not in item.found}
            found = Reference(Good, (attribute,))
            keys = found.look_up(texts)
            for item in new:
                if (text := item.values.get(name)) and "good" not in item.found and not item.errors:
                    try:
                        item.found["good"] = found.chosen(text, keys)
                    except ValueError as error:
                        item.fail(str(error), name)

    def begin(self, item: Item) -> None:
        if not item.errors:
            item.row.good_id = item.found["good"]
