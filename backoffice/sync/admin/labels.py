"""Small pieces of HTML that lists share."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.template.loader import get_template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from backoffice.remotes.redact import redact
from backoffice.sync import personal


def badge(text: Any, kind: str = "", title: str = "") -> str:
    """A coloured label; `kind` is success, info, warning, danger or nothing."""
    return _drawn(str(text), kind, str(title))


@lru_cache(maxsize=2048)
def _drawn(text: str, kind: str, title: str) -> str:
    """A list has hundreds of labels and few that differ; drawing each anew took a fifth of its time."""
    return get_template("unfold/helpers/label.html").render({"type": kind, "text": text, "label_title": title})


def link(url: str, text: Any) -> SafeString:
    return format_html('<a class="text-primary-600 underline dark:text-primary-500" href="{}">{}</a>', url, text)


def exchanges_of(trace: str) -> SafeString | str:
    """The id of a request, which leads to the exchanges that came of it."""
    return link(reverse("admin:sync_exchange_changelist", query={"q": trace}), trace) if trace else "–"


def short(text: str, length: int = 80) -> str:
    """The beginning of a long text, the whole as its title."""
    if len(text) <= length:
        return text
    return format_html('<span title="{}">{}</span>', text, Truncator(text).chars(length))


def block(text: str) -> SafeString | str:
    """Text as it is, secrets masked; a dash where there is none."""
    if not text:
        return "–"
    return format_html(
        '<pre class="text-xs" style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', redact(text)
    )


def pretty_json(value: Any) -> SafeString | str:
    """A JSON value for reading, secrets masked; nothing of it for who may not see personal data."""
    if personal.is_hidden():
        return personal.mask_all(str(value or ""))
    return "–" if value is None else block(json.dumps(value, ensure_ascii=False, indent=2))


def pretty_body(body: str) -> SafeString | str:
    """The body of a message: indented where it is JSON, as it is where it is not. Not for all either."""
    if personal.is_hidden():
        return personal.mask_all(body)
    try:
        return pretty_json(json.loads(body))
    except ValueError:
        return block(body)
