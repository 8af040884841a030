"""Collects every text that the Russian catalogue must hold, and compiles the catalogue: `make messages`.

The texts are ours and those of third-party apps (unfold ships no Russian; simple-history's is filed under a name that
Django does not read). A third party's text that Django translates itself is left to Django, so that words stay the same
everywhere, except the admin's sentences around a model's name: Django's take every name for a masculine nominative.
Templates are read by Django's own `templatize`, Python by its syntax tree, so GNU gettext is not needed,
and tests can hold the catalogue against the code on any machine.

A development tool: it needs polib, which only the development requirements bring.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import django
import polib
from django.apps import AppConfig, apps
from django.conf import settings
from django.utils.translation.template import templatize

LANGUAGE = "ru"
CATALOGUE = Path(__file__).parent / LANGUAGE / "LC_MESSAGES" / "django.po"
HEADER = {
    "Language": LANGUAGE,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": (
        "nplurals=4; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : "
        "n%10==0 || (n%10>=5 && n%10<=9) || (n%100>=11 && n%100<=14)? 2 : 3);"
    ),  # letter for letter Django's: catalogues with other rules are not merged with it
}

# Which arguments of a gettext function are (context, text, plural).
SINGULAR, CONTEXT, PLURAL, CONTEXT_PLURAL = (None, 0, None), (0, 1, None), (None, 0, 1), (0, 1, 2)
FUNCTIONS = {
    "_": SINGULAR,
    "gettext": SINGULAR,
    "gettext_lazy": SINGULAR,
    "gettext_noop": SINGULAR,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "pgettext": CONTEXT,
    "pgettext_lazy": CONTEXT,
    "npgettext": CONTEXT_PLURAL,
    "npgettext_lazy": CONTEXT_PLURAL,
}
MODEL_NAME = re.compile(r"%s|%\((?:name|items|verbose_name|verbose_name_plural|object_name|objects_name)\)s|\{name\}")
LITERAL = r"""u?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
CALL = re.compile(rf"\b(?:_|n?p?gettext)\((?:\s*{LITERAL}\s*,?)+(?:\s*count)?\s*\)", re.DOTALL)


class Message(NamedTuple):
    """What identifies a text in a catalogue."""

    context: str | None
    text: str
    plural: str | None

    @property
    def key(self) -> tuple[str | None, str]:
        """Gettext finds a text by context and singular alone."""
        return self.context, self.text


@dataclass
class Found:
    """The texts of a set of files, and the calls (`file:line`) whose text only exists when the program runs."""

    messages: dict[tuple[str | None, str], Message]
    uncollectable: list[str]


def own_roots() -> list[Path]:
    """Directories of this project that hold texts for people."""
    base = Path(settings.BASE_DIR)
    ours = {Path(app.path).relative_to(base).parts[0] for app in apps.get_app_configs() if is_ours(app)}
    return [base / name for name in sorted(ours | {"backoffice", "templates"})]


def third_party_roots() -> list[Path]:
    """Directories of installed apps that are neither ours nor Django's, and bring no Russian of their own."""
    theirs = [app for app in apps.get_app_configs() if not is_ours(app) and app.name.partition(".")[0] != "django"]
    return [Path(app.path) for app in theirs if not (Path(app.path) / "locale" / LANGUAGE).is_dir()]


def collect(roots: Iterable[Path]) -> Found:
    """Reads all Python and template files under `roots`; a file that cannot be parsed raises SyntaxError."""
    found = Found({}, [])
    for path in _files(roots):
        text = path.read_text()
        calls = _python_calls(text, path) if path.suffix == ".py" else _template_calls(text, path)
        for line, message in calls:
            if message is None:
                found.uncollectable.append(f"{path}:{line}")
            elif message.text:
                known = found.messages.setdefault(message.key, message)
                if known.plural is None and message.plural is not None:
                    found.messages[message.key] = message
    return found


def django_catalogue(app: str = "") -> dict[tuple[str | None, str], Any]:
    """Django's own Russian, of one contrib app or of all that are installed and the core. Values are polib entries."""
    paths = [Path(config.path) for config in apps.get_app_configs() if config.name.startswith(app or "django.")]
    if not app:
        paths.append(Path(django.__file__).parent / "conf")
    catalogues = [path / "locale" / LANGUAGE / "LC_MESSAGES" / "django.mo" for path in paths]
    return {
        (entry.msgctxt, entry.msgid): entry
        for catalogue in catalogues
        if catalogue.is_file()
        for entry in polib.mofile(str(catalogue))
    }


def required() -> dict[tuple[str | None, str], Message]:
    """What our catalogue must hold: all of ours, and what Django does not say, or cannot say of our models."""
    theirs = collect(third_party_roots()).messages
    django_has = django_catalogue()
    named = {
        key: Message(entry.msgctxt, entry.msgid, entry.msgid_plural or None)
        for key, entry in django_catalogue("django.contrib.admin").items()
        if MODEL_NAME.search(entry.msgid)
    }
    return {
        **{key: message for key, message in theirs.items() if key not in django_has},
        **named,
        **collect(own_roots()).messages,
    }


def merge(catalogue: Any, messages: dict[tuple[str | None, str], Message]) -> None:
    """Makes a polib catalogue hold exactly `messages`; translations of those that stay are kept.

    A new text that Django knows starts with Django's translation: ours wins over Django's everywhere in the admin, so
    a different one must be a decision.
    """
    django_has = django_catalogue()
    kept = {(entry.msgctxt, entry.msgid): entry for entry in catalogue}
    del catalogue[:]
    by_text = sorted(messages.items(), key=lambda item: (item[1].text.lower(), item[1].text, item[1].context or ""))
    for key, message in by_text:
        entry = kept.get(key)
        if entry is None or (entry.msgid_plural or None) != message.plural:
            entry = polib.POEntry(msgctxt=message.context, msgid=message.text)
            known = django_has.get(key)
            if message.plural is not None:
                entry.msgid_plural = message.plural
                entry.msgstr_plural = dict.fromkeys(range(4), "")
                if known is not None and known.msgid_plural == message.plural:
                    entry.msgstr_plural = dict(known.msgstr_plural)
            elif known is not None:
                entry.msgstr = known.msgstr
        entry.flags = ["python-format"] if re.search(r"%(\(\w+\))?[sd]", message.text + (message.plural or "")) else []
        catalogue.append(entry)


def main() -> int:
    """Brings the catalogue up to date and compiles it. Exit status 1 while a text waits for its translation."""
    django.setup()
    catalogue = polib.pofile(str(CATALOGUE)) if CATALOGUE.is_file() else polib.POFile()
    catalogue.wrapwidth = 120
    catalogue.metadata = HEADER
    merge(catalogue, required())
    catalogue.save(str(CATALOGUE))
    catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))

    problems = [f"not a literal text: {place}" for place in collect(own_roots()).uncollectable]
    problems += [f"not translated: {entry.msgid!r}" for entry in catalogue if not entry.translated()]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    sys.stderr.write(f"{len(catalogue)} texts, {len(problems)} problems\n")
    return 1 if problems else 0


def is_ours(app: AppConfig) -> bool:
    path = Path(app.path)
    return path.is_relative_to(settings.BASE_DIR) and "site-packages" not in path.parts


def _files(roots: Iterable[Path]) -> Iterator[Path]:
    # unfold's `contrib` holds apps of their own, and only installed ones matter
    skipped = {"contrib", "migrations", "static", "__pycache__"}
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.suffix in (".py", ".html", ".txt") and not skipped & set(path.relative_to(root).parts):
                yield path


def _python_calls(source: str, path: Path) -> Iterator[tuple[int, Message | None]]:
    for node in ast.walk(ast.parse(source, str(path))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
            if name in FUNCTIONS and node.args:
                yield node.lineno, _message(name, node)


def _template_calls(source: str, path: Path) -> Iterator[tuple[int, Message | None]]:
    code = templatize(source, origin=str(path))
    for match in CALL.finditer(code):
        node = ast.parse(re.sub(r",?\s*count\s*\)$", ")", match.group()), mode="eval").body
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        yield code.count("\n", 0, match.start()) + 1, _message(node.func.id, node)


def _message(function: str, call: ast.Call) -> Message | None:
    values: list[str | None] = []
    for position in FUNCTIONS[function]:
        if position is None:
            values.append(None)
            continue
        argument = call.args[position] if position < len(call.args) else None
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            return None
        values.append(argument.value)
    context, text, plural = values
    return Message(context, text or "", plural)


if __name__ == "__main__":
    sys.exit(main())
