"""Settling conflicts: a page that shows field, base, ours and theirs; a person chooses by field or for all at once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from django.contrib import messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from msgspec import UNSET

from backoffice.remotes.ireca import contract
from backoffice.remotes.redact import redact
from backoffice.sync import personal
from backoffice.sync.apply import resolve
from backoffice.sync.dictionaries import label
from backoffice.sync.merge import blank
from backoffice.sync.mirror import Embedded, Mirror, Reference
from backoffice.sync.mirrored import Mirrored, SyncState
from backoffice.sync.models import Sent
from backoffice.sync.sent import undecided
from backoffice.sync.titles import attribute_title

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object

MANY = 100  # conflicts shown and settled in one go


# The dictionaries that name the codes of the wire.
DICTIONARIES = {
    "deliveryStatusId": "orderDeliveryStatuses",
    "statusId": "orderStatuses",
    "closeTypeId": "closeTypes",
    "calcId": "goodCalcTypes",
}


@dataclass(frozen=True)
class FieldConflict:
    """One attribute that both sides changed, for a person to read."""

    name: str  # the wire's
    label: str
    base: str
    ours: str
    theirs: str
    note: str  # how it came to be, where that is not plain

    @property
    def token(self) -> str:
        """Stands for theirs in a form, which would change line ends in the text itself."""
        return hashlib.sha256(self.theirs.encode()).hexdigest()[:16]


def field_conflicts(mirror: Mirror, row: Any) -> list[FieldConflict]:
    """What is in conflict on a row that `mirror.queryset()` gave."""
    overwritten = undecided(mirror, [row.pk]).get(row.pk, {})
    # Of what we overwrote both sides have ours by now; it is shown against what was agreed before.
    earlier = {name: attempt.agreed[name] for name, attempt in overwritten.items() if attempt.agreed is not None}
    base, ours = mirror.base(row), mirror.build(row)
    if earlier:
        base = contract.decode(mirror.struct, {**row.remote_data, **earlier, **mirror.identify(row.ireca_id)})
    theirs = contract.decode(mirror.struct, {**row.sync_conflict, **mirror.identify(row.ireca_id)})
    found = []
    for spec in mirror.fields:
        if (name := mirror.wire(spec.attr)) in row.sync_conflict:
            sides = [getattr(side, spec.attr) if side is not None else None for side in (base, ours, theirs)]
            if isinstance(spec, Reference):
                sides = _named(spec.target(mirror.model), sides)
            elif isinstance(spec, Embedded):
                sides = [_parts(mirror, spec, value) for value in sides]
            elif (kind := DICTIONARIES.get(name)) is not None:
                sides = [f"{label(kind, code)} ({code})" if isinstance(code, int) else code for code in sides]
            note = _note(overwritten[name]) if name in overwritten else ""
            before, here, there = map(readable, sides)
            found.append(FieldConflict(name, attribute_title(mirror, spec), before, here, there, note))
    return found


def _note(attempt: Sent) -> str:
    return _("iRECA had this until ours, sent at %(time)s, overwrote it.") % {
        "time": date_format(localtime(attempt.at), "SHORT_DATETIME_FORMAT")
    }


def readable(value: Any) -> str:
    """A value of the contract as a person reads it: local times, one line for each part, nothing of what is blank."""
    if isinstance(value, datetime):
        return date_format(localtime(value), "SHORT_DATETIME_FORMAT")
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if blank(value):
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, msgspec.Struct):
        parts = {name: readable(getattr(value, name)) for name in value.__struct_fields__}
        return ", ".join(f"{name}: {text}" for name, text in parts.items() if text)
    if isinstance(value, list):
        return "\n".join(readable(item) for item in value)
    return redact(str(value))


def _named(model: type[Mirrored], ids: list[Any]) -> list[Any]:
    """Ids of another entity with what people call it."""
    known = {
        row.ireca_id: str(row) for row in model._base_manager.filter(ireca_id__in=[str(id_) for id_ in ids if id_])
    }
    return [f"{known[id_]} ({id_})" if id_ in known else id_ for id_ in ids]


def _parts(mirror: Mirror, spec: Embedded, value: Any) -> str:
    """A nested object, a line for each part, as the columns that hold the parts are called."""
    if value is None or value is UNSET:
        return ""
    lines = []
    for part, column in zip(spec.parts, spec.columns(), strict=True):
        if text := readable(getattr(value, part, None)):
            lines.append(f"{mirror.model._meta.get_field(column).verbose_name}: {text}")
    return "\n".join(lines)


class ConflictsMixin(Base):
    """The pages on which `MirroredAdmin` settles conflicts, of one row by field and of many alike."""

    mirror: Any  # given by the admin

    def has_settle_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not for who sees masks: it shows what the other side says, as it says it."""
        return self.has_change_permission(request, obj) and not personal.is_masked(self.model)

    def conflict_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """GET shows the conflict of one row; POST settles it, by field or (`all`) for all fields."""
        row = self.mirror.queryset().filter(pk=unquote(object_id)).first()
        if row is None:
            raise Http404
        if not self.has_settle_permission(request, row):
            raise PermissionDenied
        back = reverse(self.page_name("change"), args=[row.pk])
        if row.sync_state != SyncState.CONFLICT:
            messages.info(request, _("There is no conflict any more."))
            return HttpResponseRedirect(back)
        fields = field_conflicts(self.mirror, row)
        if request.method == "POST":
            side = request.POST.get("all", "")
            choices = {field.name: side or request.POST.get(f"field:{field.name}", "") for field in fields}
            choices = {name: chosen for name, chosen in choices.items() if chosen in ("ours", "theirs")}
            # What the page showed is what was decided on: a newer value of theirs is a new question.
            shown = {field.name for field in fields if request.POST.get(f"seen:{field.name}") == field.token}
            choices = {name: chosen for name, chosen in choices.items() if name in shown}
            if choices:
                resolve(self.mirror, row, choices)
                self.log_settled(request, row, choices)
            if len(choices) == len(fields):
                messages.success(request, _("The conflict is settled."))
                return HttpResponseRedirect(back)
            messages.warning(request, _("Some fields are not decided yet, or changed again meanwhile."))
            return HttpResponseRedirect(request.get_full_path())
        context = self.page_context(request, _("Conflict: %(name)s") % {"name": row})
        return TemplateResponse(
            request, "admin/sync/conflict.html", {**context, "original": row, "fields": fields, "back": back}
        )

    def settle_many(self, request: HttpRequest, queryset: QuerySet, side: str, action: str) -> HttpResponse | None:
        """Ask for confirmation with all that would change, then settle every conflict of the selection in one way."""
        ids = list(
            queryset.filter(sync_state=SyncState.CONFLICT).order_by("pk").values_list("pk", flat=True)[: MANY + 1]
        )
        if not ids:
            messages.info(request, _("None of the selected rows is in conflict."))
            return None
        if len(ids) > MANY:
            messages.error(request, _("Settle at most %(limit)d conflicts at once.") % {"limit": MANY})
            return None
        rows = list(self.mirror.queryset().filter(pk__in=ids))
        if request.POST.get("confirmed"):
            for row in rows:
                choices = dict.fromkeys(row.sync_conflict, side)
                resolve(self.mirror, row, choices)
                self.log_settled(request, row, choices)
            text = ngettext("%(count)d conflict is settled.", "%(count)d conflicts are settled.", len(rows))
            messages.success(request, text % {"count": len(rows)})
            return None
        title = _("Keep ours") if side == "ours" else _("Take what iRECA has")
        context = self.page_context(request, title)
        return TemplateResponse(
            request,
            "admin/sync/conflicts.html",
            {
                **context,
                "side": side,
                "action": action,
                "conflicts": [(row, field_conflicts(self.mirror, row)) for row in rows],
                "checkbox_name": helpers.ACTION_CHECKBOX_NAME,
                "back": reverse(self.page_name("changelist")),
            },
        )

    def log_settled(self, request: HttpRequest, row: Any, choices: dict[str, str]) -> None:
        """Who decided what, for the history page."""
        text = ", ".join(f"{name}: {side}" for name, side in choices.items())
        self.log_change(request, row, [{"changed": {"fields": [text]}}])

    def page_context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
        }

    def page_name(self, page: str) -> str:
        opts = self.model._meta
        return f"admin:{opts.app_label}_{opts.model_name}_{page}"
