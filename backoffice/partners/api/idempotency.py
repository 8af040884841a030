"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is carried out once.

The same key and request give the same answer; another request under that key, or one while the first is being carried
out, is answered 409. The answer is stored in the transaction of the change, so that a process that dies in between
leaves neither; the key is free again when its lease is over. Errors that may pass by themselves are not kept.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
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
LEASE = timedelta(minutes=2)
KEPT = timedelta(days=3)
PASSING = (401, 403, 408, 429, 500, 502, 503)


def once(request: Request, perform: Callable[[], Response]) -> Response:
    """Carry out `perform` in one transaction; with the header, once for its key."""
    key = request.headers.get(HEADER)
    if key is None:
        return whole(perform)
    if not key.strip() or len(key) > 255 or not key.isprintable():
        raise ApiError(400, _("%(header)s must have 1 to 255 printable characters.") % {"header": HEADER})
    claimed = _claim(request, key)
    if isinstance(claimed, Response):
        return claimed
    try:

        def perform_and_remember() -> Response:
            response = perform()
            _finish(claimed, response.status_code, _rendered(response.data))
            return response

        return whole(perform_and_remember)
    except ApiError as error:
        if error.status in PASSING or "Retry-After" in error.headers:
            _let_go(claimed)
        else:
            _finish(claimed, error.status, encoder.encode(error.body))
        raise
    except Exception:
        # Nothing was changed, whatever it was: the same request may be sent again at once.
        _let_go(claimed)
        raise


def _let_go(claimed: IdempotentRequest) -> None:
    """Free the key, unless another request has taken it over meanwhile."""
    IdempotentRequest.objects.filter(pk=claimed.pk, lease=claimed.lease, status_code=None).delete()


def whole(perform: Callable[[], Response]) -> Response:
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


def _claim(request: Request, key: str) -> IdempotentRequest | Response:
    source = source_of(request)
    fingerprint = _fingerprint(request)
    now = timezone.now()
    fresh = {"fingerprint": fingerprint, "lease": uuid.uuid4(), "lease_until": now + LEASE}
    try:
        with transaction.atomic():
            return IdempotentRequest.objects.create(source=source, key=key, **fresh)
    except IntegrityError:
        known = IdempotentRequest.objects.filter(source=source, key=key).first()
    if known is None:
        raise ApiError(409, _("A request with this key is being carried out."), headers={"Retry-After": "1"})
    if known.fingerprint != fingerprint:
        raise ApiError(409, _("This key was used for another request."))
    if known.status_code is not None:
        response = Response(known.body.encode() or None, status=known.status_code)
        response["Idempotent-Replayed"] = "true"
        return response
    # Whoever carried it out is gone: it has changed nothing.
    if IdempotentRequest.objects.filter(pk=known.pk, status_code=None, lease_until__lt=now).update(**fresh):
        known.refresh_from_db()
        return known
    raise ApiError(409, _("A request with this key is being carried out."), headers={"Retry-After": "1"})


def _fingerprint(request: Request) -> str:
    parts = [request.method or "", request.get_full_path(), hashlib.sha256(encoder.encode(request.data)).hexdigest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _finish(claimed: IdempotentRequest, status: int, body: bytes) -> None:
    mine = IdempotentRequest.objects.filter(pk=claimed.pk, lease=claimed.lease, status_code=None)
    if not mine.update(status_code=status, body=body.decode()):
        raise ApiError(409, _("A request with this key is being carried out."), headers={"Retry-After": "1"})


def old(before: datetime) -> Iterator[QuerySet[IdempotentRequest]]:
    """Keys that are too old to come again, for the worker to delete; sooner than what people look up."""
    yield IdempotentRequest.objects.filter(created_at__lt=max(before, timezone.now() - KEPT))
