"""How a fault of a receipt is put right, by the format of fiscal documents (FFD) of the register.

Law 54-FZ asks for a correction (art. 4.3); how it looks differs. In FFD 1.05 a correction receipt holds a total and no
lines, so it serves where nothing was printed, while a wrong receipt is undone by one of the opposite kind and printed
again. In FFD 1.1 and 1.2 it holds all lines and serves for both. iRECA tells correction receipts (seed 002:1252-1270)
and takes none: everything here is prepared for the person at the register. What is said holds as a rule and is no legal
advice; the pages that show it say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from fiscal.models import Receipt


class Ffd(models.TextChoices):
    V105 = "1.05", "1.05"
    V11 = "1.1", "1.1"
    V12 = "1.2", "1.2"


class Fault(models.TextChoices):
    NO_RECEIPT = "no_receipt", _("no receipt was printed")
    SUM = "sum", _("wrong sum")
    VAT = "vat", _("wrong VAT rate")
    PAYMENT = "payment", _("wrong payment type")


@dataclass(frozen=True)
class Requisite:
    """Something to enter, under its tag."""

    tag: int
    title: Any
    value: Any


@dataclass(frozen=True)
class Step:
    """A document to print. `is_wrong`: it repeats the figures of the wrong receipt, otherwise it has the right ones."""

    title: Any
    why: Any
    operation: int  # tag 1054: 1 a sale, 2 a return of a sale
    is_wrong: bool
    has_lines: bool
    is_correction: bool


OPERATIONS = {1: _("sale"), 2: _("return of a sale")}
_OF = {Receipt.Kind.SALE: 1, Receipt.Kind.RETURN: 2}
_OPPOSITE = {1: 2, 2: 1}


def steps(fault: str, ffd: str, kind: str) -> list[Step]:
    """What to print, in this order, for a fault of a receipt of that kind."""
    operation = _OF[Receipt.Kind(kind)]
    with_lines = ffd != Ffd.V105
    if fault == Fault.NO_RECEIPT:
        why = (
            _("Nothing was printed, so there is nothing to undo. The correction receipt has all lines of the order.")
            if with_lines
            else _("Nothing was printed, so there is nothing to undo. In FFD 1.05 it has a total and no lines.")
        )
        return [Step(_("Correction receipt"), why, operation, False, with_lines, True)]
    if with_lines:
        return [
            Step(
                _("Correction receipt that undoes the wrong receipt"),
                _("It repeats the wrong receipt, lines included, with the opposite operation."),
                _OPPOSITE[operation],
                True,
                True,
                True,
            ),
            Step(
                _("Correction receipt with the right figures"),
                _("It has all lines as they should have been."),
                operation,
                False,
                True,
                True,
            ),
        ]
    return [
        Step(
            _("Receipt of the opposite operation"),
            _("In FFD 1.05 a wrong receipt is undone by an ordinary one: it repeats the wrong figures."),
            _OPPOSITE[operation],
            True,
            True,
            False,
        ),
        Step(
            _("New receipt with the right figures"),
            _("An ordinary receipt, as it should have been printed."),
            operation,
            False,
            True,
            False,
        ),
    ]


def requisites(step: Step, fault: str, ffd: str, sign: str, day: Any, basis: str) -> list[Requisite]:
    """What the document holds besides lines and sums: `day` of the faulty settlement, `basis` as a text."""
    found = [Requisite(1054, _("operation"), f"{step.operation} – {OPERATIONS[step.operation]}")]
    if step.is_correction:
        found += [
            Requisite(1173, _("type of correction"), _("0 – on our own initiative; 1 – on the tax service's order")),
            Requisite(1178, _("day of the settlement that is corrected"), day),
            Requisite(1179, _("number of the tax service's order"), _("only for an order of the tax service")),
        ]
        if ffd == Ffd.V105:
            found.append(Requisite(1177, _("description of the correction"), basis))
    if fault != Fault.NO_RECEIPT:
        known = sign or _("not known here: read it from the paper or at the operator of fiscal data")
        found.append(Requisite(1192, _("fiscal sign of the wrong receipt"), known))
    return found
