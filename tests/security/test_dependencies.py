"""The check of dependencies finds what it promises to find."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import dependencies

HASH = "--hash=sha256:" + "0" * 64


def test_nothing_is_wrong() -> None:
    assert list(dependencies.problems()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"django>=5 {HASH}", "is not pinned"),
        ("django==5.2", "has no hash"),
        ("django==5.2 --hash=md5:0", "has no hash"),
        (f"django @ https://example.com/django.whl {HASH}", "is not pinned"),
        (f"django==0.1 {HASH}", "but .* is installed"),
        (f"no-such-package==1 {HASH}", "is not installed"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str) -> None:
    for lock in dependencies.LOCKS:
        (tmp_path / lock).write_text(f"{line}\n" if lock == dependencies.SHIPPED else "# none\n")
    monkeypatch.setattr(dependencies, "ROOT", tmp_path)
    assert any(re.search(words, problem) for problem in dependencies.problems())


@pytest.mark.parametrize(
    ("told", "is_fine"),
    [
        ("MIT", True),
        ("BSD-3-Clause", True),
        ("LGPL-3.0-only", True),
        ("License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)", True),
        ("GPL-3.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", False),
        ("", False),
    ],
)
def test_licences(monkeypatch: pytest.MonkeyPatch, told: str, is_fine: bool) -> None:
    monkeypatch.setattr(dependencies, "licence", lambda found: told)
    assert dependencies._may_be_shipped("some", None) is is_fine
