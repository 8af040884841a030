"""What a benchmark found: a line for whoever looks on, and a row of the table that `benchmarks/bench.py` puts together.

A row holds two figures that were measured side by side in one run, and what one is to the other; `aim` is what the
ratio has to be. Speeds alone are of the machine, ratios are of the program.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "BENCHMARK_ROWS"  # a file in the environment, to which each row goes as a line of JSON


@dataclass(frozen=True)
class Row:
    """`ours` and `beside` with their units, as they are shown. `at_least`, `at_most`: the aim; none where a figure is
    only told.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def aim(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    @property
    def is_kept(self) -> bool:
        if self.ratio is None:
            return True
        if self.at_least is not None and self.ratio < self.at_least:
            return False
        return self.at_most is None or self.ratio <= self.at_most

    @property
    def verdict(self) -> str:
        return "" if not self.aim else "kept" if self.is_kept else "missed"


def tell(row: Row) -> Row:
    """Print it, and keep it where the environment says."""
    ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
    print(f"{row.what:<64} {row.ours:>16} {row.beside:>26} {ratio:>7}  {row.aim:<7}{row.verdict}", flush=True)
    if path := os.environ.get(ROWS):
        with Path(path).open("a") as file:
            print(json.dumps(asdict(row)), file=file)
    return row


def read(path: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()] if path.is_file() else []
