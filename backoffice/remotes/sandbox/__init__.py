"""iRECA Courier emulated over HTTP on loopback, written from the document and not from our client, whose judge it is.

`Sandbox` is for tests, `serve` for a command; `control` tells how another process drives it. No Django here.
"""

from .couriers import Habits
from .sandbox import SAMPLE_TOKEN, Sandbox, serve

__all__ = ["SAMPLE_TOKEN", "Habits", "Sandbox", "serve"]
