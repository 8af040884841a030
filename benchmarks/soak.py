"""Bad days, one after another, for as long as one likes: storms with deaths at random steps, and what else goes wrong.

    python -m benchmarks.soak [--minutes 60] [--seed N] [--orders 200] [--night 30000] [--postgres]

First a night: the remote is away while `--night` changes come to wait, and they must leave in batches, not one by one.
Then rounds: a storm (`both_sides.py`) whose workers kill themselves before a step drawn at random (`deaths.py`), with
one more trouble in it. After each, `promises.py` compares both sides with what was promised. A line a round, with the
seed that repeats it (`--seed`), and the verdict; exit status 1 when a promise is broken.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backoffice.remotes.sandbox import Sandbox
from benchmarks.database import keep
from benchmarks.storm import office

if TYPE_CHECKING:
    from benchmarks.both_sides import Storm
    from benchmarks.promises import Record

BATCH = 500  # objects of one request
MORE = 10  # requests of a night that are not full batches
GROWTH = 1.5  # times as much memory as after the first rounds is taken for a leak
SETTLED = 3  # rounds


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60, help="no round begins later")
    parser.add_argument("--seed", type=int, help="of the first round; the next has the next number")
    parser.add_argument("--orders", type=int, default=200, help="that are new in each round")
    parser.add_argument("--night", type=int, default=30_000, help="changes that wait when the remote comes back")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL that comes as a wheel")
    options = parser.parse_args()
    with office(postgres=options.postgres) as (sandbox, directory):
        return soak(sandbox, directory, options)


def soak(sandbox: Sandbox, directory: Path, options: argparse.Namespace) -> int:
    from django.core.management import call_command

    from benchmarks.promises import Record

    end = time.monotonic() + options.minutes * 60
    call_command("pull", "all", verbosity=0)
    record = Record(sandbox)
    failures = night(sandbox, record, options.night) if options.night else []
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    memory: list[int] = []
    rounds = 0
    while not failures and time.monotonic() < end:
        failures = one_round(sandbox, directory, options.orders, seed, record, memory)
        seed += 1
        rounds += 1
    if len(memory) > SETTLED and memory[-1] > GROWTH * max(memory[:SETTLED]):
        failures.append(f"the worker grew from {max(memory[:SETTLED])} to {memory[-1]} MB")
    print(f"\n{rounds} rounds. {len(failures)} promises broken" if failures else f"\n{rounds} rounds. All was kept.")
    for line in failures[:50]:
        print(f"  {line}")
    if failures:
        print(f"Repeat with --seed {seed - 1}. The database and the logs: {keep(directory)}", flush=True)
    return 1 if failures else 0


def night(sandbox: Sandbox, record: Record, count: int) -> list[str]:
    """So many orders wait while the remote is away; in the morning they leave in batches."""
    from backoffice.sync import pull, worker
    from benchmarks.both_sides import hurry, make_orders
    from benchmarks.promises import broken

    started = time.monotonic()
    holder = worker.start()
    sandbox.stop()
    for start in range(0, count, 1000):
        make_orders(min(1000, count - start), f"N{start}")
    worker.drain(holder)
    sandbox.requests.clear()
    sandbox.start()
    hurry()
    worker.drain(holder)
    writes = [request for request in sandbox.requests if request["method"] != "GET"]
    allowed = count // BATCH + MORE
    seconds = time.monotonic() - started
    print(f"a night with {count} changes: {len(writes)} requests to send them, {seconds:.0f} s", flush=True)
    # What iRECA filled in is read by the hourly pull, where no callback tells of it.
    pull.request("orders")
    worker.drain(holder)
    return broken(record) + ([f"{len(writes)} requests for a night"] if len(writes) > allowed else [])


def one_round(
    sandbox: Sandbox, directory: Path, orders: int, seed: int, record: Record, memory: list[int]
) -> list[str]:
    from backoffice.sync import worker
    from benchmarks.both_sides import Storm
    from benchmarks.promises import broken

    dice = random.Random(seed)
    trouble = dice.choice(list(TROUBLES))

    class Round(Storm):
        """A storm whose workers kill themselves, with a trouble in its middle."""

        deaths = 0
        megabytes = 0

        def command(self) -> list[str]:
            self.environment = {**self.environment, "DIE_BEFORE": str(dice.randrange(20, 600))}
            return ["-m", "benchmarks.deaths"]

        def worker_ended(self) -> None:
            assert self.worker is not None
            if self.worker.returncode != -signal.SIGKILL:
                super().worker_ended()
            self.deaths += 1
            self.start_worker()

        def stop_worker(self) -> None:
            """The last one may have killed itself while it was asked to stop: both are an end. What a dead one holds
            the next one frees.
            """
            assert self.worker is not None
            self.megabytes = max(self.megabytes, megabytes(self.worker.pid))
            self.worker.terminate()
            if (status := self.worker.wait(60)) not in (0, -signal.SIGKILL):
                raise RuntimeError(f"the last worker ended with {status}, see {self.log}")
            if status:
                worker.start()

        def move_windows(self, wave: int) -> None:
            super().move_windows(wave)
            TROUBLES[trouble](self)

    started = time.monotonic()
    storm = Round(
        sandbox, os.environ, directory / "worker.log", orders=orders, waves=2, kills=1, seed=seed, before=record
    )
    storm.run()
    failures = broken(record)
    storm.settle_conflicts()
    failures += [f"after the conflicts were settled: {line}" for line in broken(record)]
    if storm.megabytes:  # else the last worker had killed itself before it was asked to stop
        memory.append(storm.megabytes)
    seconds = time.monotonic() - started
    print(
        f"seed {seed}: {trouble}; {storm.deaths} deaths at a step, 1 by hand; "
        f"{len(sandbox.requests)} requests so far; worker {storm.megabytes} MB; {seconds:.0f} s; "
        f"{len(failures)} broken",
        flush=True,
    )
    return failures


def megabytes(pid: int) -> int:
    """The memory that a process has now; 0 where nobody tells."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = [line.split()[1] for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) // 1024 if found else 0


# what else goes wrong


def none(storm: Storm) -> None:
    """Only the storm."""


def away(storm: Storm) -> None:
    """The remote is away for some seconds."""
    storm.sandbox.stop()
    time.sleep(storm.rng.uniform(1, 5))
    storm.sandbox.start()


def slow(storm: Storm) -> None:
    storm.sandbox.faults.set("delay", probability=0.2, seconds=1.5, times=30)


def wrong_clock(storm: Storm) -> None:
    """The remote's clock is set, ahead of ours or back, by less than the five minutes after which its journal tells
    nothing of what we overwrote (docs/decisions/005).
    """
    storm.sandbox.state.clock.set_ahead(storm.rng.uniform(0, 240))


def expired(storm: Storm) -> None:
    """Every lease runs out while its holder is at work."""
    from django.utils import timezone

    from backoffice.sync.models import Callback, Push

    for model in (Push, Callback):
        rows: Any = model._default_manager.exclude(lease_owner="")
        rows.update(lease_until=timezone.now() - timedelta(minutes=1))


def cut(storm: Storm) -> None:
    """Every connection to PostgreSQL but ours ends; SQLite is locked for a while instead."""
    from django.db import connection, transaction

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        expired(storm)
        return
    with transaction.atomic():
        time.sleep(storm.rng.uniform(1, 3))


def two_workers(storm: Storm) -> None:
    """Another worker beside the storm's own, in this process, until it finds nothing more."""
    from django.db import connection

    from backoffice.sync import lease, worker

    def work() -> None:
        worker.drain_messages(lease.owner("second"))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


TROUBLES: dict[str, Callable[[Storm], None]] = {
    "a storm": none,
    "the remote away": away,
    "the remote slow": slow,
    "the remote's clock": wrong_clock,
    "leases run out": expired,
    "the database away": cut,
    "two workers": two_workers,
}


if __name__ == "__main__":
    sys.exit(main())
