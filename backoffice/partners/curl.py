"""A line to paste into a terminal: the shortest way for a partner to see that a token works."""

from __future__ import annotations

from django.conf import settings

from backoffice.partners.models import Scope, Source

# The first list that a source may read. None needs more than a token.
LISTS = {
    Scope.ORDERS_READ: "orders?page=0&count=5",
    Scope.CLIENTS: "clients?page=0&count=5",
    Scope.CATALOGUE_READ: "goods?page=0&count=5",
    Scope.COURIERS: "couriers",
    Scope.LICENCES: "licenses",
    Scope.FISCAL: "fiscalRegistratorLogs?page=0&count=5",
}


def curl(source: Source, token: str) -> str:
    """The line with this token in it, for where the token itself is shown. Empty where the source may read nothing."""
    path = next((path for scope, path in LISTS.items() if source.may([scope])), "")
    if not path:
        return ""
    return f'curl -H "Authorization: Bearer {token}" "{settings.PUBLIC_URL}/api/v1/{path}"'
