"""Admin pages as a browser sees them: what a form would post back, what messages it shows."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client as Browser


class _Form(HTMLParser):
    """Collects what a browser would submit of the form with an id (of the first form that has `name`)."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside = form_id, False
        self.data: dict[str, Any] = {}
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "form":
            self.inside = values.get("id") == self.form_id
        if not self.inside:
            return
        name = values.get("name") or ""
        if tag == "input" and name:
            kind = values.get("type", "text")
            if kind in ("checkbox", "radio"):
                if "checked" in values:
                    self.data[name] = values.get("value") or "on"
            elif kind not in ("submit", "button", "file"):
                self.data[name] = values.get("value") or ""
        elif tag == "select":
            self._select = name
            self.data.setdefault(name, "")
        elif tag == "option" and self._select and "selected" in values:
            self.data[self._select] = values.get("value") or ""
        elif tag == "textarea":
            self._textarea = name
            self.data[name] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self.inside and self._textarea:
            self.data[self._textarea] += data.removeprefix("\n") if not self.data[self._textarea] else data


def loaded(browser: Browser, url: str, form_id: str) -> dict[str, Any]:
    """What a browser would post back, untouched, from the form of a page."""
    response = browser.get(url)
    assert response.status_code == 200, f"{url}: {response.status_code}"
    form = _Form(form_id)
    form.feed(response.content.decode())
    form.data.pop("csrfmiddlewaretoken", None)
    return form.data


def messages(response: Any) -> list[str]:
    """The messages of a page that was reached with follow=True."""
    return [str(message) for message in response.context["messages"]]
