"""Thousands of orders change on both sides at once while requests fail, callbacks stray and workers die: what is lost?

    python -m benchmarks.storm [--orders 2000] [--waves 4] [--kills 3] [--seed 1] [--postgres]

Sandbox, web server, worker and database are made for it, on loopback. 30 % of the requests fail: with 500, with 429,
by a reset before or after they were processed, by an answer that is cut off. Exit status 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backoffice.remotes.sandbox import Sandbox
from backoffice.supervise import GUNICORN
from benchmarks.database import database, keep

PRODUCT = "backoffice.wsgi"
TOKEN = SECRET = "storm"  # noqa: S105  # on loopback, for a few minutes


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def web(port: int, log: Path, application: str = PRODUCT) -> Iterator[None]:
    """The product's web server. `application`: the module with what it serves, where that is more than the product."""
    command = [application if word == PRODUCT else word for word in GUNICORN]
    with log.open("ab") as output:
        process = subprocess.Popen([*command, "--bind", f"127.0.0.1:{port}"], stdout=output, stderr=subprocess.STDOUT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise RuntimeError(f"the web server ended, see {log}") from None
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def office(*, postgres: bool, **sandbox_options: Any) -> Iterator[tuple[Sandbox, Path]]:
    """A sandbox, a database of its own and a web server that takes its callbacks. Yields the sandbox and the directory
    for logs.
    """
    port = free_port()
    with (
        Sandbox(token=TOKEN, keep=1_000_000, **sandbox_options) as sandbox,
        database(
            postgres=postgres,
            IRECA_URL=sandbox.url,
            IRECA_TOKEN=TOKEN,
            IRECA_RATE="0",
            CALLBACK_SECRET=SECRET,
            PUBLIC_URL=f"http://127.0.0.1:{port}",
            DEBUG="1",
            LOG_LEVEL="WARNING",
        ) as directory,
        web(port, directory / "web.log"),
    ):
        yield sandbox, directory


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--waves", type=int, default=4, help="rounds in which half of the orders change here")
    parser.add_argument("--kills", type=int, default=3, help="workers that are killed at work, one in a wave")
    parser.add_argument("--seed", type=int, default=1, help="who changes what")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    with office(postgres=options.postgres, random_seed=options.seed) as (sandbox, directory):
        return run(sandbox, directory, options)


def run(sandbox: Sandbox, directory: Path, options: argparse.Namespace) -> int:
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.both_sides import Storm
    from benchmarks.promises import broken

    call_command("pull", "all", verbosity=0)
    storm = Storm(
        sandbox,
        os.environ,
        directory / "worker.log",
        orders=options.orders,
        waves=options.waves,
        kills=options.kills,
        seed=options.seed,
        tell=lambda line: print(line, flush=True),
    )
    storm.run()
    failures = broken(storm.record)
    storm.settle_conflicts()
    failures += [f"after the conflicts were settled: {line}" for line in broken(storm.record)]
    print(f"\n{connection.vendor}: {options.orders} orders\n")
    for what, figure in storm.figures.items():
        print(f"{what:<44}{figure:>8}")
    print(f"\n{len(failures)} promises broken" if failures else "\nEvery promise was kept.")
    for line in failures[:50]:
        print(f"  {line}")
    if failures:
        print(f"The database and the logs: {keep(directory)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
