"""How much a request may bring, said before anything of it is read.

Django bounds what it keeps in memory; a file it would write to the disk to its end, whoever sends it.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase


class RequestLimitMiddleware:
    """Answers 413 to a request that says it is larger than MAX_REQUEST_BYTES. Without a length nothing of it is read:
    WSGI knows no other end.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length[:20]) > settings.MAX_REQUEST_BYTES:
            text = f"The request is larger than {settings.MAX_REQUEST_BYTES} bytes.\n"
            return HttpResponse(text, status=413, content_type="text/plain", headers={"Connection": "close"})
        return self.get_response(request)
