"""The catalogue as partners see it: one for all of them (seed 002:1442-1897, 2286-2397)."""

from __future__ import annotations

from typing import Any

from backoffice.partners.api.filters import ChangedSince, FlagFilter, IdsFilter, TextFilter
from backoffice.partners.api.projection import Column, Nested, columns_of
from backoffice.partners.api.views import Resource, endpoints
from backoffice.partners.api.writing import PartsOf, Writable
from backoffice.partners.models import Scope
from backoffice.remotes.ireca import contract
from backoffice.sync.mirror import Field, Keys, Reference, registry
from catalog.mirror import replace_stock
from catalog.models import Good, Specificity, Stock, Supplier, Warehouse

STOCK = (Reference("warehouse_id", "warehouse"), Field("count"))


class ActiveFilters(ChangedSince):
    isActive = FlagFilter("is_active")  # the wire's spelling


class GoodFilters(ActiveFilters):
    article = TextFilter("article")
    parentId = IdsFilter("parent__ireca_id", lookup_expr="in")


def write_stock(changes: list[tuple[Good, list[contract.GoodStock]]], keys: Keys) -> None:
    replace_stock([(good, stock or []) for good, stock in changes], keys)


def _resource(model: type[Any], filters_: type[Any], parts: dict[str, PartsOf], **columns: Column) -> Resource:
    mirror = registry.for_model(model)
    assert mirror is not None, model
    return Resource(
        Writable(mirror, parts=parts),
        {mirror.key: "ireca_id", **columns_of(mirror.fields, model, {}), **columns},
        read=(Scope.CATALOGUE_READ,),
        write=(Scope.CATALOGUE_WRITE,),
        filters=filters_,
    )


GOODS = _resource(
    Good,
    GoodFilters,
    {"warehouses": PartsOf(write_stock, {(): (Stock, STOCK)})},
    warehouses=Nested(Stock, "good_id", "good", columns_of(STOCK, Stock, {})),
)

urlpatterns = [
    *endpoints("goods", GOODS),
    *endpoints("specificities", _resource(Specificity, ActiveFilters, {})),
    *endpoints("warehouses", _resource(Warehouse, ActiveFilters, {}, updated_at="updated_at")),
    *endpoints("suppliers", _resource(Supplier, ChangedSince, {})),
]
