"""The admin: bases for every app (`base.py` and what it is made of), and the pages of the sync tables themselves.

Django's autodiscovery imports this package, which registers the latter.
"""

from backoffice.sync.admin import pushes

__all__ = ["pushes"]
