"""Who asks, from where, how often, and for what: token, network, rate and scope of every request."""

from __future__ import annotations

import time
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from backoffice.partners.api.errors import ApiError
from backoffice.partners.models import Source, Token
from backoffice.partners.models.token import digest

WINDOW = 60  # seconds


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer …` (seed 002:10). `request.auth` is the Token; there is no user."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Token] | None:
        words = get_authorization_header(request).split()
        if not words:
            return None
        if len(words) != 2 or words[0].lower() != b"bearer":
            raise AuthenticationFailed(_("The header must read: Authorization: Bearer TOKEN."))
        text = words[1].decode("latin-1")
        token = Token.objects.select_related("source").filter(digest=digest(text)).first()
        if token is None:
            raise AuthenticationFailed(_("The token is unknown."))
        if token.revoked_at is not None:
            raise AuthenticationFailed(_("The token was revoked."))
        if not token.is_valid:
            raise AuthenticationFailed(_("The token has expired."))
        if not token.source.is_active:
            raise AuthenticationFailed(_("The source of this token is switched off."))
        token.used()
        return AnonymousUser(), token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def source_of(request: Request) -> Source:
    """The partner that asks."""
    assert isinstance(request.auth, Token)
    return request.auth.source


def address_of(request: HttpRequest | Request) -> IPv4Address | IPv6Address | None:
    """Where a request comes from. What proxies say counts only as far as they are ours (TRUSTED_PROXIES)."""
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUSTED_PROXIES:
        told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        text = told[-settings.TRUSTED_PROXIES] if len(told) >= settings.TRUSTED_PROXIES else ""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class MayUseEndpoint(BasePermission):
    """The token's source has the scope that the view asks for by method, and asks from an allowed network."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Token):
            return False  # 401: the authentication class says how to ask
        source = request.auth.source
        if not source.allows(address_of(request)):
            raise ApiError(403, _("Requests from this address are not allowed."))
        method = "GET" if request.method == "HEAD" else request.method or ""
        needed = view.scopes.get(method)
        if needed is None:
            # One that there is not is answered 405; one that does not say its scopes is closed.
            return method.lower() not in view.http_method_names or not hasattr(view, method.lower())
        if needed and not source.may(needed):
            raise ApiError(403, _("This needs the scope %(scopes)s.") % {"scopes": _(" or ").join(needed)})
        return True


class SourceRate(BaseThrottle):
    """So many requests a minute for a source, whatever the endpoint: counted in the cache, in windows of a minute."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Token) or not request.auth.source.rate_limit:
            return True
        key = f"rate:{request.auth.source_id}:{int(time.time() // WINDOW)}"
        cache.add(key, 0, WINDOW * 2)
        try:
            return bool(cache.incr(key) <= request.auth.source.rate_limit)
        except ValueError:
            return True  # evicted between the two lines

    def wait(self) -> float:
        return WINDOW - time.time() % WINDOW
