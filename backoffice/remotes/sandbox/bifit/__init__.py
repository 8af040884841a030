"""BIFIT Kassa emulated from seed 000, on the same server as iRECA: orders, their rules, and the OAuth in front of them.

Written from the document and not from our client, whose judge it is.
"""

from .service import Bifit

__all__ = ["Bifit"]
