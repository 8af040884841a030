"""Whether iRECA, and with it the couriers, has an order as it is here: no document of the seed tells a partner that."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api.access import source_of
from backoffice.partners.api.filters import ChangedSince, IdsFilter
from backoffice.partners.api.operations import MOMENT, PAGE, TEXT, Operation, Plain, filters_of, values
from backoffice.partners.api.projection import WireMoment, number_or_text
from backoffice.partners.api.views import MOST, ApiView, filtered, page_of
from backoffice.partners.descriptions import NOTES, SUMMARIES
from backoffice.partners.descriptions.sync import SYNC
from backoffice.sync.mirrored import SyncState
from backoffice.sync.models import Push
from orders.api.resources import ORDERS, READ

# What somebody may have to do something about; an order that is kept here by intention waits for nobody.
OUT_OF_SYNC = (SyncState.PENDING, SyncState.FAILED, SyncState.CONFLICT)

SYNC_STATE = Plain(
    "SyncState",
    values(
        SYNC,
        orderId={"type": ["integer", "string"]},
        state={"type": "string", "enum": SyncState.values},
        reason=TEXT,
        updatedAt=MOMENT,
        syncedAt=MOMENT,
    ),
)


class StatesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """States: `failed` or `failed,conflict`."""

    wire_kind = "words"


class SyncFilters(ChangedSince):
    orderId = IdsFilter("external_id", lookup_expr="in")  # the wire's spelling
    state = StatesFilter("sync_state", lookup_expr="in", choices=SyncState.choices)


class SyncStatesView(ApiView):
    """Orders that iRECA does not have as they are here, and why; of those that are named, how they stand."""

    scopes = {"GET": READ}
    operations = {
        "GET": Operation(
            SUMMARIES["syncStates"],
            parameters=(*filters_of(SyncFilters), *PAGE),
            answers=(SYNC_STATE.many(),),
            fails=(400,),
            notes=(NOTES["syncStates"],),
        )
    }

    def get(self, request: Request) -> Response:
        rows = filtered(request, SyncFilters, ORDERS.writable.rows(source_of(request)))
        if not {"orderId", "state"} & request.query_params.keys():
            rows = rows.filter(sync_state__in=OUT_OF_SYNC)
        # Half a million rows are no list of trouble: who wants them all asks page by page.
        return Response(_states(rows.order_by("pk")[page_of(request) or slice(0, MOST)]))


def _states(orders: QuerySet[Any]) -> list[dict[str, Any]]:
    rows = list(
        orders.values_list(
            *("pk", "external_id", "sync_state", "sync_error"), WireMoment("updated_at"), WireMoment("synced_at")
        )
    )
    waiting = Push.objects.filter(entity=ORDERS.writable.mirror.entity, state=Push.State.WAITING)
    on_their_way = frozenset(pk for pk, _id, state, *_ in rows if state in (SyncState.PENDING, SyncState.CONFLICT))
    waits_for = dict(waiting.filter(object_id__among=on_their_way).values_list("object_id", "waits_for"))
    return [
        {
            "orderId": number_or_text(id_),
            "state": state,
            # What went wrong between us and iRECA is no partner's: we try again by ourselves.
            "reason": refused if state == SyncState.FAILED else waits_for.get(pk, ""),
            "updatedAt": updated,
            "syncedAt": synced,
        }
        for pk, id_, state, refused, updated, synced in rows
    ]
