"""Endpoints of an entity: what the seed repeats for each of them, once.

    GET    /goods            all of them, or a page with `page` and `count`
    GET    /goods?goodId=    one; PUT changes it, DELETE deletes it (T07)
    POST   /goods            creates an array (201)
    POST   /goods/replace    creates or changes an array

`ApiView` is the base of every endpoint of `/api/v1/`, also of those that are no entity's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, ClassVar

from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.http import HttpResponseBase, HttpResponseNotModified, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.http import parse_etags, quote_etag
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backoffice.partners.api import errors, writing
from backoffice.partners.api.access import MayUseEndpoint, SourceRate, TokenAuthentication, source_of
from backoffice.partners.api.bodies import JsonParser, JsonRenderer
from backoffice.partners.api.errors import ApiError, bad_request, reworded
from backoffice.partners.api.idempotency import once, whole
from backoffice.partners.api.operations import Operation, Operations, of_entity, of_replace
from backoffice.partners.api.projection import Column, Projection
from backoffice.partners.api.writing import Writable
from backoffice.remotes.values import read_moment
from backoffice.values import whole_number

COUNT, MOST = 20, 500  # of a page: the seed's default and its maximum (48)
LIMITS = {"page": (0, 999_999_999), "count": (1, MOST)}

Scopes = Mapping[str, tuple[str, ...]]
ANY_TOKEN: Scopes = dict.fromkeys(("GET", "POST", "PUT", "DELETE"), ())


class ApiView(APIView):
    """An endpoint for partners. `scopes`: by method, of which scopes the source must have one; () is any token, and a
    method that is not named is closed.
    """

    authentication_classes = (TokenAuthentication,)
    permission_classes = (MayUseEndpoint,)
    throttle_classes = (SourceRate,)
    parser_classes = (JsonParser,)
    renderer_classes = (JsonRenderer,)
    http_method_names = ["get", "head", "post", "put", "delete"]
    scopes: ClassVar[Scopes] = {}
    operations: ClassVar[Operations] = {}

    def operation(self, method: str) -> Operation | None:
        """What the API's documentation tells of a method."""
        return self.operations.get(method)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            raise ApiError(411, _("Tell the length of the body: Content-Length."))
        self.check_query(request)

    def check_query(self, request: Request) -> None:
        """Refuse parameters that the method does not know, that are empty, or that come twice.

        Ignored, one of a list would give everything, and one of a change would change what nobody meant.
        """
        told = self.operation("GET" if request.method == "HEAD" else request.method or "")
        known = {parameter.name for parameter in told.parameters} if told is not None else None
        problems = []
        for name, values in request.query_params.lists():
            if any("\0" in text for text in (name, *values)):
                text = _("holds a character that no text has")
            elif known is not None and name not in known:
                text = _("is unknown")
            elif len(values) > 1:
                text = _("is given more than once")
            elif not values[0].strip():
                text = _("is empty: leave it out, or give it a value")
            else:
                continue
            problems.append(errors.Problem(None, name.replace("\0", "?"), text))
        if problems:
            raise ApiError(400, problems=sorted(problems, key=lambda problem: problem.field))

    def get_exception_handler(self) -> Callable[..., Response]:
        return errors.handler

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """There is one form of answer, whatever is asked for."""
        return JsonRenderer(), JsonRenderer.media_type

    @staticmethod
    def required(request: Request, name: str) -> str:
        """A query parameter that must be there."""
        value = request.query_params.get(name, "").strip()
        if not value:
            raise bad_request(name, _("is required"))
        return value


def moment_of(request: Request, name: str) -> datetime | None:
    """A moment in the query, UTC where it says no zone (T02); None where it is left out."""
    try:
        return read_moment(request.query_params.get(name) or None)
    except ValueError as error:
        raise bad_request(name, reworded(error)) from None


class NotFoundView(ApiView):
    """Every address that is no endpoint."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise ApiError(404, _("There is no such endpoint."))


def page_of(request: Request) -> slice | None:
    """The page that a request asks for with `page` (from 0) and `count`; None where it asks for everything (T04)."""
    asked = {name: request.query_params.get(name) for name in ("page", "count")}
    if all(value is None or value == "" for value in asked.values()):
        return None
    numbers = {"page": 0, "count": COUNT}
    for name, value in asked.items():
        if value:
            least, most = LIMITS[name]
            number = whole_number(value)
            if number is None or not least <= number <= most:
                text = _("must be a whole number from %(least)s to %(most)s")
                raise bad_request(name, text % {"least": least, "most": most})
            numbers[name] = number
    start = numbers["page"] * numbers["count"]
    return slice(start, start + numbers["count"])


def filtered(request: Request, filter_set: type[Any] | None, rows: QuerySet[Any]) -> QuerySet[Any]:
    """What the query asks for, by a FilterSet."""
    if filter_set is None:
        return rows
    chosen = filter_set(request.query_params, queryset=rows, request=request)
    if not chosen.is_valid():
        problems = [errors.Problem(None, name, str(text)) for name, texts in chosen.errors.items() for text in texts]
        raise ApiError(400, problems=problems)
    return chosen.qs


def listed(request: Request, projection: Projection, rows: QuerySet[Any]) -> HttpResponseBase:
    """A list: a page of it, or all of it, streamed at flat memory."""
    page = page_of(request)
    if page is None:
        pieces = projection.stream(rows)
        first = next(pieces)  # what fails at once is still an answer of ours
        return StreamingHttpResponse(chain([first], pieces), content_type=JsonRenderer.media_type)
    return Response([row for _key, row in projection.rows(rows.order_by("pk")[page])])


@dataclass(frozen=True)
class Resource:
    """An entity as partners see it: where its values are, and how it is written."""

    writable: Writable
    columns: Mapping[str, Column]
    read: tuple[str, ...]  # scopes, one of which is needed
    write: tuple[str, ...]
    filters: type[Any] | None = None  # a FilterSet
    written_as: int = 204  # what PUT and replace are answered; orders alone 201 (T10)
    projections: dict[str, Projection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        struct = self.writable.mirror.struct
        for form in struct.answers:
            self.projections[form] = Projection(self.writable.model, struct, form, self.columns)

    @property
    def id_parameter(self) -> str:
        return self.writable.mirror.wire(self.writable.mirror.key)


class EntityView(ApiView):
    """`/goods` and `/goods?goodId=`."""

    resource: Resource

    def operation(self, method: str) -> Operation | None:
        return of_entity(self.resource, method)

    def get(self, request: Request) -> HttpResponseBase:
        id_ = request.query_params.get(self.resource.id_parameter)
        rows = self.resource.writable.rows(source_of(request))
        if id_ is None or id_ == "":
            return self.list(request, filtered(request, self.resource.filters, rows))
        found = self.resource.projections["get"].one(rows.filter(**{self.resource.writable.id_column: id_}))
        if found is None:
            raise errors.not_found()
        return Response(found)

    def list(self, request: Request, rows: QuerySet[Any]) -> HttpResponseBase:
        if self.resource.writable.is_own:
            return listed(request, self.resource.projections["list"], rows)
        # What all share changes seldom and is asked for often: it is sent again only when it did.
        page_of(request)  # what is wrong is told in any case
        tag = _tag_of(rows)
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if tag in known or f"W/{tag}" in known or known == ["*"]:
            return HttpResponseNotModified(headers={"ETag": tag})
        response = listed(request, self.resource.projections["list"], rows)
        response.headers["ETag"] = tag
        return response

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.create(request))

    def create(self, request: Request) -> Response:
        writing.create(self.resource.writable, source_of(request), writing.elements(request.data))
        return Response(status=201)

    def put(self, request: Request) -> Response:
        id_ = self.required(request, self.resource.id_parameter)

        def perform() -> Response:
            writing.update(self.resource.writable, source_of(request), id_, request.data)
            return Response(status=self.resource.written_as)

        return whole(perform)

    def delete(self, request: Request) -> Response:
        id_ = self.required(request, self.resource.id_parameter)

        def perform() -> Response:
            writing.delete(self.resource.writable, source_of(request), id_)
            return Response(status=204)

        return whole(perform)


def _tag_of(rows: QuerySet[Any]) -> str:
    """What changes whenever one of the rows does, by one query.

    Of every row, not of the latest: a transaction may become visible after another whose moment is later.
    """
    moments = rows.order_by("pk").values_list("pk", Cast("updated_at", CharField()))
    return quote_etag(hashlib.sha256(repr(list(moments)).encode()).hexdigest()[:32])


class ReplaceView(ApiView):
    """`/goods/replace`."""

    resource: Resource

    def operation(self, method: str) -> Operation | None:
        return of_replace(self.resource)

    def post(self, request: Request) -> Response:
        return once(request, lambda: self.replace(request))

    def replace(self, request: Request) -> Response:
        writing.replace(self.resource.writable, source_of(request), writing.elements(request.data))
        return Response(status=self.resource.written_as)


def endpoints(path_: str, resource: Resource, view: type[EntityView] = EntityView) -> list[URLPattern]:
    """The addresses of an entity."""
    scopes = {
        "GET": resource.read, "HEAD": resource.read, "POST": resource.write, "PUT": resource.write,
        "DELETE": resource.write,
    }  # fmt: skip
    name = resource.writable.mirror.entity
    one: type[ApiView] = type(f"{name}View", (view,), {"resource": resource, "scopes": scopes})
    replacing: type[ApiView] = type(f"{name}ReplaceView", (ReplaceView,), {"resource": resource, "scopes": scopes})
    return [
        path(path_, one.as_view(), name=f"api-{path_}"),
        path(f"{path_}/replace", replacing.as_view(), name=f"api-{path_}-replace"),
    ]
