"""The admin of orders and clients.

`order` is the main page: `bulk` has its actions, `inlines` its tabs, `search` and `filters` its list. `forms` and
`checks` are for what a person types, `labels` for how things look. `map` and `plans`
are the map and the routes. `card`, `mapping` and `virtpos` are for VirtPos.
"""

from orders.admin import card, client, line, mapping, order, origin, plans

__all__ = ["card", "client", "line", "mapping", "order", "origin", "plans"]
