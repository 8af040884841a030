"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is carried out once.

The same key and request give the same answer; another request under that key, or one while the first is being carried
out, is answered 409. The answer is stored in the transaction of the change, and so long is the key held: a process or a
machine that dies leaves neither, and the next request is carried out at once. A refusal is not stored: nothing was
done, and the request may come again under its key, mended or as it is.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from backoffice.partners.api.access import source_of
from backoffice.partners.api.errors import ApiError
from backoffice.partners.api.projection import encoder
from backoffice.partners.models import IdempotentRequest

log = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
KEPT = timedelta(days=3)
Answer = TypeVar("Answer")
REFUSED = 400  # and above


def once(request: Request, perform: Callable[[], Response]) -> Response:
    """Carry out `perform` in one transaction; with the header, once for its key."""
    key = request.headers.get(HEADER)
    if key is None:
        return whole(perform)
    if not key.strip() or len(key) > 255 or not key.isprintable():
        raise ApiError(400, _("%(header)s must have 1 to 255 printable characters.") % {"header": HEADER})
    asked = IdempotentRequest(source=source_of(request), key=key, fingerprint=_fingerprint(request))
    return whole(lambda: _answer(asked, perform))


def _answer(asked: IdempotentRequest, perform: Callable[[], Response]) -> Response:
    """The answer that the key has, or one that is made and remembered."""
    if (known := _answered(asked)) is not None:
        return known
    response = perform()
    _remember(asked, response.status_code, _rendered(response.data))
    return response


def whole(perform: Callable[[], Answer]) -> Answer:
    """Carry out `perform` in one transaction; once more where another request made the same row in this moment."""
    try:
        with transaction.atomic():
            return perform()
    except IntegrityError:
        pass  # now that row is there, and is found
    try:
        with transaction.atomic():
            return perform()
    except IntegrityError as error:
        log.warning("two requests, or one against the rules of a table: %s", error)
        text = _("Another request changes the same objects. Try again.")
        raise ApiError(409, text, headers={"Retry-After": "1"}) from error


def _rendered(data: Any) -> bytes:
    return b"" if data is None else data if isinstance(data, bytes) else encoder.encode(data)


def _answered(asked: IdempotentRequest) -> Response | None:
    """The answer that this key has; None when it has none, and then it is ours until the transaction ends."""
    if not _is_ours(asked):
        raise _at_it()
    known = IdempotentRequest.objects.filter(source=asked.source, key=asked.key).first()
    if known is None:
        return None
    if known.status_code is not None and known.status_code >= REFUSED:  # of a release before, which kept refusals
        known.delete()
        return None
    if known.fingerprint != asked.fingerprint:
        raise ApiError(409, _("This key was used for another request."))
    if known.status_code is None:  # of the release before, which kept what it had begun
        if known.lease_until > timezone.now():
            raise _at_it()
        known.delete()
        return None
    response = Response(known.body.encode() or None, status=known.status_code)
    response["Idempotent-Replayed"] = "true"
    return response


def _is_ours(asked: IdempotentRequest) -> bool:
    """Whether nobody else is carrying it out. On SQLite nobody is: one transaction writes at a time."""
    if connection.vendor != "postgresql":
        return True
    name = f"{asked.source_id}:{asked.key}"
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def _at_it() -> ApiError:
    return ApiError(409, _("A request with this key is being carried out."), headers={"Retry-After": "1"})


def _remember(asked: IdempotentRequest, status: int, body: bytes) -> None:
    asked.status_code, asked.body = status, body.decode()
    asked.lease, asked.lease_until = uuid.uuid4(), timezone.now()  # columns of the release before; the next has none
    asked.pk = None  # where it is carried out once more
    asked.save(force_insert=True)


def _fingerprint(request: Request) -> str:
    parts = [request.method or "", request.get_full_path(), hashlib.sha256(encoder.encode(request.data)).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def old(before: datetime) -> Iterator[QuerySet[IdempotentRequest]]:
    """Keys that are too old to come again, for the worker to delete; sooner than what people look up."""
    yield IdempotentRequest.objects.filter(created_at__lt=max(before, timezone.now() - KEPT))
