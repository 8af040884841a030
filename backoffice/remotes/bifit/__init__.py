"""BIFIT Kassa (seed 000): online orders of a cash-register service, read by id, created, followed up."""
