"""What requests and answers carry around the entities: query parameters and envelopes, under their wire names.

A parameter that names an object by its id (`orderId`, `goodId`) is described as that attribute of the entity is.
"""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from .common import ORDER, UTC, Described, at

PARAMETERS: Mapping[str, Described] = {
    # T04: the geo data alone have 1 in their example (47), all others 0
    "page": at(1247, _("Number of the page. The first page is `0`.")),
    "count": at(1248, _("How many elements a page has: 20 where only `page` is given, 500 at most.")),
    "createdAt": at(46, _("Only places of this moment or later."), UTC),
    "startedAt": at(1322, _("Only changes of this moment or later."), UTC),
    "entityId": at(1321, ORDER, _("Elsewhere it is called `orderId`.")),
    "isRefund": at(214, _("`1`: the orders of the body are refunds; each must say `isRefund: true`, too.")),
    "permissionId": at(
        2089, _("What is permitted, such as `registratorShiftOpen`. In bodies it is called `actionId`.")
    ),
}

ENVELOPES: Mapping[str, Described] = {
    "error": at(28, _("`true` in every answer that tells of an error.")),
    "message": at(28, _("What is wrong, for people.")),
    "orderIds": at(939, _("The orders to change, in your own numbering.")),
    "attributes": at(940, _("What to set in all of them: an object, with the attributes to change only.")),
    "url": at(1044, _("Where to post changes: a web address of yours. It must answer `201`, or it is asked again.")),
    "isActive": at(1045, _("`1`: post changes. `0`: do not.")),
    "items": at(1052, _("What has changed, each object whole, as a read by its id answers it.")),
}
