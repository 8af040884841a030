"""A process that does nothing but make children, each of which does one deed and is killed in the middle.

    python -m tests.bad_days.undertaker

It reads a job a line (JSON) and answers a line: which steps the child took, and whether it died before one of them or
came to the end. A child takes milliseconds, since Django is there already, and a fork of a process without threads is
safe, which one of pytest's, with a sandbox and a web server in it, is not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Death:
    """What a child did: the steps it took, the last of which it died before, unless it came to its end (`is_over`)."""

    steps: tuple[str, ...]
    is_over: bool

    @property
    def last(self) -> str:
        return "the end" if self.is_over else self.steps[-1]


class Undertaker:
    """The process, from outside."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bad_days.undertaker"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def bury(self, deed: str, settings: Mapping[str, Any], before: int | str, **arguments: Any) -> Death:
        """Let a child do a deed of `deeds.py` under these settings, and kill it right before the step of this number,
        or the first one of this name, or else after its last one. RuntimeError with its traceback where the deed failed
        by itself.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"deed": deed, "settings": dict(settings), "before": before, "arguments": arguments}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["failure"]:
            raise RuntimeError(answer["failure"])
        return Death(tuple(answer["steps"]), answer["is_over"])

    def close(self) -> None:
        self._process.communicate(timeout=20)  # it ends with its input


def main() -> None:
    import django
    from django.urls import get_resolver

    django.setup()
    # What a child needs is there when it is born.
    from tests.bad_days import deeds  # noqa: F401

    assert get_resolver().url_patterns
    for line in sys.stdin:
        steps, write = os.pipe()
        if (pid := os.fork()) == 0:
            os.close(steps)
            _live(json.loads(line), write)
        os.close(write)
        with os.fdopen(steps) as pipe:
            said = pipe.read().splitlines()
        _pid, status = os.waitpid(pid, 0)
        answer: dict[str, Any] = {"steps": said, "is_over": False, "failure": ""}
        if not os.WIFSIGNALED(status):
            answer["failure"] = "\n".join(said)
        elif said and said[-1] == "over":
            answer |= {"steps": said[:-1], "is_over": True}
        print(json.dumps(answer), flush=True)  # noqa: T201  # to whoever started us


def _live(job: dict[str, Any], out: int) -> None:
    """The child's whole life. It never returns."""
    from django.conf import settings

    from benchmarks import deaths
    from tests.bad_days import deeds

    try:
        for name, value in job["settings"].items():
            setattr(settings, name, value)
        taken = 0

        def seen(step: str) -> None:
            nonlocal taken
            taken += 1
            os.write(out, f"{step}\n".encode())
            if job["before"] in (taken, step):
                deaths.die()

        getattr(deeds, job["deed"])(lambda: deaths.watch(seen), **job["arguments"])
        os.write(out, b"over\n")
        deaths.die()
    except BaseException:  # noqa: BLE001  # whatever it is, it is told, and never goes on into the parent's loop
        os.write(out, traceback.format_exc().encode())
    os._exit(1)


if __name__ == "__main__":
    main()
