"""The order list's actions as a browser uses them: choose, fill in the page that asks, submit, read what it tells."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client as Browser
from django.urls import reverse

from tests.sync.admin_pages import loaded, messages

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
LIST = "/admin/orders/order/"


def change_form(browser: Browser, row: Any) -> dict[str, Any]:
    """What a browser would post back, untouched, from the form of a row."""
    return loaded(browser, change_url(row), f"{row._meta.model_name}_form")


def change_url(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def save(browser: Browser, row: Any, data: dict[str, Any]) -> list[str]:
    """Post a form that must be accepted. Returns the messages."""
    response = browser.post(change_url(row), data, follow=True)
    assert response.redirect_chain, errors(response)
    return messages(response)


def errors(response: Any) -> dict[str, Any]:
    """The errors of a form that was refused, those of its inlines included."""
    found = dict(response.context["adminform"].form.errors)
    for inline in response.context["inline_admin_formsets"]:
        for number, row in enumerate(inline.formset.errors):
            found |= {f"{inline.formset.prefix}-{number}-{name}": texts for name, texts in row.items()}
    return found


def choose(browser: Browser, action: str, ids: list[int], *, query: str = "", everything: bool = False) -> Any:
    """Choose an action in the list, for some rows or for all that the filters of `query` leave."""
    data = {"action": action, "_selected_action": ids, "select_across": "1" if everything else "0"}
    return browser.post(LIST + query, data)


def confirm(browser: Browser, page: Any, *, query: str = "", **fields: Any) -> list[str]:
    """Fill in the page that an action shows and submit it. Returns what the list then tells."""
    response = submit(browser, page, query=query, **fields)
    assert response.redirect_chain == [(LIST + query, 302)], response.content.decode()[-3000:]
    return messages(response)


def submit(browser: Browser, page: Any, *, query: str = "", **fields: Any) -> Any:
    assert page.status_code == 200, page.status_code
    _before, _form, html = page.content.decode().partition('<form method="post"')
    data: dict[str, Any] = {}
    for name, value in HIDDEN.findall(html):
        data.setdefault(name, []).append(value)
    return browser.post(LIST + query, {**data, **fields}, follow=True)
