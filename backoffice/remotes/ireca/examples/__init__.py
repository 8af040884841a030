"""The 74 JSON examples of seed 002, byte for byte, and index.json: their seed lines, entities and operations.

What partners read in our API's documentation, and what the contract is tested with.

The trailing commas of 1189 are the seed's own (T31).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backoffice.remotes.ireca import contract
from backoffice.remotes.wirejson import loads, unwrap

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Example:
    """An example: where the seed has it, which entity it holds, and the operation of a request ("" for answers)."""

    file: str
    line: int
    path: str
    entity: str
    operation: str

    @property
    def text(self) -> bytes:
        return (HERE / self.file).read_bytes()

    @property
    def json(self) -> Any:
        return loads(self.text)

    @property
    def rows(self) -> list[Any]:
        return unwrap(self.json)

    @property
    def cls(self) -> type[contract.Entity]:
        found: type[contract.Entity] = getattr(contract, self.entity)
        return found


EXAMPLES = [Example(**row) for row in json.loads((HERE / "index.json").read_text())]
BY_LINE = {example.line: example for example in EXAMPLES}
