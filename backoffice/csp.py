"""The admin's content security policy: its front end evaluates Alpine expressions and styles elements inline.

No other page may but reports, which stand in the same frame. Scripts themselves come from our own host only, there as
everywhere.
"""

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

ADMIN_DIRECTIVES = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """django-csp's middleware, with the admin's needs granted to pages in the admin's frame only."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith((reverse("admin:index"), reverse("reports"))):
            parts.update = {**ADMIN_DIRECTIVES, **(parts.update or {})}
        return parts
