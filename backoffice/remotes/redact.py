"""Secrets never reach the exchange log, an error text or a traceback.

Works on text, not on parsed JSON, because what must be masked may be malformed, cut short, or no JSON at all.
"""

import html
import re
from functools import lru_cache
from urllib.parse import quote, quote_plus

MASK = "***"

_KEYS = r"sourcePassword|source_password|password|access_token|refresh_token|client_secret|apikey|api_key|token"
_SCALAR = r""""(?:[^"\\]|\\.)*+(?:"|$)|'(?:[^'\\]|\\.)*+(?:'|$)|[^\s,}\]\[{]+"""
_PAIR = re.compile(rf'(["\'](?:{_KEYS})["\']\s*(?::|=>)\s*)(?:{_SCALAR})', re.IGNORECASE | re.DOTALL)
_QUERY = re.compile(rf"(\b(?:{_KEYS})=)[^&\s\"'<>]+", re.IGNORECASE)
_BEARER = re.compile(r"(\bBearer\s+)[^\s\"',;]+", re.IGNORECASE)
# Every pattern above needs one of these words; looking for them first makes a body of orders a hundred times cheaper.
_WORDS = ("password", "token", "secret", "apikey", "api_key", "bearer")
_SHORTEST_SECRET = 6


def redact(text: str, *secrets: str | None) -> str:
    """`text` with passwords, tokens and API keys masked: in JSON pairs, in query strings, after "Bearer".

    Each of `secrets` is masked wherever it stands, also as URLs and markup spell it; those shorter than six characters
    are not, for masking "1" would destroy the text and reveal more than it hides.
    """
    lowered = text.lower()
    if any(word in lowered for word in _WORDS):
        text = _BEARER.sub(rf"\g<1>{MASK}", _QUERY.sub(rf"\g<1>{MASK}", _PAIR.sub(rf'\g<1>"{MASK}"', text)))
    for secret in secrets:
        if secret and len(secret) >= _SHORTEST_SECRET:
            for spelling in _spellings(secret):
                text = text.replace(spelling, MASK)
    return text


@lru_cache(64)
def _spellings(secret: str) -> frozenset[str]:
    """A secret as it stands in text, in an address and in markup: for most secrets one and the same."""
    return frozenset((secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret)))
