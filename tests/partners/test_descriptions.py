"""The descriptions of the contract: complete, anchored in the seed, and saying more than a name."""

import re

import pytest
from django.utils.translation import override

from backoffice.partners.descriptions import ENTITIES, ENVELOPES, FIELDS, PARAMETERS, Described
from backoffice.remotes.ireca import contract
from backoffice.remotes.ireca.contract.codec import Entity, camel, plan_of

LAST_LINE = 2862
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def reachable() -> set[type[Entity]]:
    """The entities that the contract offers, and those that they nest."""
    found: set[type[Entity]] = set()
    waiting = [
        value for name in contract.__all__ if isinstance(value := getattr(contract, name), type) and value is not Entity
    ]
    while waiting:
        cls = waiting.pop()
        if issubclass(cls, Entity) and cls not in found:
            found.add(cls)
            waiting.extend(field.nested for field in plan_of(cls).fields.values() if field.nested)
    return found


def described() -> list[tuple[str, str, Described]]:
    """Every description with its place and the name that it must not merely repeat."""
    entities = [(cls.__name__, cls.__name__, text) for cls, text in ENTITIES.items()]
    fields = [(f"{cls.__name__}.{name}", name, text) for cls, texts in FIELDS.items() for name, text in texts.items()]
    around = [(name, name, text) for texts in (PARAMETERS, ENVELOPES) for name, text in texts.items()]
    return entities + fields + around


def letters(text: str) -> str:
    return re.sub(r"\W|_", "", text).lower()


def test_every_entity_is_described() -> None:
    assert len(reachable()) > 30
    assert set(ENTITIES) == set(FIELDS) == reachable()


@pytest.mark.parametrize("cls", sorted(FIELDS, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_every_attribute_is_described_and_none_that_is_not_there(cls: type[Entity]) -> None:
    assert set(FIELDS[cls]) == set(cls.__struct_fields__)


def test_every_description_names_a_line_of_the_seed() -> None:
    assert [place for place, _, text in described() if not 1 <= text.line <= LAST_LINE] == []


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_description_says_more_than_the_name_in_the_readers_language(language: str) -> None:
    with override(language):
        read = [(place, name, str(text.text)) for place, name, text in described()]

    assert [place for place, _, text in read if not text.strip() or not text.endswith(".")] == []
    assert [place for place, name, text in read if letters(text) in (letters(name), letters(camel(name)))] == []
    # Both languages quote Russian values; words are Russian on the Russian side alone.
    quoted = [(place, re.sub("`[^`]*`", "", text)) for place, _, text in read]
    assert [place for place, text in quoted if bool(CYRILLIC.search(text)) != (language == "ru")] == []
