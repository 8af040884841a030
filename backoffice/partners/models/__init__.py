"""Partners: where orders come from, how a partner proves who it is, what it asked before, and what it is told."""

from backoffice.partners.models.idempotency import IdempotentRequest
from backoffice.partners.models.source import Scope, Source
from backoffice.partners.models.token import Token
from backoffice.partners.models.webhook import Delivery, Webhook

__all__ = ["Delivery", "IdempotentRequest", "Scope", "Source", "Token", "Webhook"]
