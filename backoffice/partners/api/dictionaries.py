"""The six dictionaries (seed 002:2737-2862): as iRECA told them, and until it has, as its document has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponseBase
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api.operations import Entries, Operation
from backoffice.partners.api.views import ApiView
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.sync.dictionaries import titles
from backoffice.values import whole_number

# The name of the code, that of the title, and the entries that the seed documents.
DOCUMENTED: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "orderStatuses": ("statusId", "title", {"0": "Не оплачен", "1": "Оплачен"}),
    "orderDeliveryStatuses": (
        "statusId",
        "title",
        {
            "6": "Подготовлен",
            "7": "Заказ взят курьером",
            "9": "Заказ доставлен",
            "10": "Заказ закрыт",
            "11": "Заказ отменен",
        },
    ),
    "closeTypes": ("closeTypeId", "title", {"1": "Наличные", "2": "Банковская карта"}),
    "taxTypes": ("", "title", {title: title for title in ("20%", "10%", "20%/120%", "10%/110%", "0%")}),
    "goodCalcTypes": ("calcId", "title", {"0": "Не используется", "1": "Товар, кроме подакцизного", "4": "Услуга"}),
    "permissions": (
        "permissionId",
        "description",
        {
            "registratorShiftOpen": "Открывает смену для ФР",
            "registratorShiftClose": "Закрывает смену ФР",
            "printCorrectionReceipt": "Печать чека коррекции",
            "changeSettings": "Изменение настроек приложения",
            "orderCancel": "Отмена заказа",
            "updateAddressTo": "Редактирование места расчетов",
            "cashIn": "Внесение наличных",
            "cashOut": "Изъятие наличных",
            "orderReport": "Отчет по заказу",
            "deliveredOrderItemUpdate": "Редактирование позиций доставленного заказа",
        },
    ),
}


LINES = {
    "orderStatuses": 2739,
    "orderDeliveryStatuses": 2754,
    "closeTypes": 2778,
    "taxTypes": 2793,
    "goodCalcTypes": 2806,
    "permissions": 2817,
}


class DictionaryView(ApiView):
    """`/dictionary/orderStatuses` and its like; any token may read them."""

    scopes = {"GET": ()}
    kind: ClassVar[str] = ""

    def operation(self, method: str) -> Operation | None:
        code, title, _documented = DOCUMENTED[self.kind]
        summary = SUMMARIES["dictionary/permissions" if self.kind == "permissions" else self.kind]
        return Operation(summary, LINES[self.kind], answers=(Entries(code, title),), notes=(NOTES["open"],))

    def get(self, request: Request) -> HttpResponseBase:
        code, title, documented = DOCUMENTED[self.kind]
        return Response([_entry(code, title, *entry) for entry in (titles(self.kind) or documented).items()])


urlpatterns = [
    path(f"dictionary/{kind}", DictionaryView.as_view(kind=kind), name=f"api-dictionary-{kind}") for kind in DOCUMENTED
]


def _entry(code: str, title: str, value: str, text: str) -> dict[str, Any]:
    if not code:
        return {title: text}
    number = whole_number(value)
    return {code: number if number is not None else value, title: text}
