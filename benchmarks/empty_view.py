"""The product with one more address, `/empty`, whose view does nothing: what the server and the middleware cost."""

from __future__ import annotations

from backoffice.wsgi import application  # isort: skip  # first of all, for it sets Django up

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from backoffice import urls

__all__ = ["application"]


@csrf_exempt
def empty(request: HttpRequest) -> HttpResponse:
    """Answers as a callback is answered, having read as much."""
    len(request.body)
    return HttpResponse(status=201)


urls.urlpatterns.append(path("empty", empty))
