"""A sandbox of iRECA over real HTTP, and the product pointed at it."""

from collections.abc import Iterator
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from backoffice.sync import pull, worker
from backoffice.sync.lease import owner


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(token="sandbox-token") as running:
        yield running


@pytest.fixture
def ireca(sandbox: Sandbox, settings: Any, transactional_db: None) -> Sandbox:
    """The sandbox, with its directories and orders pulled."""
    settings.IRECA_URL, settings.IRECA_TOKEN = sandbox.url, sandbox.token
    worker.start()
    for reader in pull.readers():
        done = pull.run(pull.request(reader.name), _client(), owner())
        assert done.state == "done", done.error
    sandbox.requests.clear()
    return sandbox


def _client() -> Any:
    from backoffice.sync import connection

    client = connection.client()
    assert client is not None
    return client
