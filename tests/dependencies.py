"""`python -m tests.dependencies`, in `make lint`: what can be known of the dependencies without asking anybody.

Each is pinned with its hashes, what is installed is what is pinned, it wants nothing that is not there, and its licence
is one that a product like this may have. Whether somebody has found a hole in one of them is not known here: that is
`make audit`, which asks PyPI's database of advisories and needs the internet.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.txt", "requirements-celery.txt", "requirements-dev.txt")
SHIPPED = "requirements.txt"

# Permissive ones, and those that ask something only of whoever changes the library itself.
LICENCES = re.compile(
    r"\b(MIT|MIT-0|BSD|0BSD|BSD-\d-Clause|Apache|ISC|PSF|PSF-2\.0|Python Software Foundation|MPL|Mozilla|LGPL|Lesser|"
    r"Zlib|CC0-1\.0|Unlicense|HPND)\b",
    re.IGNORECASE,
)
STRICT = re.compile(
    r"\bAGPL|Affero|\bGPL(v\d|-\d)|General Public License(?!.*Lesser)|Commons-NC|Proprietary", re.IGNORECASE
)
# Those that tell their licence in a file only, read by a person.
READ = {"phonenumberslite": "Apache-2.0"}


class Pin(NamedTuple):
    requirement: Requirement
    hashes: int


def pins(lock: str) -> Iterator[Pin]:
    text = re.sub(r"\\\n\s*", " ", (ROOT / lock).read_text())
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            wanted, *hashes = re.split(r"\s+--hash=", line.strip())
            yield Pin(Requirement(wanted), sum(bool(re.fullmatch(r"sha256:[0-9a-f]{64}", each)) for each in hashes))


def problems() -> Iterator[str]:
    seen: dict[str, str] = {}
    for lock in LOCKS:
        for requirement, hashes in pins(lock):
            name, pinned = canonicalize_name(requirement.name), str(requirement.specifier)
            if not re.fullmatch(r"==[^*,]+", pinned) or requirement.url:
                yield f"{lock}: {requirement} is not pinned"
            if not hashes:
                yield f"{lock}: {name} has no hash"
            if requirement.marker is None or requirement.marker.evaluate():  # another line may be for another Python
                if seen.setdefault(name, pinned) != pinned:
                    yield f"{lock}: {name} is {pinned}, elsewhere {seen[name]}"
                yield from _installed(lock, name, pinned.removeprefix("=="))


def _installed(lock: str, name: str, version: str) -> Iterator[str]:
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        if lock != "requirements-celery.txt":  # an extra
            yield f"{lock}: {name} is not installed"
        return
    if found.version != version:
        yield f"{lock}: {name} is {version}, but {found.version} is installed"
    if lock == SHIPPED and not _may_be_shipped(name, found):
        yield f"{lock}: {name} has a licence that nobody has agreed to: {licence(found) or 'none is told'}"
    for text in found.requires or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            try:
                there = metadata.version(wanted.name)
            except metadata.PackageNotFoundError:
                yield f"{name} wants {wanted.name}, which is not installed"
            else:
                if not wanted.specifier.contains(there, prereleases=True):
                    yield f"{name} wants {wanted}, but {there} is installed"


def licence(found: metadata.Distribution) -> str:
    told = found.metadata
    classifiers = [text for text in told.get_all("Classifier") or () if text.startswith("License ::")]
    return str(
        told.get("License-Expression") or "; ".join(classifiers) or (told.get("License") or "").partition("\n")[0]
    )


def _may_be_shipped(name: str, found: metadata.Distribution) -> bool:
    text = READ.get(name) or licence(found)
    return bool(LICENCES.search(text)) and not STRICT.search(
        re.sub("Lesser General Public License|LGPL[^ ]*", "", text)
    )


if __name__ == "__main__":
    found = list(problems())
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    sys.exit(bool(found))
