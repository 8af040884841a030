"""A family of metrics from rows of figures: names begin with `backoffice_`, times are in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

NEVER = math.inf  # the age of what did not happen yet: older than any limit


def gauge(
    name: str, text: str, rows: Iterable[tuple[Sequence[str], float]], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    """Rows are (values of the labels, value)."""
    family = GaugeMetricFamily(f"backoffice_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def single(name: str, text: str, value: float) -> GaugeMetricFamily:
    return gauge(name, text, [((), value)])


def age(moment: datetime | None, now: datetime, otherwise: float = 0.0) -> float:
    """Seconds since then; `otherwise` where there is no such moment."""
    return otherwise if moment is None else max((now - moment).total_seconds(), 0.0)
