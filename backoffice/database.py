"""What an error of the database says of the database."""

from __future__ import annotations

ENDED = {"57P01", "57P02", "57P03", "53300"}  # told to end, by a crash, not ready yet, no place for one more


def is_gone(error: BaseException) -> bool:
    """Whether it cannot be reached, has ended our connection or is busy, which passes by itself: not what was asked.

    PostgreSQL tells by SQLSTATE, where anybody was there to tell; SQLite by name.
    """
    cause = error.__cause__ or error
    name = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        return str(name).startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    state = getattr(cause, "sqlstate", None)
    return state is None or state in ENDED or state.startswith("08")


def is_recovery_conflict(error: BaseException) -> bool:
    """Whether a standby ended a query because of what the main database had removed meanwhile."""
    return getattr(error.__cause__ or error, "sqlstate", None) == "40001"
