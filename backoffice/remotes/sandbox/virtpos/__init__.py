"""VirtPos emulated from its document (seed 001): orders to fetch, customers and discount cards to write.

`Virtpos` is what tests and `control` hold; `service` answers requests, `records` and `cards` keep the data, `rendering`
spells them. Written from the document and not from our client, whose judge it is.
"""

from .rendering import Layout
from .service import SAMPLE_KEY, Virtpos

__all__ = ["SAMPLE_KEY", "Layout", "Virtpos"]
