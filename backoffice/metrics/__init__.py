"""`/metrics`: the figures of Sync health, of the first page and of the accountant's queues, for Prometheus.

All come from the database, so that every web process answers the same, and a figure here is the one on the page. What
a process knows of itself (requests by view, their latency) is left to the proxy and the access log (decision 009).
"""
