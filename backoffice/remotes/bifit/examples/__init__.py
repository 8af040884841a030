"""The one JSON example of seed 000 (lines 14-47), byte for byte: order 320528 with its 33 fields.

What the contract is tested with, and what the sandbox starts with.
"""

from pathlib import Path

ORDER = Path(__file__).parent / "0014-online_order-answer.json"
