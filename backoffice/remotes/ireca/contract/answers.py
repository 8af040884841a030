"""How iRECA spells an entity when it tells it: the forms of `Entity.answers`, for a server that speaks this contract.

A reader of ours takes any spelling (`kinds.py`), a writer has exactly one. The answers of the seed use yet others: the
id of an order is a number, the sum is text with two decimals, the banknote is a number. `form_of` gives the attributes
of a form in the order of the seed's example, each with the spelling that its column is turned into; the values
themselves come from whoever serves them.
"""

from dataclasses import dataclass
from functools import cache

from .codec import Entity, Field, plan_of

# What a kind looks like where the form says nothing else.
_OWN = {
    "ref": "text or null",
    "text": "text",
    "code": "code",
    "money": "decimal",
    "quantity": "decimal",
    "quantity_text": "decimal as text",
    "coordinate": "degrees",
    "flag": "0 or 1",
    "moment": "moment",
    "day": "day",
    "bag": "object",
}
# (kind, spelling of the form) -> how it looks
_OTHER = {
    ("ref", "number"): "number or null",  # a number where the id is one, else text
    ("ref", "blank"): "text or blank",  # "" for none (492)
    ("code", "text"): "code as text",  # calcId of a line (553)
    ("money", "fixed"): "two decimals",  # amountToPay, prePaymentSum (505-506)
    ("money", "given"): "decimal or 0",  # cash: 0 for no banknote (507)
    ("quantity", "text"): "decimal as text",  # weight of a line (555)
    ("coordinate", "number"): "degrees as number",  # places and status changes (58, 1193)
    ("flag", "text"): "0 or 1 as text",  # isAllowed (2104)
}


@dataclass(frozen=True, slots=True)
class Told:
    """An attribute as a form tells it: the field, and how its value looks ("object" or "list" for a nested one)."""

    field: Field
    looks: str


@cache
def form_of(cls: type[Entity], form: str) -> tuple[Told, ...]:
    """The attributes that `cls` has in a form ("get", "list", "callback"), in the seed's order."""
    fields = plan_of(cls).fields
    told = []
    for word in cls.answers[form].split():
        name, _, spelling = word.partition(":")
        field = fields[name]
        if field.nested is not None:
            looks = "list" if field.many else "object"
        else:
            looks = _OTHER[field.kind.name, spelling] if spelling else _OWN[field.kind.name]
        told.append(Told(field, looks))
    return tuple(told)
