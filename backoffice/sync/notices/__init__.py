"""Notices: what needs a person now, in the bell of every admin page and by mail.

`kinds.py` is the registry: each app says what its troubles are. `watch.py` finds them, a few times an hour or once a
minute, in the worker; `reading.py` tells a person what he may see, from rows alone; `mail.py` sends the rest by mail.
`troubles.py` are the kinds of this app.
"""
