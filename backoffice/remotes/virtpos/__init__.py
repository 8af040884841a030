"""VirtPos, a cash-register service (seed 001): orders in, clients and discount cards out.

`contract` has what travels, `tree` and `layouts` read it from XML and JSON, `client` calls. Lines are those of the
seed.
"""
