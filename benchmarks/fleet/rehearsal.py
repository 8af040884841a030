"""Each machine of a company goes, while everybody works: who is not answered, for how long, and what is lost?

    python -m benchmarks.fleet.rehearsal [--events release,main-database …] [--without nginx pgbouncer rabbitmq-server]

Partners post orders, a dispatcher gives them to couriers, a manager reads a report, and couriers deliver, of whom
iRECA's callbacks tell. Then one machine after another is taken away (`EVENTS`). A line an event: how many requests
were not answered, each of which is asked again, and for how long nobody was answered. In the end all that was promised
must be on both sides, once (`benchmarks/promises.py`). Exit status 1 when a promise or a limit is broken.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from backoffice.remotes.sandbox import Sandbox
from benchmarks.fleet.events import EVENTS
from benchmarks.fleet.machines import PROGRAMS, Fleet

TOKEN = SECRET = "rehearsal-on-loopback-0123456789"  # noqa: S105


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", nargs="*", choices=EVENTS, help="these, in this order; all when left out")
    parser.add_argument("--without", nargs="*", choices=PROGRAMS, default=[], help="as if it were not installed")
    parser.add_argument("--keep", action="store_true", help="leave the logs where they are")
    options = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="rehearsal-")
    environment = {"IRECA_TOKEN": TOKEN, "IRECA_RATE": "0", "CALLBACK_SECRET": SECRET, "LOGIN_FAILURES": "100"}
    with Sandbox(token=TOKEN, keep=1_000_000) as sandbox:
        fleet = Fleet(Path(directory), {**environment, "IRECA_URL": sandbox.url}, options.without)
        print(f"With {', '.join(name for name in PROGRAMS if fleet.programs[name]) or 'wheels only'}.", flush=True)
        with fleet:
            import django

            django.setup()
            from benchmarks.fleet.course import rehearse

            wanted = options.events or [name for name in EVENTS if name != "pgbouncer" or fleet.programs["pgbouncer"]]
            broken = rehearse(fleet, sandbox, [EVENTS[name] for name in wanted])
    print(f"\n{len(broken)} promises broken." if broken else "\nAll was kept.")
    for line in broken[:40]:
        print(f"  {line}")
    if broken or options.keep:
        print(f"The logs: {directory}")
    else:
        shutil.rmtree(directory)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
