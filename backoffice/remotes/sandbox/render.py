"""Records as the API answers them, with the types and the quirks of the document's examples.

Three forms differ for no reason that the document gives: one object (GET), a list (LIST) and a callback (CALLBACK).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .schema import Record
from .state import State
from .values import ZERO_GEO, money_text, number, number_id

GET, LIST, CALLBACK = "get", "list", "callback"

_EMPTY: dict[str, Any] = {}
# Which null of an order's header is printed as {} in which form: seed lines 492-535, 750-789, 1058-1099.
_EMPTY_HEADERS = {GET: (), LIST: ("returnReasonId", "frUsedPaymentId", "supplierId"), CALLBACK: ("supplierId",)}
_ADDRESS = ("postindex", "city", "street", "home", "apartment")


def _same(value: Any) -> Any:
    return value


# Attribute -> how its canonical value is printed, in the order of the examples.
CATALOGUE_FORMS: dict[str, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    "goods": (
        ("parentId", number_id), ("goodId", _same), ("article", _same), ("taxId", _same), ("calcId", _same),
        ("title", _same), ("unit", _same), ("weight", _same), ("multiplicity", number), ("price", number),
        ("description", _same), ("imageUrl", _same), ("imageBigUrl", _same), ("isActive", _same),
    ),
    "specificities": (
        ("parentId", number_id), ("specificityId", _same), ("title", _same), ("value", _same), ("price", number),
        ("imageUrl", _same), ("imageBigUrl", _same), ("isActive", _same), ("article", _same),
    ),
    "warehouses": tuple(
        (name, _same)
        for name in (
            "warehouseId", "title", "firstname", "lastname", "phone", "city", "street", "house", "apartment",
            "latitude", "longitude", "description", "updatedAt", "isActive",
        )
    ),
    "couriers": tuple(
        (name, _same)
        for name in ("courierId", "title", "email", "phone", "roleId", "sourcePassword", "inn", "updatedAt")
    ),
    "userRoles": (("roleId", number_id), ("title", _same), ("isActive", _same)),
    "clients": (
        ("clientId", number_id), ("title", _same), ("firstname", _same), ("lastname", _same), ("birthday", _same),
        ("addressEntity", _same), ("inn", _same), ("phone", _same), ("email", _same), ("description", _same),
        ("updatedAt", _same),
    ),
    "suppliers": tuple(
        (name, _same) for name in ("supplierId", "title", "taxId", "inn", "phone", "address", "description")
    ),
    "orderReturnReasons": (("reasonId", _same), ("title", _same), ("type", _same)),
    "paymentTypes": (("paymentTypeId", _same), ("title", _same), ("closeTypeId", _same), ("updatedAt", _same)),
    "taxes": (("taxId", _same), ("title", _same)),
}  # fmt: skip


def catalogue_row(entity: str, record: Record, form: str) -> Record:
    """One object of the catalogue or of a directory."""
    row = {name: printed(record.get(name)) for name, printed in CATALOGUE_FORMS[entity]}
    if entity == "goods" and record.get("warehouses"):
        row["warehouses"] = [
            {"warehouseId": stock["warehouseId"], "count": number(stock.get("count", "0"))}
            for stock in record["warehouses"]
        ]
    if entity == "clients":
        row["addressEntity"] = _client_address(record.get("addressEntity") or {}, form)
    return row


def _client_address(address: Record, form: str) -> Record:
    # Seven attributes for one client, four in the list: lines 2175-2183 and 2203-2208 (T58).
    if form == GET:
        return {
            **{name: address.get(name, "") for name in _ADDRESS},
            "latitude": address.get("latitude", ZERO_GEO),
            "longitude": address.get("longitude", ZERO_GEO),
        }
    return {name: address.get(name, "") for name in _ADDRESS if name != "postindex"}


def order_address(address: Record | None) -> Record:
    """addressFromEntity and addressToEntity are answered whole, blank when nothing was given."""
    address = address or _EMPTY
    return {
        **{name: address.get(name, "") for name in _ADDRESS},
        "latitude": address.get("latitude", ZERO_GEO),
        "longitude": address.get("longitude", ZERO_GEO),
    }


def order_row(state: State, order: Record, form: str) -> Record:
    """An order in the read form, its lines enriched from the catalogue; needs no lock, records do not change."""
    quirky = state.options.empty_objects
    listed = form == LIST

    def header(name: str, value: Any) -> Any:
        return {} if value is None and quirky and name in _EMPTY_HEADERS[form] else value

    courier = order["courierId"]
    row = {
        "codeAlias": order["codeAlias"],
        "orderId": number_id(order["orderId"]),
        "statusId": order["statusId"],
        "deliveryStatusId": order["deliveryStatusId"],
        "receiptStatusId": order["receiptStatusId"],
        "frReceiptStatusId": order["frReceiptStatusId"],
        "returnReasonId": header("returnReasonId", number_id(order["returnReasonId"])),
        "courierId": "" if courier is None else number_id(courier) if listed else courier,
        "clientId": number_id(order["clientId"]) if listed else order["clientId"],
        "paymentId": order["paymentId"],
        "originalPaymentId": number_id(order["originalPaymentId"]),
        "frUsedPaymentId": header("frUsedPaymentId", number_id(order["frUsedPaymentId"])),
        "client": dict(order["client"]),
        "amountToPay": money_text(order["amountToPay"]),
        "prePaymentSum": money_text(order["prePaymentSum"]),
        "cash": number(order["cash"]),
        "addressFrom": order["addressFrom"],
        "addressFromEntity": order_address(order["addressFromEntity"]),
        "addressTo": order["addressTo"],
        "addressToEntity": order_address(order["addressToEntity"]),
        "phone": order["phone"],
        "deliveryTimeFrom": order["deliveryTimeFrom"],
        "deliveryTimeTo": order["deliveryTimeTo"],
        "description": order["description"],
        "supplierId": header("supplierId", number_id(order["supplierId"])),
        # {} on the first line and null on the others, as in all three examples of the document.
        "goods": [
            _line(state, line, {} if quirky and not index else None) for index, line in enumerate(order["goods"])
        ],
        "payments": [_payment(payment) for payment in order["payments"]],
        "returnedOrder": _returned(order["returnedOrder"], state.options.returned_inside),
        "isAgreed": order["isAgreed"],
        "isRefund": order["isRefund"],
        "isReturned": order["isReturned"],
        "isEdited": order["isEdited"],
    }
    if order["returnedOrder"] and not state.options.returned_inside:
        row |= _returned_parts(order["returnedOrder"])
    return row


def _line(state: State, line: Record, null: Any) -> Record:
    good = state.store.get("goods", line["goodId"]) or _EMPTY
    reason = number_id(line["returnReasonId"])
    parent = number_id(good.get("parentId"))
    return {
        "returnReasonId": null if reason is None else reason,
        "count": number(line["count"]),
        "total": number(line["total"]),
        "discountTotal": number(line["discountTotal"]),
        "position": line["position"],
        "unit": line["unit"],
        "vedCode": line["vedCode"],
        "countryCode": line["countryCode"],
        "customDeclarationCode": line["customDeclarationCode"],
        "markValue": line["markValue"],
        "markBinaryValue": line["markBinaryValue"],
        "specificities": [_specificity(state, chosen, null) for chosen in line["specificities"]],
        "warehouses": [_warehouse(state, source) for source in line["warehouses"]],
        "canceledItems": [
            {**item, "returnReasonId": number_id(item["returnReasonId"]), "count": number(item["count"])}
            for item in line["canceledItems"]
        ],
        "parentId": null if parent is None else parent,
        "goodId": number_id(line["goodId"]),
        "article": good.get("article", ""),
        "taxId": line["taxId"],
        "calcId": str(good.get("calcId", 0)),
        "title": good.get("title", ""),
        "weight": line["weight"] if line["weight"] is not None else good.get("weight", "0"),
        "multiplicity": number(good.get("multiplicity", "1")),
        "price": number(line["price"]),
        "description": line["description"],
        "imageUrl": good.get("imageUrl", ""),
        "imageBigUrl": good.get("imageBigUrl", ""),
        "isActive": good.get("isActive", 1),
    }


def _specificity(state: State, chosen: Record, null: Any) -> Record:
    known = state.store.get("specificities", chosen["specificityId"]) or _EMPTY
    parent = number_id(known.get("parentId"))
    return {
        "count": number(chosen["count"]),
        # {} in every example, even on a line whose own nulls are real (seed line 578).
        "parentId": ({} if state.options.empty_objects else None) if parent is None else parent,
        "specificityId": chosen["specificityId"],
        "title": known.get("title", ""),
        "value": known.get("value", ""),
        "price": number(chosen["price"]),
        "imageUrl": known.get("imageUrl", ""),
        "imageBigUrl": known.get("imageBigUrl", ""),
        "isActive": known.get("isActive", 1),
        "article": known.get("article", ""),
    }


def _warehouse(state: State, source: Record) -> Record:
    known = state.store.get("warehouses", source["warehouseId"]) or _EMPTY
    described = {name: known.get(name, "") for name, _ in CATALOGUE_FORMS["warehouses"] if name != "warehouseId"}
    return {
        "warehouseId": source["warehouseId"],
        "count": number(source["count"]),
        "tookCount": number(source["tookCount"]),
        **described,
        "isActive": known.get("isActive", 1),
    }


def _payment(payment: Record) -> Record:
    return {**payment, "price": number(payment.get("price"))}


def _returned(returned: Record | None, inside: bool) -> Record | None:
    if returned is None:
        return None
    head = {
        "returnedOrderId": number_id(returned["returnedOrderId"]),
        "returnReasonId": number_id(returned["returnReasonId"]),
        "createdAt": returned["createdAt"],
    }
    return head | _returned_parts(returned) if inside else head


def _returned_parts(returned: Record) -> Record:
    return {
        "returnedPayments": [
            {**payment, "paymentId": number_id(payment["paymentId"]), "sum": number(payment["sum"])}
            for payment in returned["returnedPayments"]
        ],
        "returnedGoods": [
            {
                **good,
                "goodId": number_id(good["goodId"]),
                "returnReasonId": number_id(good["returnReasonId"]),
                "count": number(good["count"]),
                "sum": number(good["sum"]),
            }
            for good in returned["returnedGoods"]
        ],
    }
