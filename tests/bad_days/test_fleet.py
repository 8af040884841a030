"""The machines of a company go, one after another, while everybody works (`benchmarks/fleet/`): with what comes as
wheels, so without nginx and pgbouncer, whose part the partner's program and psycopg take.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fleet.machines import PROGRAMS

ROOT = Path(__file__).resolve().parents[2]
GONE = ("release", "web", "worker", "main-database")


@pytest.mark.slow
def test_machines_go_and_all_is_kept() -> None:
    command = [sys.executable, "-m", "benchmarks.fleet.rehearsal", "--events", *GONE, "--without", *PROGRAMS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.rstrip().endswith("All was kept.")
