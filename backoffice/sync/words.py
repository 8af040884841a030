"""Search by words, on PostgreSQL: rows of which each word of a term begins a word, along an index of all words.

The index (`operations.IndexOfWords`) and the condition are made of the same expression, which is what lets PostgreSQL
use the one for the other. `simple` of PostgreSQL's configurations, for names and streets are not to be conjugated;
whatever is neither letter nor digit separates, so that "пр.88/2" is found by "88", and ё is е. SQLite has nothing of
the kind: who asks has another way for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models, transaction
from django.db.models.expressions import Func

SEPARATORS = "!\"#$&()*+,-./:;<=>?@[]^_`{|}~«»„“”–—№'\\"  # no per cent sign: it is a mark of parameters
_FROM = "ёЁ" + SEPARATORS
_TO = "еЕ" + " " * len(SEPARATORS)
_SPLIT = re.compile(rf"[\s%{re.escape(SEPARATORS)}]+")


MANY = 20_000  # rows that the index is asked for at most, about


def are_indexed() -> bool:
    return connection.vendor == "postgresql"


@contextmanager
def bounded() -> Iterator[None]:
    """Of a word that half of all rows have, the index gives but some MANY of them, whichever."""
    if not are_indexed():
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('gin_fuzzy_search_limit', %s, true)", [str(MANY)])
        yield


def expression(columns: Sequence[str]) -> str:
    """The SQL of all words of these columns, which hold text that is never NULL."""
    quoted = _FROM.replace("'", "''")
    return f"to_tsvector('simple', translate({_text(columns)}, E'{quoted.replace(chr(92), chr(92) * 2)}', '{_TO}'))"


def _text(columns: Sequence[str]) -> str:
    return " || ' ' || ".join(columns)


class HasWords(Func):
    """A condition: `term` is of words that begin words of the columns; a number has to be the whole word.

    PostgreSQL only, see `are_indexed`.
    """

    output_field = models.BooleanField()
    conditional = True

    def __init__(self, *columns: str, term: str) -> None:
        super().__init__(*columns)
        self.words = [word for word in _SPLIT.split(term.replace("\0", " ").lower().replace("ё", "е")) if word]

    @property
    def query(self) -> str:
        """What each word asks for, quoted; nothing is found where there is none."""
        return " & ".join(f"'{word}'" if word.isdigit() else f"'{word}':*" for word in self.words)

    def _columns(self, compiler: Any) -> list[str]:
        return [compiler.compile(source)[0] for source in self.get_source_expressions()]

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        return f"{expression(self._columns(compiler))} @@ %s::tsquery", (self.query,)


class ReadsWords(HasWords):
    """The same of rows that are read one by one: what has the letters nowhere is not taken apart into words."""

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, tuple[Any, ...]]:
        condition, params = super().as_sql(compiler, connection)
        has_letters = f"({_text(self._columns(compiler))}) ILIKE ALL (%s::text[])"
        letters = [f"%{word.replace('е', '_')}%" for word in self.words]  # е stands for ё, too
        return f"CASE WHEN {has_letters} THEN {condition} ELSE FALSE END", (letters, *params)
