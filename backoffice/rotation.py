"""Our own secrets made anew where settings are kept: an `.env` file, or a directory with a file for each variable.

The value before stays valid beside the new one until it is dropped, so nothing has to change at one moment. Processes
read settings when they start: each step is followed by a restart.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from pathlib import Path

# What is ours to choose. Tokens and passwords of remotes are changed at the remote.
NAMES = ("SECRET_KEY", "FIELD_KEYS", "CALLBACK_SECRET", "METRICS_TOKEN")
LISTED = "FIELD_KEYS"  # a list by itself, the first of which is the one in use
_BYTES = 48


class NotThere(Exception):
    """The place is none, or holds no such secret; or a value cannot stand in a list."""


def renew(place: Path, name: str) -> None:
    """A fresh value in front; what was in use until now is still taken."""
    store = _Store(place)
    old = store.read(name)
    if not old:
        raise NotThere(f"{name} is not set in {place}.")
    fresh = secrets.token_urlsafe(_BYTES)
    if name == LISTED:
        store.write({name: f"{fresh},{old}"})
        return
    if "," in old:
        raise NotThere(f"{name} has a comma in it, so it cannot stand in a list of values. Change it by hand.")
    before = store.read(f"{name}_FALLBACKS")
    store.write({f"{name}_FALLBACKS": ",".join(filter(None, (old, before))), name: fresh})


def in_use(place: Path, name: str) -> str:
    """The value that is used, as the place has it."""
    value = _Store(place).read(name)
    return value.split(",")[0].strip() if name == LISTED else value


def drop(place: Path, name: str) -> None:
    """Only the value in use is left."""
    store = _Store(place)
    if name == LISTED:
        store.write({name: in_use(place, name)})
    else:
        store.write({f"{name}_FALLBACKS": ""})


class _Store:
    """The two forms in which settings are kept. A file is replaced as a whole, with the rights that it had."""

    def __init__(self, place: Path) -> None:
        if not place.exists():
            raise NotThere(f"There is no {place}.")
        self.place, self.is_directory = place, place.is_dir()

    def read(self, name: str) -> str:
        if self.is_directory:
            file = self.place / name
            return file.read_text().strip() if file.is_file() else ""
        found = _line(name).findall(self.place.read_text())
        if len(found) > 1:
            raise NotThere(f"{name} stands in {self.place} more than once.")
        return found[0].strip().strip("'\"") if found else ""

    def write(self, values: dict[str, str]) -> None:
        if self.is_directory:
            for name, value in values.items():
                _replace(self.place / name, f"{value}\n")
            return
        text = self.place.read_text()
        for name, value in values.items():
            line = f"{name}={value}"
            if _line(name).search(text):
                text = _line(name).sub(lambda _found, line=line: line, text)  # type: ignore[misc]
            else:
                text = text + ("" if text.endswith("\n") or not text else "\n") + line + "\n"
        _replace(self.place, text)


def _line(name: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*(?:export[ \t]+)?{name}[ \t]*=(.*)$", re.MULTILINE)


def _replace(file: Path, text: str) -> None:
    before = file.stat() if file.exists() else None
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # readable by nobody else
    try:
        with os.fdopen(handle, "w") as target:
            target.write(text)
            target.flush()
            os.fsync(handle)
        if before is not None:
            os.chmod(name, before.st_mode & 0o777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(name, before.st_uid, before.st_gid)
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
