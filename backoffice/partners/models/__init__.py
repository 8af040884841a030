"""Partners: where orders come from, how a partner proves who it is, and what it asked before."""

from backoffice.partners.models.idempotency import IdempotentRequest
from backoffice.partners.models.source import Scope, Source
from backoffice.partners.models.token import Token

__all__ = ["IdempotentRequest", "Scope", "Source", "Token"]
