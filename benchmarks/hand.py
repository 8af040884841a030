"""A person at the browser: moves, clicks, types and reads at the pace of somebody who knows the product.

The pauses are AIM before each click (find the thing, move there), KEY for each keystroke, LOOK at each new page or
answer. They are part of the seconds that a task takes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page, Response

AIM, KEY, LOOK = 0.6, 0.12, 0.8  # seconds
DURATION = re.compile(r"server;dur=([\d.]+)")


@dataclass
class Figures:
    """What a task took. Server times are milliseconds by address."""

    title: str
    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0
    answers: list[tuple[float, str]] = field(default_factory=list)

    @property
    def slowest(self) -> tuple[float, str]:
        return max(self.answers, default=(0.0, ""))


class Hand:
    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.figures = Figures("")
        self._begun = 0.0
        page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if found := DURATION.search(response.headers.get("server-timing", "")):
            self.figures.answers.append((float(found[1]), response.url.removeprefix(self.base)))

    def begin(self, title: str, address: str) -> None:
        """Stand on the page at which the task begins; how one came there does not count."""
        self.page.goto(self.base + address)
        self.page.wait_for_load_state("networkidle")
        self.figures, self._begun = Figures(title), time.perf_counter()

    def end(self) -> Figures:
        self.figures.seconds = time.perf_counter() - self._begun
        return self.figures

    def click(self, where: Locator, **options: Any) -> None:
        self.count_click()
        where.click(**options)

    def count_click(self) -> None:
        time.sleep(AIM)
        self.figures.clicks += 1

    def type(self, text: str) -> None:
        self.figures.keys += len(text)
        self.page.keyboard.type(text, delay=KEY * 1000)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.figures.keys += 1
            self.page.keyboard.press(key, delay=KEY * 1000)

    def retype(self, text: str) -> None:
        """Replace what stands in the field."""
        self.press("Control+a")
        self.type(text)

    def choose(self, where: Locator, value: str) -> None:
        """A click that opens a list of choices, and one on the choice; a browser draws it, so no locator reaches it."""
        self.count_click()
        self.count_click()
        where.select_option(value)

    def look(self) -> None:
        time.sleep(LOOK)
