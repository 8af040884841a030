"""What has to be printed for which fault, by the format of fiscal documents."""

from __future__ import annotations

import pytest
from django.utils import translation

from fiscal.corrections import Fault, Ffd, requisites, steps

WRONG = [Fault.SUM, Fault.VAT, Fault.PAYMENT]


@pytest.mark.parametrize(("kind", "operation"), [("sale", 1), ("return", 2)])
@pytest.mark.parametrize("ffd", Ffd)
def test_nothing_printed_takes_one_correction(ffd: Ffd, kind: str, operation: int) -> None:
    (step,) = steps(Fault.NO_RECEIPT, ffd, kind)
    assert (step.operation, step.is_correction, step.is_wrong) == (operation, True, False)
    assert step.has_lines is (ffd != Ffd.V105)


@pytest.mark.parametrize(("kind", "operations"), [("sale", [2, 1]), ("return", [1, 2])])
@pytest.mark.parametrize("fault", WRONG)
@pytest.mark.parametrize("ffd", Ffd)
def test_a_wrong_receipt_is_undone_and_printed_again(ffd: Ffd, fault: Fault, kind: str, operations: list[int]) -> None:
    found = steps(fault, ffd, kind)
    assert [step.operation for step in found] == operations
    assert [step.is_wrong for step in found] == [True, False]
    assert {step.is_correction for step in found} == {ffd != Ffd.V105}
    assert all(step.has_lines for step in found)


@pytest.mark.parametrize("ffd", Ffd)
def test_requisites(ffd: Ffd) -> None:
    (missing,) = steps(Fault.NO_RECEIPT, ffd, "sale")
    tags = [each.tag for each in requisites(missing, Fault.NO_RECEIPT, ffd, "", None, "note")]
    assert tags == [1054, 1173, 1178, 1179, *([1177] if ffd == Ffd.V105 else [])]
    undo, anew = steps(Fault.SUM, ffd, "sale")
    for step in (undo, anew):
        found = {each.tag: each.value for each in requisites(step, Fault.SUM, ffd, "3522207165", None, "note")}
        assert found[1192] == "3522207165"
        assert (1173 in found) is step.is_correction
    with translation.override("en"):
        unknown = {each.tag: str(each.value) for each in requisites(undo, Fault.SUM, ffd, "", None, "note")}
    assert "not known here" in unknown[1192]
