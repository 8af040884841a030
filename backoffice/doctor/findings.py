"""Findings, the registry of checks, and the order in which they run.

What everything else stands on goes first: while the database does not answer, or lacks migrations, checks that read it
would only say so again, and are left out.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module

from django.utils import timezone
from django.utils.translation import gettext as _

log = logging.getLogger(__name__)

MODULES = ("configuration", "machine", "database", "exchange", "troubles", "remotes", "people")


class Level(enum.IntEnum):
    """ERROR: something does not work. WARNING: it will not, or is not as it should be. NOTE: worth knowing."""

    ERROR = 3
    WARNING = 2
    NOTE = 1


@dataclass(frozen=True)
class Finding:
    """`text` is one sentence on what is wrong, `todo` one on what to do. `check` is the name of who found it."""

    level: Level
    text: str
    todo: str
    check: str = ""


Look = Callable[[datetime], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """`reads`: it reads tables. `asks`: it calls remotes. `is_gate`: after an error of it, no table can be read."""

    name: str
    look: Look
    reads: bool
    asks: bool
    is_gate: bool


_checks: dict[str, Check] = {}


def check(*, reads: bool = False, asks: bool = False, is_gate: bool = False) -> Callable[[Look], Look]:
    """Register a check under the names of its module and function. It is given the present moment."""

    def register(look: Look) -> Look:
        name = f"{look.__module__.rpartition('.')[2]}.{look.__name__}"
        _checks[name] = Check(name, look, reads, asks, is_gate)
        return look

    return register


def error(text: str, todo: str) -> Finding:
    return Finding(Level.ERROR, text, todo)


def warning(text: str, todo: str) -> Finding:
    return Finding(Level.WARNING, text, todo)


def note(text: str, todo: str) -> Finding:
    return Finding(Level.NOTE, text, todo)


def checks() -> list[Check]:
    """All of them, in the order in which they run."""
    for module in MODULES:
        import_module(f"backoffice.doctor.{module}")
    return sorted(_checks.values(), key=lambda each: MODULES.index(each.name.partition(".")[0]))


def examine(*, is_offline: bool = False) -> list[Finding]:
    """Everything that was found, the worst first. `is_offline`: without what asks remotes."""
    found: list[Finding] = []
    may_read = True
    for each in checks():
        if (each.reads and not may_read) or (each.asks and is_offline):
            continue
        some = list(_findings(each))
        found += some
        if each.is_gate and any(finding.level is Level.ERROR for finding in some):
            may_read = False
    return sorted(found, key=lambda finding: -finding.level)


def _findings(each: Check) -> Iterator[Finding]:
    """A check that fails is a finding too, and keeps none of the others from being made."""
    try:
        for finding in each.look(timezone.now()):
            yield Finding(finding.level, finding.text, finding.todo, each.name)
    except Exception as failure:
        log.debug("check %s failed", each.name, exc_info=True)
        yield Finding(
            Level.ERROR,
            _("The check %(name)s itself failed: %(error)s")
            % {"name": each.name, "error": f"{type(failure).__name__}: {failure}"},
            _("Report this; with LOG_LEVEL=DEBUG the log of the command has the details."),
            each.name,
        )
