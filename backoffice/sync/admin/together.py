"""Several people at one form: each hears who else has it open, what the others saved meanwhile, and what differs.

What a save does about it is in `forms.py` and `formsets.py`. Here is the page: the question where both changed the
same, the messages about what others changed, and the small request by which an open form hears of them
(`static/backoffice/together.js`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.forms.widgets import Media, Script
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from backoffice.sync import presence
from backoffice.sync.admin.forms import KEEP, RowForm
from backoffice.sync.admin.formsets import RowFormSet
from backoffice.sync.admin.meanwhile import name_of

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

PRESSED = "_pressed"  # the input that repeats the first button beside the question
GOING_ON = ("_continue", "_addanother")
TOLD = 12  # changes of others that a page lists one by one


class TogetherMixin(Base):
    """For admins whose form is a RowForm. The change form includes `admin/sync/together.html`."""

    @property
    def media(self) -> Media:
        script: Any = Script("backoffice/together.js", defer=True)  # the stubs know texts only
        ours = Media(js=[script], css={"all": ["backoffice/together.css"]})
        return super().media + ours

    def get_urls(self) -> list[Any]:
        opts = self.model._meta
        view = self.admin_site.admin_view(require_http_methods(["GET", "POST"])(self.together_view))
        name = f"{opts.app_label}_{opts.model_name}_together"
        return [
            path("add/together/", view, name=f"{name}_new"),
            path("<path:object_id>/together/", view, name=name),
            *super().get_urls(),
        ]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row; when it is about to be saved, locked, so that of two saves the second sees what the first did."""
        if request.method == "POST" and connection.in_atomic_block and connection.features.has_select_for_update:
            rows = self.model._base_manager.select_for_update().order_by()
            field = self.model._meta.pk if from_field is None else self.model._meta.get_field(from_field)
            try:
                rows.filter(**{field.name: field.to_python(object_id)}).values_list("pk").first()
            except (ValueError, ValidationError):
                return None
        return super().get_object(request, object_id, from_field)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        form, row = context["adminform"].form, obj
        address = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_together"
        if row is None and add and isinstance(form, RowForm):
            # Nobody else has it, but who is signed out meanwhile hears of it before what he typed is lost.
            context["together"] = {"url": reverse(f"{address}_new"), "every": presence.EVERY.total_seconds()}
        elif row is not None and isinstance(form, RowForm) and self.has_change_permission(request, row):
            formsets = [inline.formset for inline in context["inline_admin_formsets"]]
            parts = [form, *(formset for formset in formsets if isinstance(formset, RowFormSet))]
            context["together"] = {
                "url": reverse(address, args=[row.pk]),
                "stamp": _stamp(row),
                "every": presence.EVERY.total_seconds(),
                "clashes": [clash for part in parts for clash in part.clashes()] if form.is_bound else [],
                "told": _told(form, formsets) if form.is_bound else [],
                "pressed": _pressed(request),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if pressed := _pressed(request):
            # The question came in between: its answer leads to where the first button would have led.
            posted = request.POST.copy()
            posted[pressed] = "1"
            request.POST = posted  # type: ignore[assignment]  # the stubs know only what came in
        return super().response_change(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if change and isinstance(form, RowForm):
            for text in _told(form, formsets):
                messages.info(request, text)

    def together_view(self, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """A sign of life of an open form. Answers who else has it open, and whether the row is as it was; of a new row
        nothing but that the session lasts.

        `window` is the page's name of itself; `leave` its last word. With the hidden inputs of the form (`look`) it
        answers what others changed since the form was loaded. GET answers the token that a form of this session needs.
        """
        window = request.POST.get("window", "")
        if request.method == "POST" and not 0 < len(window) <= 36:
            return HttpResponse(status=400)
        if "leave" in request.POST:
            presence.leave(request.user, window)
            return HttpResponse(status=204)
        row = None if object_id is None else self.get_object(request, unquote(object_id))
        if row is None and object_id is not None:
            raise Http404
        if not (self.has_add_permission(request) if row is None else self.has_change_permission(request, row)):
            raise PermissionDenied
        if request.method == "GET":
            return JsonResponse({"token": get_token(request)})
        if row is None:
            return JsonResponse({"others": [], "stamp": ""})
        others = presence.beat(row, request.user, window)
        answer: dict[str, Any] = {"others": [_present(one, request.user) for one in others], "stamp": _stamp(row)}
        if "look" in request.POST:
            form = self.get_form(request, row, change=True)(request.POST, instance=row)
            formsets, _inlines = self._create_formsets(request, row, change=True)
            answer["told"] = _moved(form, formsets)
        return JsonResponse(answer)


def _pressed(request: HttpRequest) -> str:
    """The button of the form before its question, where that was not the one that just saves."""
    asked = request.POST.get(PRESSED)
    return next((name for name in GOING_ON if name in request.POST or (KEEP in request.POST and name == asked)), "")


def _stamp(row: Any) -> str:
    """Differs after each change of the row; empty where the row does not keep when it was changed."""
    changed = getattr(row, "updated_at", None)
    return "" if changed is None else changed.isoformat()


def _present(one: Any, user: Any) -> str:
    since = localtime(one.since)
    day = "" if since.date() == localtime().date() else date_format(since, "SHORT_DATE_FORMAT") + " "
    said = {"who": name_of(one.user), "time": day + date_format(since, "TIME_FORMAT")}
    if one.user_id == user.pk:
        return _("You have this open in another window since %(time)s") % said
    return _("%(who)s has this open since %(time)s") % said


def _told(form: RowForm, formsets: Iterable[Any]) -> list[str]:
    """What others changed and this save leaves alone."""
    texts = [str(move) for move in form.kept()]
    for formset in formsets:
        if isinstance(formset, RowFormSet):
            texts += formset.told()
    return _short(texts)


def _moved(form: Any, formsets: Iterable[Any]) -> list[str]:
    """All that others changed since the form was loaded."""
    texts = [str(move) for move in form.moves()] if isinstance(form, RowForm) else []
    for formset in formsets:
        if isinstance(formset, RowFormSet):
            texts += formset.moved()
    return _short(texts)


def _short(texts: list[str]) -> list[str]:
    rest = len(texts) - TOLD
    return [*texts[:TOLD], _("and %(count)s more changes") % {"count": rest}] if rest > 0 else texts
