"""Migrations that old and new code both survive (docs/operations.md, "Upgrading"); what is otherwise has a reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps

from backoffice.settings import BASE_DIR

# The last migration of each app that was there before the product had users to keep working.
BEFORE = {
    "accounts": "0001",
    "catalog": "0005",
    "couriers": "0005",
    "fiscal": "0009",
    "orders": "0018",
    "partners": "0005",
    "reports": "0003",
    "sync": "0011",
    "transfer": "0001",
}
# (app, migration, operation, what): why it may be so all the same.
REASONS: dict[tuple[str, str, str, str], str] = {}

GONE = {
    "RemoveField": "old code still reads the column: first a release that does not know it",
    "DeleteModel": "old code still reads the table: first a release that does not know it",
    "RenameField": "old code knows the old name: add, copy, and remove in a later release",
    "RenameModel": "old code knows the old name",
    "AlterUniqueTogether": "a constraint that old code may violate",
    "AddIndex": "it locks the table against writing: backoffice.sync.operations.AddIndexAside",
    "RemoveConstraint": "old code may rely on it (ignore_conflicts, update_conflicts)",
}


def _operations(source: str) -> Iterator[tuple[str, str, ast.Call]]:
    """Name, object and call of each operation."""
    made: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = {word.arg: word.value for word in node.keywords}
        model = words.get("model_name", words.get("name"))
        what = model.value if isinstance(model, ast.Constant) else ""
        if name == "CreateModel":
            made.add(str(what).lower())
        elif str(what).lower() not in made:  # a table that is made here has neither rows nor old code
            yield name, str(what), node


def _faults(source: str) -> Iterator[tuple[str, str, str]]:
    for name, what, call in _operations(source):
        words = {word.arg: word.value for word in call.keywords}
        if name in GONE:
            yield name, what, GONE[name]
        elif name in ("AddField", "AlterField"):
            options = {word.arg: word.value for word in words["field"].keywords}  # type: ignore[attr-defined]
            is_null = isinstance(options.get("null"), ast.Constant) and options["null"].value is True  # type: ignore[attr-defined]
            if (
                name == "AddField"
                and not is_null
                and "db_default" not in options
                and "Many" not in ast.dump(words["field"])
            ):
                yield name, what, "old code inserts without it: null=True or a db_default"
            if name == "AlterField" and not is_null and "db_default" not in options and "choices" not in options:
                yield name, what, "a column that becomes NOT NULL, or of another type, breaks inserts of old code"
        elif name == "RunPython" and len(call.args) + len(call.keywords) < 2:
            yield name, what, "there is no way back"
        elif name in ("AddIndexAside", "IndexOfWords") and "atomic = False" not in source:
            yield name, what, "it cannot run in a transaction: atomic = False"


def _new() -> Iterator[tuple[str, Path]]:
    for app, last in BEFORE.items():
        folder = Path(apps.get_app_config(app).path, "migrations")
        yield from ((app, file) for file in sorted(folder.glob("0*.py")) if file.name[:4] > last)


def test_every_app_of_ours_is_watched() -> None:
    ours = {c.label for c in apps.get_app_configs() if Path(c.path).is_relative_to(BASE_DIR) and ".venv" not in c.path}
    assert {label for label in ours if Path(apps.get_app_config(label).path, "migrations").is_dir()} == set(BEFORE)


@pytest.mark.parametrize(("app", "file"), [pytest.param(a, f, id=f"{a}-{f.stem}") for a, f in _new()])
def test_old_code_survives_a_new_migration(app: str, file: Path) -> None:
    found = [
        (op, what, why) for op, what, why in _faults(file.read_text()) if (app, file.stem, op, what) not in REASONS
    ]
    assert found == []


@pytest.mark.parametrize(
    ("operation", "fault"),
    [
        ('migrations.RemoveField(model_name="order", name="number")', "RemoveField"),
        ('migrations.RenameField(model_name="order", old_name="a", new_name="b")', "RenameField"),
        ('migrations.AddField(model_name="order", name="a", field=models.TextField(default=""))', "AddField"),
        ('migrations.AddField(model_name="order", name="a", field=models.TextField(null=True))', None),
        ('migrations.AddField(model_name="order", name="a", field=models.TextField(db_default=""))', None),
        ('migrations.AlterField(model_name="order", name="a", field=models.TextField())', "AlterField"),
        ('migrations.AddIndex(model_name="order", index=models.Index(fields=["a"], name="a"))', "AddIndex"),
        ('AddIndexAside(model_name="order", index=models.Index(fields=["a"], name="a"))', "AddIndexAside"),
        ('migrations.CreateModel(name="New"), migrations.AddIndex(model_name="new", index=None)', None),
    ],
)
def test_the_watch_sees(operation: str, fault: str | None) -> None:
    assert [name for name, _what, _why in _faults(f"operations = [{operation}]")] == ([fault] if fault else [])
