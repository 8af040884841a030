"""What a person can do with mirrored rows: send now, refresh, settle conflicts. Each tells what came of each object."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.sync import outbox, personal, pull
from backoffice.sync.admin.conflicts import ConflictsMixin
from backoffice.sync.admin.lists import tell
from backoffice.sync.enqueue import chunks
from backoffice.sync.mirrored import SyncState
from backoffice.sync.refresh import LIMIT, Outcome, Refreshed, Unavailable, refresh, unavailable

NAMES = 20  # objects named in one message


class SyncActionsMixin(ConflictsMixin):
    """The actions of `MirroredAdmin`. The same functions serve the list's menu and the buttons of the form."""

    @admin.action(description=gettext_lazy("Send now"), permissions=["change"])
    def send_now(self, request: HttpRequest, queryset: QuerySet) -> None:
        """What waits for its time and what was refused goes with the next round of the worker."""
        ids = list(queryset.order_by().values_list("pk", flat=True))
        count = sum(
            outbox.make_due(self.mirror.remote, [self.mirror.entity], object_id__in=batch) for batch in chunks(ids)
        )
        if count:
            text = ngettext("%(count)d object will be sent now.", "%(count)d objects will be sent now.", count)
            messages.success(request, text % {"count": count})
        if not count or count < len(ids):
            text = ngettext(
                "%(count)d object has nothing to send.", "%(count)d objects have nothing to send.", len(ids) - count
            )
            messages.info(request, text % {"count": len(ids) - count})
        if conflicts := list(queryset.filter(sync_state=SyncState.CONFLICT)[:NAMES]):
            messages.warning(request, _("Settle the conflict first: %(names)s") % {"names": _names(conflicts)})
        if why := unavailable(self.mirror.remote):
            messages.warning(request, _("%(why)s What is to be sent stays in the queue.") % {"why": why})

    @admin.action(description=gettext_lazy("Refresh from iRECA"), permissions=["change"])
    def refresh_from_ireca(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Read up to LIMIT objects at once; more than that become a pull in the background."""
        rows = list(queryset[: LIMIT + 1])
        if len(rows) > LIMIT:
            pull.request(self.mirror.entity, user=request.user)
            text = _("More than %(limit)d objects: all of them are read from iRECA in the background. See Pulls.")
            messages.info(request, text % {"limit": LIMIT})
            if why := unavailable(self.mirror.remote):
                messages.warning(request, why)
            return
        try:
            tell_refreshed(request, refresh(self.mirror, rows))
        except Unavailable as error:
            messages.error(request, str(error))

    @admin.action(description=gettext_lazy("Conflict: keep ours"), permissions=["settle"])
    def keep_ours(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self.settle_many(request, queryset, "ours", "keep_ours")

    @admin.action(description=gettext_lazy("Conflict: take iRECA's"), permissions=["settle"])
    def take_theirs(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        return self.settle_many(request, queryset, "theirs", "take_theirs")


def tell_refreshed(request: HttpRequest, results: Sequence[Refreshed]) -> None:
    """Messages that name every object under what came of it."""
    titles = {
        Outcome.CHANGED: (messages.SUCCESS, _("Changed")),
        Outcome.UNCHANGED: (messages.INFO, _("Unchanged")),
        Outcome.CONFLICT: (messages.WARNING, _("In conflict, a person must decide")),
        Outcome.ABSENT: (messages.WARNING, _("Not there at iRECA")),
        Outcome.FAILED: (messages.ERROR, _("Could not be read")),
    }
    for outcome, (level, title) in titles.items():
        found = [result for result in results if result.outcome is outcome]
        plain = [result.row for result in found if not result.text]
        lines = [f"{title}: {_names(plain, len(plain))}"] if plain else []
        lines += [f"{title}: {result.row}. {personal.said(result.text)}" for result in found if result.text]
        tell(request, level, lines)


def _names(rows: Iterable[Any], limit: int = NAMES) -> str:
    names = [str(row) for row in rows]
    return ", ".join(names[:limit]) + (" …" if len(names) > limit else "")
