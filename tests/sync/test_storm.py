"""Both sides change at once while a third of all requests fail in every way there is and workers are killed.

The same at full size: `python -m benchmarks.storm`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backoffice.remotes.sandbox import Sandbox
from benchmarks.both_sides import Storm
from benchmarks.promises import broken

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_storm_loses_nothing(
    ireca: Sandbox, live_server: Any, settings: Any, child_environment: Callable[[], dict[str, str]], tmp_path: Path
) -> None:
    settings.CALLBACK_SECRET, settings.PUBLIC_URL = "callback-secret", live_server.url
    storm = Storm(ireca, child_environment(), tmp_path / "worker.log", orders=200, waves=2, kills=2)
    storm.run()
    assert broken(storm.record) == []
    storm.settle_conflicts()
    assert broken(storm.record) == []
    assert storm.figures["workers killed"] == 2
    assert storm.figures["refunds made there"] >= 8
