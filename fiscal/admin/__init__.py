"""Receipts with their QR codes and what devices complained of (`documents.py`, `devices.py`), directories of money
(`directories.py`), acts of cash (`cash.py`), settings of remote fiscalisation (`atol.py`, `pechka54.py`).

Django's autodiscovery imports this package, which registers them all.
"""

from fiscal.admin import atol, cash, devices, directories, documents, pechka54

__all__ = ["atol", "cash", "devices", "directories", "documents", "pechka54"]
