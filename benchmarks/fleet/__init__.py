"""A company's machines on one, as `deploy/` and docs/operations.md describe them, and what happens when each goes.

`machines.py` starts and stops them, `people.py` works on them, `rehearsal.py` takes one after another away.
"""
