"""`/api/` to start with, `/api/docs/` to read and try, `/api/schema/` for programs. Whoever can reach them may read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import path, reverse
from django.utils.translation import get_language, override
from django.views.generic import TemplateView
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backoffice.partners.openapi.document import document


class SchemaView(APIView):
    """The document as JSON, or as YAML where `Accept` or `?format=yaml` asks for it; `?lang=` is stronger than the
    browser's language.
    """

    schema = None
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()
    content_negotiation_class = DefaultContentNegotiation
    renderer_classes = (OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer)

    def get(self, request: Request) -> Response:
        asked = request.query_params.get("lang")
        with override(asked if asked in dict(settings.LANGUAGES) else get_language()):
            return Response(document())


class DocsView(TemplateView):
    """Swagger UI over the document; scripts and styles are our own files."""

    template_name = "partners/docs.html"


class StartView(TemplateView):
    """How to begin: from the token to the first order on its way."""

    template_name = "partners/start.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        api = self.request.build_absolute_uri(reverse("api-start")) + "v1"
        return super().get_context_data(api=api, **kwargs)


urlpatterns = [
    path("", StartView.as_view(), name="api-start"),
    path("docs/", DocsView.as_view(), name="api-docs"),
    path("schema/", SchemaView.as_view(), name="api-schema"),
]
