"""BIFIT Kassa's online orders as orders of ours: read (`mapping`, `reader`), told how they went on (`statuses`,
`outlet`), created there (`commands`), posted to us (`callbacks`). What it says in words is in `words`.

The wire and the HTTP are in `backoffice/remotes/bifit`; how a change on both sides is merged, in `orders/arrivals.py`.
"""

ENTITY = "online_orders"  # what the outbox, the inbox and the exchange log call an order there
