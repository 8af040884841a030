"""All benchmarks, one after the other, as one table of ratios: `make bench`.

    python -m benchmarks.bench [--minutes 60] [--only push pull] [--write docs/benchmarks.md]

Each runs in a process of its own on databases of its own, on loopback, with nothing beside it. Rows are shown as they
come and once more as a table; `--write` puts that into a document, with what the machine is. Exit status 1 when an aim
was missed or a benchmark failed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.table import ROWS, Row, read

ENGINES: tuple[tuple[str, ...], ...] = ((), ("--postgres",))


def commands(minutes: float) -> dict[str, list[tuple[str, ...]]]:
    """By name, what is run: the module and its options."""
    return {
        "push": [
            ("push", "--orders", "5000"),
            ("push", "--orders", "5000", "--delay", "0.5", "--postgres"),
            ("push", "--orders", "5000", "--delay", "0.5", "--workers", "2", "--senders", "1", "--postgres"),
            ("push", "--orders", "5000", "--delay", "0.5", "--workers", "2", "--postgres"),
        ],
        "pull": [("pull", "--orders", "20000", *engine) for engine in ENGINES],
        "callbacks": [("callbacks", *engine) for engine in ENGINES],
        "partner_list": [("partner_list", *engine) for engine in ENGINES],
        "one_order": [("one_order", *engine) for engine in ENGINES],
        "admin_list": [("admin_list", "--postgres"), ("admin_list", "--sizes", "10000", "100000")],
        "reports": [("reports", "--orders", "100000"), ("reports", "--orders", "1000000", "--postgres")],
        "day": [("day", *engine) for engine in ENGINES],
        "memory": [("memory", "--minutes", str(minutes), "--postgres")],
    }


def run(command: tuple[str, ...], rows: Path) -> bool:
    """Whether it ran to its end; what it missed is in its rows, or in its own words."""
    print(f"\n== {' '.join(command)}", flush=True)
    began = time.monotonic()
    environment = {**os.environ, ROWS: str(rows)}
    status = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"benchmarks.{command[0]}", *command[1:]], env=environment
    )
    print(f"   {time.monotonic() - began:.0f} s, exit status {status.returncode}", flush=True)
    return status.returncode == 0


def table(rows: list[Row]) -> str:
    """Markdown."""
    lines = ["| what | ours | beside | ratio | aim | |", "|---|---|---|---|---|---|"]
    for row in rows:
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        cells = (row.what, row.ours, row.beside, ratio, row.aim, row.verdict)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def machine() -> str:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{os.cpu_count()} × {names[0] if names else platform.machine()}",
        f"{memory:.0f} GiB of memory",
        f"{platform.system()} {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}",
        f"Django {version('django')}",
        f"SQLite {sqlite3.sqlite_version}",
        "PostgreSQL as its wheel brings it, with the settings of `benchmarks/database.py`",
    ]
    return ", ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="of load on the worker whose memory is watched")
    parser.add_argument("--only", nargs="+", help="some of them, by name")
    parser.add_argument("--write", type=Path, help="a document: what stands below its line of dashes is replaced")
    options = parser.parse_args()
    wanted = commands(options.minutes)
    if unknown := set(options.only or ()) - wanted.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(wanted)}")
    with tempfile.TemporaryDirectory() as directory:
        rows = Path(directory, "rows")
        failed = [
            " ".join(command) for name in options.only or wanted for command in wanted[name] if not run(command, rows)
        ]
        found = read(rows)
    missed = [row.what for row in found if not row.is_kept]
    told = f"{table(found)}\n\nMeasured on {datetime.now(UTC):%Y-%m-%d} on {machine()}."
    if failed:
        told += "\n\nEnded with another status than 0, since a limit of theirs was missed or they failed: " + ", ".join(
            f"`{command}`" for command in failed
        )
    print(f"\n{told}\n\n{len(missed)} of {len(found)} aims missed" + "".join(f"\n  {what}" for what in missed))
    if options.write is not None:
        head, line, _old = options.write.read_text().partition("\n---\n")
        options.write.write_text(f"{head}{line}\n{told}\n")
    return 1 if missed or failed else 0


if __name__ == "__main__":
    sys.exit(main())
