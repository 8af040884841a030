"""The client of the running sandbox."""

from backoffice.remotes.ireca.client import IrecaClient
from backoffice.sync import clients


def ireca_client() -> IrecaClient:
    """A client of its own, on the settings of the test."""
    made = clients.client()
    assert made is not None
    return made
