"""The two XML examples of seed 001, byte for byte: an answer with an order (29), and one to a write (93).

The contract is tested with them, and the sandbox has the order as its sample.
"""

from pathlib import Path

HERE = Path(__file__).parent

ORDERS = (HERE / "0029-orders-answer.xml").read_bytes()
SAVED = (HERE / "0093-customer_update-answer.xml").read_bytes()
