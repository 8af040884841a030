"""What every emulated service does with a request before and after it answers: remember it, and what was wrong with it.

Every request is recorded in `requests`, every breach of the contract in `violations`: the tests of our clients end by
looking there.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from .api import Reply
