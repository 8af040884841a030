"""Operations of migrations that old code, and everyone who works, survives: docs/operations.md, "Upgrading"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.migrations.operations.base import Operation

from backoffice.sync import words


class AddIndexAside(AddIndexConcurrently):
    """An index on a table that has rows: on PostgreSQL made while others write, which takes no transaction
    (`atomic = False` in the migration); on SQLite, which has one writer anyway, as ever.

    It waits as long as older transactions last. What an attempt that was broken off left is made anew.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            migrations.AddIndex.database_forwards(self, app_label, schema_editor, from_state, to_state)
            return
        with _patience(schema_editor, self.index.name):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        plain = schema_editor.connection.vendor != "postgresql"
        base = migrations.AddIndex if plain else AddIndexConcurrently
        base.database_backwards(self, app_label, schema_editor, from_state, to_state)


class WithoutIndex(migrations.AlterField):
    """A column that is found by no index any more, of its own or of Django's for beginnings of text. Nothing is
    rewritten, and old code does without.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.name).column
        for name in schema_editor._constraint_names(model, [column], index=True, unique=False, primary_key=False):
            schema_editor.execute(schema_editor._delete_index_sql(model, name))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        for statement in schema_editor._field_indexes_sql(model, model._meta.get_field(self.name)):
            schema_editor.execute(statement)

    def describe(self) -> str:
        return f"Drop the indexes of {self.name} of {self.model_name}"


class WithoutIndexOfBeginnings(Operation):
    """A unique or indexed text whose beginnings nobody asks for: without the second index that Django makes for them on
    PostgreSQL.
    """

    reversible = True

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name, self.name = model_name, name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No model changes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for model, like in self._indexes(app_label, schema_editor, from_state):
            schema_editor.execute(schema_editor._delete_index_sql(model, str(like.parts["name"])))

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for _model, like in self._indexes(app_label, schema_editor, to_state):
            schema_editor.execute(like)

    def _indexes(self, app_label: str, schema_editor: Any, state: Any) -> Iterator[tuple[Any, Any]]:
        if schema_editor.connection.vendor == "postgresql":
            model = state.apps.get_model(app_label, self.model_name)
            yield model, schema_editor._create_like_index_sql(model, model._meta.get_field(self.name))

    def describe(self) -> str:
        return f"Drop the index of the beginnings of {self.name} of {self.model_name}"


@contextmanager
def _patience(schema_editor: Any, index: str) -> Iterator[Any]:
    """Wait for locks as long as it takes; what an attempt that was broken off left of the index is gone."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        (patience,) = cursor.fetchone()
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(index)}")
        yield cursor
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [patience])


class IndexOfWords(Operation):
    """An index of all words of some columns for `words.HasWords`, on PostgreSQL only, made while others write.

    Not among the indexes of the model, for SQLite could not make it.
    """

    reversible = True
    atomic = False

    def __init__(self, model_name: str, columns: Sequence[str], name: str) -> None:
        self.model_name, self.columns, self.name = model_name, columns, name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """No model changes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        quote = schema_editor.quote_name
        made_of = words.expression([quote(column) for column in self.columns])
        with _patience(schema_editor, self.name) as cursor:
            cursor.execute(f"CREATE INDEX CONCURRENTLY {quote(self.name)} ON {quote(table)} USING gin ({made_of})")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(self.name)}")

    def describe(self) -> str:
        return f"Index the words of {self.model_name}"
