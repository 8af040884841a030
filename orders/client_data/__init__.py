"""All that is held of one client: given out (`gather`) or erased (`erase`). `manage.py client_data` and the page of a
client call it; `docs/security.md` says what is in the file, and what stays.
"""
