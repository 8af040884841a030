"""What the API refuses with."""

from __future__ import annotations


class Refusal(Exception):
    """An answer {"error": true, "message": ...}.

    `status` None means the status that the options give to refusals. `violation` tells whether the client broke the
    contract (and the request is recorded as a violation) or only met a state of the data: an object that is not there,
    a poisoned one.
    """

    def __init__(self, message: str, *, status: int | None = None, violation: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.violation = violation


def missing() -> Refusal:
    """The one error text that the document shows (seed line 28)."""
    return Refusal("Модель не существует", status=404, violation=False)
