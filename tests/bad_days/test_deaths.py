"""Killed at every step: `kill -9` right before each thing that others can see, and after the last one.

Each scenario promises something, lets a child begin to keep it and kills it before one of its steps; a worker starts,
and both sides are compared with the promise; then again, before another step. Here that is the first step of each
name; with EVERY_STEP in the environment it is the first, the second, and so on to the last (`make soak`), which takes
minutes. What the steps are is in `steps.py`, complete and proven: a step that is not named there fails the test, as
does a name that no child has come to.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.promises import Record
from tests.bad_days.scenarios import SCENARIOS
from tests.bad_days.steps import MEANING, SOMETIMES, STEPS
from tests.bad_days.undertaker import Death, Undertaker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
HANDED_OVER = (
    *("ALLOWED_HOSTS", "IRECA_URL", "IRECA_TOKEN", "CALLBACK_SECRET", "PUBLIC_URL"),
    *("WEBHOOK_ALLOWED_NETWORKS", "WEBHOOK_FIRST_WAIT", "BIFIT_URL", "BIFIT_USERNAME", "BIFIT_PASSWORD"),
    *("BIFIT_ORGANIZATION_ID", "BIFIT_TRADE_OBJECT_ID", "BIFIT_RATE"),
)
# The others go the same ways through the database.
ON_BOTH = ("a push", "a command", "a callback, taken", "a callback, processed")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ON_BOTH else pytest.mark.one_engine) for name in SCENARIOS]
)
def test_killed_at_every_step(
    name: str, record: Record, recover: Callable[[], None], undertaker: Undertaker, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    scenario = SCENARIOS[name](record, settings)
    handed_over = {setting: getattr(settings, setting) for setting in HANDED_OVER}
    promises = itertools.count(1)

    def try_again(before: int | str) -> Death:
        arguments = scenario.promise(next(promises))
        death = undertaker.bury(scenario.deed, handed_over, before, **arguments)
        scenario.after()
        recover()
        if scenario.decide():
            recover()
        assert scenario.broken() == [], f"killed before {death.last}, asked for {before}"
        return death

    recover()
    assert scenario.broken() == []
    seen = set(try_again("the end").steps)
    for before in itertools.count(1) if "EVERY_STEP" in os.environ else sorted(seen):
        death = try_again(before)
        seen |= {*death.steps}
        if death.is_over and isinstance(before, int):
            break
    scenario.close()
    assert seen - MEANING.keys() == set(), "steps that nobody has named"
    assert STEPS[name] - seen == set(), "steps that are not taken"


def test_each_step_is_taken_by_somebody() -> None:
    assert SOMETIMES.union(*STEPS.values()) == MEANING.keys()
    assert STEPS.keys() == SCENARIOS.keys()
