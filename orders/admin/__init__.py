"""The admin of orders and clients.

`order` is the main page: `bulk` has its actions, `inlines` its tabs, `search` and `filters` its list. `forms` and
`checks` are for what a person types, `labels` for how things look.
"""

from orders.admin import client, line, order, origin

__all__ = ["client", "line", "order", "origin"]
