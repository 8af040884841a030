"""What is wrong with a row that a remote sent: as an error, and as a note for the run that met it."""

from dataclasses import dataclass


class ContractError(ValueError):
    """A value does not fit the contract: `path` such as "goods[1].price" (empty for the whole), and the `message`."""

    def __init__(self, path: str, message: str):
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be decoded: its entity, its id if it shows one, where and why, and its first characters."""

    entity: str
    id: str | None
    path: str
    message: str
    excerpt: str
