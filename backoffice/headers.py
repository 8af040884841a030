"""Headers of every answer that is not a file of ours: nobody keeps it, nobody embeds it, it uses nothing of a device.

Django's own middleware sets what stands against sniffing, framing and leaving referrers; the policy of content is in
`csp.py`.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Almost every page has somebody's name or a sum on it. A view that says otherwise is left alone.
DEFAULTS = {
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class HeadersMiddleware:
    """Stands behind whitenoise, which answers static files by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in DEFAULTS.items():
            response.headers.setdefault(name, value)
        return response
