"""The six dictionaries (seed 002:2737-2862): as iRECA told them, and until it has, as its document has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api import errors
from backoffice.partners.api.views import ApiView
from backoffice.sync.dictionaries import titles

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


class DictionaryView(ApiView):
    """`/dictionary/orderStatuses` and its like; any token may read them."""

    scopes = {"GET": ()}

    def get(self, request: Request, kind: str) -> HttpResponseBase:
        if kind not in DOCUMENTED:
            raise errors.not_found()
        code, title, documented = DOCUMENTED[kind]
        return Response([_entry(code, title, *entry) for entry in (titles(kind) or documented).items()])


def _entry(code: str, title: str, value: str, text: str) -> dict[str, Any]:
    if not code:
        return {title: text}
    return {code: int(value) if value.isdecimal() else value, title: text}
