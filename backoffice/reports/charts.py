"""Charts as shapes, drawn by a template as SVG: bars over time, with a scale that people can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backoffice.reports import formats

WIDTH, HEIGHT, BOTTOM, LEFT = 720, 200, 24, 8
LABELS = 12  # at most so many under the bars


@dataclass(frozen=True)
class Bar:
    """A bar with its place. Lengths are units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    label: str  # under the bar; empty where there is no room
    is_spare: bool  # whether its label is one of those that a phone has no room for
    text: str  # what is said when it is pointed at
    url: str


@dataclass(frozen=True)
class Chart:
    title: str
    bars: Sequence[Bar]
    top: str  # what the highest line stands for
    width: int = WIDTH
    height: int = HEIGHT + BOTTOM

    @property
    def base(self) -> int:
        return HEIGHT

    @property
    def label_y(self) -> int:
        return HEIGHT + 16


def bars(title: str, points: Sequence[tuple[str, Any, str]], kind: str) -> Chart | None:
    """A chart of (label, value, address); None where there is nothing to compare."""
    if len(points) < 2:
        return None
    top = max((Decimal(value or 0) for _label, value, _url in points), default=Decimal(0))
    if top <= 0:
        return None
    step = (WIDTH - 2 * LEFT) / len(points)
    every = -(-len(points) // LABELS)
    drawn = []
    for index, (label, value, url) in enumerate(points):
        height = max(0.0, float(Decimal(value or 0) / top) * (HEIGHT - 20))
        drawn.append(
            Bar(
                x=round(LEFT + index * step + step * 0.1, 1),
                y=round(HEIGHT - height, 1),
                width=round(step * 0.8, 1),
                height=round(height, 1),
                label=label if index % every == 0 else "",
                is_spare=index // every % 3 > 0,
                text=f"{label}: {formats.written(value, kind)}",
                url=url,
            )
        )
    return Chart(title, drawn, formats.written(top, kind))
