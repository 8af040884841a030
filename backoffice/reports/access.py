"""Who may see what in reports.

Rights are permissions of `Reading`; whoever has rows of `ReaderSource` sees those sources and nothing else, and who has
neither them nor the right to all sources sees none: a partner's manager whose source is gone. Who has no
right to all periods sees his shift: yesterday, today and what is planned. Names, phones and addresses are masked for
who has no right to them, and such a person cannot search by them either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils import timezone

from backoffice import replica
from backoffice.reports.models import ReaderSource
from orders.conditions import day_start
from orders.models import SavedView

RIGHTS = ("view_orders", "view_fiscal", "view_sync")  # to open one report or another
SHIFT = timedelta(days=1)  # how far back who sees his shift only may look


@dataclass(frozen=True)
class Reader:
    """A person who asks. `sources` None: all of them; `since` None: all years."""

    user: Any
    sources: frozenset[int] | None
    since: date | None

    @classmethod
    def of(cls, user: AbstractBaseUser | AnonymousUser) -> Reader:
        """One query."""
        own = frozenset(ReaderSource.objects.filter(user=user.pk).values_list("source_id", flat=True))
        sources = None if not own and user.has_perm("reports.all_sources") else own  # type: ignore[union-attr]
        may_see_all = user.has_perm("reports.all_periods")  # type: ignore[union-attr]
        return cls(user, sources, None if may_see_all else timezone.localdate() - SHIFT)

    def may(self, right: str) -> bool:
        return self.user.has_perm(f"reports.{right}")

    @property
    def sees_personal(self) -> bool:
        return self.may("view_personal")

    @property
    def may_export(self) -> bool:
        return self.may("export")

    @property
    def may_share(self) -> bool:
        """Give others views. The name of a view of one partner is not for all."""
        return self.sources is None and self.user.has_perm("orders.add_savedview")

    def views(self, *pages: str) -> QuerySet[SavedView]:
        """One's own views, and those that are shared, which who sees some sources only is not told of."""
        found = SavedView.objects.seen_by(self.user.pk, *pages)
        return found if self.sources is None else found.filter(owner=self.user.pk)

    def sees_all_of(self, other: Reader) -> bool:
        """Whether there is nothing that the other may see and this one may not, in a report that both may open."""
        all_sources = self.sources is None or (other.sources is not None and other.sources <= self.sources)
        all_periods = self.since is None or (other.since is not None and other.since >= self.since)
        return all_sources and all_periods and (self.sees_personal or not other.sees_personal)

    def rows(self, source: str, time: str) -> Q:
        """The rows that are for this reader; `source` and `time` are lookups of the base row. An empty `source`: rows
        that belong to no source, which who sees some sources only does not see. An empty `time`: rows of no day.
        """
        found = Q()
        if self.sources is not None:
            found &= Q(**{f"{source}__in": self.sources}) if source else Q(pk__in=())
        if self.since is not None and time:
            found &= Q(**{f"{time}__gte": self.first_moment})
        return found

    @property
    def first_moment(self) -> datetime:
        assert self.since is not None
        return day_start(self.since)


def for_readers(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """A page for people who work here; the view gets the reader after the request. Which reports he may open, each of
    them says."""

    def answer(request: HttpRequest, reader: Reader, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with replica.reading() as source:
            response = view(request, reader, *args, **kwargs)
            if isinstance(response, TemplateResponse) and not response.is_rendered:
                if replica.is_set():
                    response.context_data = {**(response.context_data or {}), "read_from": source}
                response.render()  # here, where its queries go to the replica
        return response

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        reader = Reader.of(request.user)
        if not any(reader.may(right) for right in RIGHTS):
            raise PermissionDenied
        try:
            return answer(request, reader, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if request.method not in ("GET", "HEAD") or not replica.has_failed(error):
                raise
            return answer(request, reader, *args, **kwargs)

    return admin.site.admin_view(guarded)
