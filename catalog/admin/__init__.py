"""The catalogue: goods as a tree with their stock (`goods.py`), characteristics, warehouses and suppliers
(`directories.py`).

Django's autodiscovery imports this package, which registers them all.
"""

from catalog.admin import directories, goods

__all__ = ["directories", "goods"]
