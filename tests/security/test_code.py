"""What is looked for in the code itself: secrets compared, markup that is trusted, and a checklist that stays true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings as django_settings

ROOT = Path(django_settings.BASE_DIR)
FOLDERS = ("backoffice", "catalog", "couriers", "fiscal", "orders")
DOCS = ("docs/asvs.md", "docs/threats.md")

SECRET = re.compile(
    r"(^|_)(secret|token|password|passwd|api_?key|signature|digest|otp|pin|fingerprint|backup_code)s?$", re.I
)
# Comparisons of such names with == that compare no secret with what a stranger said.
NO_SECRET = {
    "backoffice/partners/api/idempotency.py": "the hash of a request, told to nobody",
    "backoffice/sync/admin/conflicts.py": "which values a person was shown",
    "orders/admin/registers.py": "which values a person was shown",
    "orders/merging.py": "which rows a person was shown",
    "backoffice/sync/lease.py": "which process holds a row",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            name = str(file.relative_to(ROOT))
            if "/sandbox/" not in name and "/migrations/" not in name:
                yield name, ast.parse(file.read_text())


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_secret_is_compared_letter_by_letter() -> None:
    found = set()
    for file, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
                sides = [node.left, *node.comparators]
                if not any(isinstance(side, ast.Constant) for side in sides):
                    found |= {file for side in sides if SECRET.search(_name(side))}
    assert found == set(NO_SECRET)


def test_markup_is_trusted_where_a_person_said_why() -> None:
    """`ruff` asks a reason of each `mark_safe`; templates have no such thing at all."""
    found = []
    for folder in ("templates", *FOLDERS):
        for file in (ROOT / folder).rglob("*.html"):
            text = file.read_text()
            found += [
                f"{file}: {match[0]}" for match in re.finditer(r"\|\s*safe(seq)?\b|autoescape off|<script>", text)
            ]
    assert found == []
    assert "S" in (ROOT / "pyproject.toml").read_text().partition("select = [")[2].partition("]")[0].replace(
        '"', ""
    ).split(", ")


def test_nothing_runs_a_shell_or_loads_what_may_run() -> None:
    banned = {
        "pickle",
        "marshal",
        "shelve",
        "dill",
        "yaml",
        "xml.etree.ElementTree",
        "xml.dom",
        "xml.sax",
        "lxml",
        "telnetlib",
    }
    allowed = {
        ("backoffice/transfer/reading.py", "xml.etree.ElementTree"): "the name of an error",
        ("backoffice/spreadsheets.py", "xml.sax.saxutils"): "escapes, parses nothing",
    }
    found = set()
    for file, tree in modules():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {
                (file, name) for name in names if any(name == each or name.startswith(f"{each}.") for each in banned)
            }
            if isinstance(node, ast.keyword) and node.arg == "shell":
                found.add((file, "shell"))
    assert found == set(allowed)


# Functions that ask whether a text is of digits, and read a number or look for a row.
OF_DIGITS = {
    ("backoffice/values.py", "whole_number"): "the one place",
    ("backoffice/limits.py", "__call__"): "cut first; of any size is an answer, too",
    (
        "backoffice/partners/api/projection.py",
        "number_or_text",
    ): "an id of a stored row, of a length that JSON keeps",
    ("backoffice/remotes/bifit/contract.py", "_write_number_id"): "an id of a stored row; knows nothing of Django",
    ("backoffice/remotes/ireca/contract/kinds.py", "_write_ref_number"): "the same",
    ("backoffice/supervise.py", "_port"): "a setting, before there is Django",
    ("backoffice/sync/cells.py", "clean"): "bounded first; of any script",
    ("backoffice/sync/lease.py", "_is_dead"): "a process that we named ourselves",
    ("backoffice/sync/mirrored.py", "after_bulk_create"): "a key that we made ourselves",
    ("backoffice/transfer/workbook.py", "_elements"): "bounded first; whoever reads the file reads it so",
    ("backoffice/transfer/workbook.py", "element"): "the same",
    ("orders/admin/card.py", "clean"): "a barcode stays a text",
}


def test_a_number_out_of_a_text_is_read_in_one_place() -> None:
    """`isdigit` and its kin guard neither `int` nor a query: `backoffice/values.py` says why, and does it."""
    found = set()
    for file, tree in modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                called = {_name(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
                if called & {"isdigit", "isdecimal", "isnumeric"} and called & {"int", "filter"}:
                    found.add((file, function.name))
    assert found == set(OF_DIGITS)


# the checklist


@cache
def _symbols(path: str) -> frozenset[str]:
    """Functions, classes, methods as Class.method, and names that are assigned."""
    found = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{node.name}.")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in ast.walk(ast.Tuple(targets)):
                    if isinstance(name, ast.Name):
                        found.add(prefix + name.id)
            elif isinstance(node, ast.If):
                walk([*node.body, *node.orelse], prefix)

    walk(ast.parse((ROOT / path).read_text()).body, "")
    return frozenset(found)


NAMED = re.compile(r"`((?:[\w./-]+\.\w+|(?:[\w./-]+/)?(?:Makefile|Dockerfile))(?:::[^`]+)?)`")


def evidence() -> list[str]:
    return sorted({found for doc in DOCS for found in NAMED.findall((ROOT / doc).read_text())})


@pytest.mark.parametrize("named", evidence())
def test_what_the_checklist_names_is_there(named: str) -> None:
    path, _, symbol = named.partition("::")
    assert (ROOT / path).is_file()
    if symbol and path.endswith(".py"):
        assert symbol in _symbols(path)
    elif symbol:
        assert symbol in (ROOT / path).read_text()


ROW = re.compile(r"^\| (\d+(?:\.\d+){2}(?:[–,] ?[\d.]+)*) \| (.+?) \| (met|partly|open|n/a) \| (.+?) \|$", re.M)


def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall((ROOT / "docs/asvs.md").read_text())


def test_each_item_of_the_checklist_is_proved_or_says_why_not() -> None:
    table = [line for line in (ROOT / "docs/asvs.md").read_text().splitlines() if re.match(r"\| \d", line)]
    assert len(table) == len(rows()) > 100
    for item, _what, state, where in rows():
        if state in ("met", "partly"):
            assert NAMED.search(where), item
        else:
            assert len(where) > 10, item


def test_each_item_stands_once_and_in_order() -> None:
    items = [tuple(map(int, re.match(r"[\d.]+", item)[0].split("."))) for item, *_rest in rows()]
    assert items == sorted(set(items))
