"""What every role may do in the app, as one table that is edited and saved at once (seed 002:2084-2120).

`Matrix` is the table: roles across, permissions down; what iRECA's dictionary names is there even where no row is.
`PermissionMatrixMixin` is its page in the admin of permissions. A save writes the cells that the person changed and
nothing else, with two statements for those that exist and one for those that do not, so that they leave in one request.

The page remembers what it showed. A cell that somebody else (or iRECA) changed since then, and that the person did not
touch, stays as it is now, and the person is told.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import product

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin
from unfold.decorators import action

from backoffice.sync.admin.lists import tell
from backoffice.sync.connection import IRECA
from backoffice.sync.dictionaries import titles
from backoffice.sync.mirrored import SyncState
from backoffice.sync.refresh import unavailable
from couriers.models import Permission, Role

EVOTOR = gettext_lazy("Evotor devices ignore permissions.")  # CONTRACT T57

CellId = tuple[int, str]  # our key of the role, the action


@dataclass(frozen=True)
class Cell:
    """One checkbox."""

    id: CellId
    label: str
    row: Permission | None

    @property
    def value(self) -> str:
        """How the form names it."""
        return f"{self.id[0]}:{self.id[1]}"

    @property
    def is_allowed(self) -> bool:
        return self.row is not None and self.row.is_allowed

    @property
    def trouble(self) -> str:
        """What is to be told about its way to iRECA; empty while there is nothing."""
        if self.row is None or self.row.sync_state == SyncState.CLEAN:
            return ""
        return ". ".join(filter(None, [self.row.get_sync_state_display(), self.row.sync_error]))


@dataclass(frozen=True)
class Line:
    """A permission: its name, and a cell for each role."""

    action: str
    title: str
    cells: list[Cell]


class Matrix:
    """The table as it is now. Two queries, and the dictionary, which is cached."""

    def __init__(self) -> None:
        self.roles = list(Role.objects.only("title", "is_active").order_by("title", "pk"))
        rows = Permission.objects.only(
            "role_id", "action_id", "is_allowed", "description", "sync_state", "sync_error"
        ).order_by("pk")
        self.rows: dict[CellId, Permission] = {(row.role_id, row.action_id): row for row in rows}
        named = {action: row.description or action for (_role, action), row in self.rows.items()}
        self.titles: dict[str, str] = {**named, **titles("permissions")}

    @property
    def lines(self) -> list[Line]:
        return [
            Line(
                action,
                title,
                [Cell((role.pk, action), f"{role}: {title}", self.rows.get((role.pk, action))) for role in self.roles],
            )
            for action, title in sorted(self.titles.items(), key=lambda item: (item[1].lower(), item[0]))
        ]

    def shown(self) -> str:
        """What the form remembers of it, to be read by `Shown.parse`."""
        allowed = [list(cell) for cell, row in self.rows.items() if row.is_allowed]
        return json.dumps({"roles": [role.pk for role in self.roles], "actions": list(self.titles), "allowed": allowed})


@dataclass(frozen=True)
class Shown:
    """What a page showed when it was loaded."""

    roles: list[int]
    actions: list[str]
    allowed: frozenset[CellId]

    @classmethod
    def parse(cls, text: str) -> Shown:
        """Raises ValueError for what is no state of this page."""
        try:
            state = json.loads(text)
            return cls(
                roles=[int(role) for role in state["roles"]],
                actions=[str(action) for action in state["actions"]],
                allowed=frozenset((int(role), str(action)) for role, action in state["allowed"]),
            )
        except (TypeError, KeyError) as error:
            raise ValueError("no state of the table of permissions") from error

    def cells(self) -> Iterator[CellId]:
        return product(self.roles, self.actions)


@dataclass
class Saved:
    """What came of a save: cells that were written, and cells that others had changed since the page was shown."""

    written: int = 0
    meanwhile: list[CellId] = field(default_factory=list)
    gone: list[CellId] = field(default_factory=list)


def save(shown: Shown, ticked: Collection[CellId], *, may_create: bool) -> Saved:
    """Write the cells that the person changed. Raises PermissionDenied where a missing one may not be created."""
    try:
        return _save(shown, ticked, may_create)
    except IntegrityError:  # a pull has just brought a row that was missing; now it is seen
        return _save(shown, ticked, may_create)


@transaction.atomic
def _save(shown: Shown, ticked: Collection[CellId], may_create: bool) -> Saved:
    # The roles are locked, so that two people do not create the same row.
    roles = Role.objects.select_for_update().order_by("pk").in_bulk(shown.roles)
    rows = {
        (row.role_id, row.action_id): row
        for row in Permission.objects.select_for_update().filter(role__in=roles).order_by("pk")
    }
    known = {*titles("permissions"), *(action for _role, action in rows)}
    saved = Saved()
    changes: dict[bool, list[int]] = {True: [], False: []}
    missing: list[CellId] = []
    for cell in shown.cells():
        row = rows.get(cell)
        was, wanted, now = cell in shown.allowed, cell in ticked, row is not None and row.is_allowed
        if cell[0] not in roles or cell[1] not in known:
            saved.gone += [cell] if wanted != was else []
        elif wanted in (was, now):
            saved.meanwhile += [cell] if now != was else []
        elif row is not None:
            changes[wanted].append(row.pk)
        else:
            missing.append(cell)
    if missing and not may_create:
        raise PermissionDenied
    for is_allowed, keys in changes.items():
        if keys:
            Permission.objects.filter(pk__in=keys).update(is_allowed=is_allowed)
    Permission.objects.bulk_create(
        Permission(
            role=roles[role], action_id=action, is_allowed=True, description=titles("permissions").get(action, "")
        )
        for role, action in missing
    )
    saved.written = sum(map(len, changes.values())) + len(missing)
    return saved


class PermissionMatrixMixin(ModelAdmin):
    """Adds the table to the admin of permissions."""

    actions_list = ("matrix",)

    def has_matrix_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("couriers.view_role")

    @action(description=gettext_lazy("Table"), url_path="matrix", permissions=["matrix"], icon="table")
    def matrix(self, request: HttpRequest) -> HttpResponse:
        """All roles and permissions. A save is a POST of `shown`, as it was loaded, and of each ticked `cell`."""
        may_change = self.has_change_permission(request)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            self._save(request)
            return HttpResponseRedirect(reverse("admin:couriers_permission_matrix"))
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "POST"])
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Permissions by role"),
            "matrix": Matrix(),
            "may_change": may_change,
            "may_create": self.has_add_permission(request),
            "note": EVOTOR,
        }
        return TemplateResponse(request, "admin/couriers/permissions.html", context)

    def _save(self, request: HttpRequest) -> None:
        try:
            shown = Shown.parse(request.POST.get("shown", ""))
            ticked = {_cell(text) for text in request.POST.getlist("cell")}
        except ValueError as error:
            raise BadRequest(str(error)) from error
        _tell(request, save(shown, ticked, may_create=self.has_add_permission(request)))


class MatrixLinkMixin(ModelAdmin):
    """A button that leads to the table, for the admin of roles."""

    actions_list = ("permission_matrix",)

    def has_matrix_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(("couriers.view_role", "couriers.view_permission"))

    @action(description=gettext_lazy("Permissions by role"), url_path="matrix", permissions=["matrix"], icon="table")
    def permission_matrix(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:couriers_permission_matrix"))


def _cell(text: str) -> CellId:
    role, _colon, action_id = text.partition(":")
    return int(role), action_id


def _tell(request: HttpRequest, saved: Saved) -> None:
    if saved.written:
        text = ngettext(
            "%(count)d permission was changed and is on its way to iRECA.",
            "%(count)d permissions were changed and are on their way to iRECA.",
            saved.written,
        )
        messages.success(request, text % {"count": saved.written})
        if why := unavailable(IRECA):
            messages.warning(request, _("%(why)s What is to be sent stays in the queue.") % {"why": why})
    if saved.meanwhile or saved.gone:
        now = Matrix()
        names = {role.pk: str(role) for role in now.roles}
        lines = [_("Changed by somebody else since you opened this page, and left as it is now:")]
        for cell in saved.meanwhile:
            role, action_id = names.get(cell[0], ""), now.titles.get(cell[1], cell[1])
            row = now.rows.get(cell)
            state = _("allowed") if row is not None and row.is_allowed else _("not allowed")
            lines.append(f"{role}: {action_id}. {state}")
        lines += [f"{now.titles.get(cell[1], cell[1])}: " + _("the role is not there any more") for cell in saved.gone]
        tell(request, messages.WARNING, lines)
    if not (saved.written or saved.meanwhile or saved.gone):
        messages.info(request, _("Nothing was changed."))
