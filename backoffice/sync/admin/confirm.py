"""The page between choosing an action and its happening."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import helpers
from django.http import HttpRequest
from django.template.response import TemplateResponse


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the request comes from the confirmation page."""
    return request.method == "POST" and request.POST.get("confirmed") == "1"


def confirmation(
    model_admin: Any, request: HttpRequest, *, action: str, title: str, question: str, rows: Iterable[tuple[Any, str]]
) -> TemplateResponse:
    """Ask before a list's action happens. `rows`: each object with what is to be said about it."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,
        "title": title,
        "question": question,
        "rows": list(rows),
        "action": action,
        "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
        "back": request.get_full_path(),
    }
    return TemplateResponse(request, "admin/sync/confirm.html", context)
