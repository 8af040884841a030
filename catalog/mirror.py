"""The catalogue as iRECA has it: goods with their stock, characteristics, warehouses, suppliers."""

from typing import Any

from backoffice.remotes.ireca import contract
from backoffice.sync import bulk
from backoffice.sync.mirror import Field, Keys, Mirror, Owner, Parts, Reference, registry
from catalog.models import Good, Specificity, Stock, Supplier, Warehouse


@registry.register
class SupplierMirror(Mirror):
    entity, resource, rank = "suppliers", "suppliers", 1
    model, struct = Supplier, contract.Supplier
    created_in_cabinet_only = True
    fields = (
        Field("title"),
        Reference("tax_id", "tax"),
        Field("inn"),
        Field("phone"),
        Field("address"),
        Field("description"),
    )


@registry.register
class WarehouseMirror(Mirror):
    entity, resource, rank = "warehouses", "warehouses", 1
    model, struct = Warehouse, contract.Warehouse
    fields = (
        *(Field(name) for name in ("title", "firstname", "lastname", "phone", "city", "street", "house", "apartment")),
        Field("latitude"),
        Field("longitude"),
        Field("description"),
        Field("is_active"),
        Field("updated_at", "remote_updated_at", Owner.THEIRS),
    )


@registry.register
class SpecificityMirror(Mirror):
    entity, resource, rank = "specificities", "specificities", 1
    model, struct = Specificity, contract.Specificity
    fields = (
        Reference("parent_id", "parent"),
        *(Field(name) for name in ("title", "value", "price", "image_url", "image_big_url", "article", "is_active")),
    )


def stock_of(good: Good) -> list[contract.GoodStock]:
    return [contract.GoodStock(warehouse_id=row.warehouse.ireca_id, count=row.count) for row in good.stock.all()]


def announce_stock(stock: list[contract.GoodStock], keys: Keys) -> None:
    for item in stock:
        keys.want(Warehouse, item.warehouse_id)


def replace_stock(changes: list[tuple[Good, list[contract.GoodStock]]], keys: Keys) -> None:
    Stock.objects.filter(good__among=frozenset(good.pk for good, _ in changes)).delete()
    bulk.insert(
        Stock,
        [
            bulk.new(Stock, good_id=good.pk, warehouse_id=warehouse, count=item.count or 0)
            for good, stock in changes
            for warehouse, item in {keys.key(Warehouse, item.warehouse_id or None): item for item in stock}.items()
            if warehouse is not None
        ],
    )


@registry.register
class GoodMirror(Mirror):
    entity, resource, rank = "goods", "goods", 2
    model, struct = Good, contract.Good
    fields = (
        Field("article"),
        Reference("parent_id", "parent"),
        Reference("tax_id", "tax"),
        *(Field(name) for name in ("calc_id", "title", "unit", "weight", "multiplicity", "price", "description")),
        Field("image_url"),
        Field("image_big_url"),
        Parts("warehouses", build=stock_of, announce=announce_stock, replace=replace_stock),
        Field("is_active"),
    )

    def prefetch(self) -> tuple[Any, ...]:
        return ("stock__warehouse",)
