"""The remotes emulated over HTTP on loopback, written from their documents and not from our clients, whose judge it is.

iRECA Courier is here, BIFIT Kassa in `bifit/`; one server answers for all.

`Sandbox` is for tests, `serve` for a command; `control` tells how another process drives it. No Django here.
"""

from .couriers import Habits
from .sandbox import SAMPLE_TOKEN, Sandbox, serve

__all__ = ["SAMPLE_TOKEN", "Habits", "Sandbox", "serve"]
