"""What the workers do, as a registry: a `Task` for each loop, of the remotes and of apps above.

Whoever carries loops out (`worker.py` in threads, `backoffice/celery.py` when a broker says so) reads it here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import models

EVERY = 2.0  # seconds
BLIND = 15.0  # of a loop whose rows are all watched


@dataclass(frozen=True)
class Task:
    """One loop: `step(holder)` does what is due, and returns how much; 0 when nothing is.

    It runs in `threads` of its own, so that it holds up no other. `due(now)` are the rows that wait for it: its turn
    comes as soon as there is one, and every `every` seconds anyway, for what no row tells. Rows of `leased` are freed
    when their holder dies; `old(before)` are rows whose time is over. `remote`: whose loop it is, if it is one's.
    """

    name: str
    step: Callable[[str], int]
    threads: int = 1
    leased: tuple[type[models.Model], ...] = ()
    old: Callable[[datetime], Iterable[models.QuerySet]] = lambda before: ()
    due: Callable[[datetime], Iterable[models.QuerySet]] = lambda now: ()
    every: float = EVERY
    remote: str = ""


TASKS: list[Task] = []  # of apps; those of the remotes are made by `worker.loops`
