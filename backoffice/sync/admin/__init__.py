"""The admin: bases for every app (`base.py` and what it is made of), and the pages of the sync tables themselves.

Django's autodiscovery imports this package, which registers the latter.
"""

from backoffice.sync.admin import exports, inbox, outbox, pulls, remotes

__all__ = ["exports", "inbox", "outbox", "pulls", "remotes"]
