"""What a process does that others can see, and its death right before one such step.

What a process leaves behind when it is killed is what it has committed and what it has sent. A death between two such
steps is the same as one right before the later of them; so whoever is killed before its first step, before its second,
and so on until after its last one, has died in every way there is. The product knows nothing of this: a step is seen
from outside, in the process that is to die, and it is named by the function of ours that takes it.

    python -m benchmarks.deaths worker     # `manage.py` that kills itself before the step of number DIE_BEFORE
"""

from __future__ import annotations

import http.client
import inspect
import itertools
import os
import re
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

OURS = ("backoffice.", "catalog.", "couriers.", "fiscal.", "orders.")
BETWEEN = ("backoffice.database",)  # stands between every statement and who asks for it
_READS = re.compile(r"\s*(SELECT|PRAGMA|EXPLAIN|SHOW|SET|BEGIN|SAVEPOINT|RELEASE|ROLLBACK)\b", re.IGNORECASE)
_KEYS = re.compile(r"(?<=[/=])[0-9][^/&]*")


def watch(seen: Callable[[str], None]) -> None:
    """Call `seen` with the name of each step of this process, right before it. For a process that has nothing else to
    do, and no connection yet: nothing is put back.

    A step is a commit ("sync.outcomes.Outcomes.record"), a statement outside a transaction, or a request
    ("PUT orders/N").
    """
    commit, put = BaseDatabaseWrapper.commit, http.client.HTTPConnection.putrequest

    written: set[int] = set()  # connections with something to commit

    def committing(self: BaseDatabaseWrapper) -> None:
        if id(self) in written:
            written.discard(id(self))
            seen(_where())
        commit(self)

    def executing(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if not _READS.match(str(sql)):
            if context["connection"].in_atomic_block:
                written.add(id(context["connection"]))
            else:
                seen(_where())
        return execute(sql, params, many, context)

    def asking(self: http.client.HTTPConnection, method: str, url: str, *arguments: Any, **options: Any) -> None:
        seen(f"{method} {_KEYS.sub('N', url.partition('/v1/')[2] or url).partition('?')[0]}")
        put(self, method, url, *arguments, **options)

    BaseDatabaseWrapper.commit = committing  # type: ignore[method-assign]
    http.client.HTTPConnection.putrequest = asking  # type: ignore[method-assign]
    connection_created.connect(
        lambda connection, **_kwargs: connection.execute_wrappers.append(executing), weak=False, dispatch_uid="deaths"
    )


def die() -> None:
    """As `kill -9`: nothing is rolled back, closed or said, by nobody but the kernel."""
    os.kill(os.getpid(), signal.SIGKILL)


def _where() -> str:
    """The innermost function of the product on the stack, past what only opens and closes a transaction for it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(OURS) and module not in BETWEEN and not frame.f_code.co_flags & inspect.CO_GENERATOR:
            return f"{module.removeprefix('backoffice.')}.{frame.f_code.co_qualname.partition('.<')[0]}"
        frame = frame.f_back
    return "elsewhere"


def main() -> None:
    from django.core.management import execute_from_command_line

    count, last = itertools.count(1), int(os.environ["DIE_BEFORE"])

    def seen(step: str) -> None:
        if next(count) == last:
            sys.stderr.write(f"killed before {step}\n")
            sys.stderr.flush()
            die()

    watch(seen)
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
