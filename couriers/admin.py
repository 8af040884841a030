"""Couriers, their roles and permissions, the licences that their sessions use, and where they are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from backoffice.sync.admin.base import MirroredAdmin, MirroredTabularInline, ViewOnlyAdmin
from backoffice.sync.admin.confirm import confirmation, is_confirmed
from backoffice.sync.admin.filters import PeriodFilter
from backoffice.sync.admin.labels import badge
from backoffice.sync.dictionaries import label
from backoffice.sync.models import Push
from couriers.mirror import release
from couriers.models import Courier, License, LicenseUsage, Location, Permission, Role
from couriers.permissions import EVOTOR, MatrixLinkMixin, PermissionMatrixMixin
from couriers.views import PLACES, CourierMapMixin


class PermissionInline(MirroredTabularInline):
    model = Permission
    tab = True
    fields = ("description", "action_id", "is_allowed")
    readonly_fields = ("description",)


@admin.register(Role)
class RoleAdmin(MatrixLinkMixin, MirroredAdmin):
    list_display = ("title", "is_active")
    list_filter = ("is_active",)
    search_fields = ("title__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    readonly_fields = ("is_active",)
    fieldsets = ((None, {"fields": ("title", "is_active"), "description": EVOTOR}),)
    inlines = (PermissionInline,)


@admin.register(Permission)
class PermissionAdmin(PermissionMatrixMixin, MirroredAdmin):
    list_display = ("description", "action_id", "role", "is_allowed")
    list_select_related = ("role",)
    list_filter = ("is_allowed", ("role", AutocompleteSelectFilter))
    search_fields = ("description__icontains", "action_id__icontains")
    ordering = ("id",)
    autocomplete_fields = ("role",)
    readonly_fields = ("description", "remote_updated_at")
    fieldsets = (
        (
            None,
            {
                "fields": ("role", "action_id", "is_allowed", "description", "remote_updated_at"),
                "description": EVOTOR,
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # iRECA knows a permission by these two, so another pair is another permission.
        fixed = ("role", "action_id") if obj is not None else ()
        return (*fixed, *super().get_readonly_fields(request, obj))


@admin.register(Courier)
class CourierAdmin(CourierMapMixin, MirroredAdmin):
    list_display = ("title", "phone", "role", "inn")
    list_select_related = ("role",)
    list_filter = (("role", AutocompleteSelectFilter),)
    search_fields = ("title__icontains", "phone__icontains", "ireca_id__exact")
    ordering = ("title", "id")
    autocomplete_fields = ("role",)
    readonly_fields = ("remote_updated_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("title", "role"),
                    ("phone", "email"),
                    ("inn", "source_password"),
                    ("cash_limit", "remote_updated_at"),
                )
            },
        ),
    )


@admin.register(License)
class LicenseAdmin(ViewOnlyAdmin):
    list_display = ("__str__", "courier", "state_badge", "session_start_at", "session_finish_at", "seen_at")
    list_select_related = ("courier",)
    list_filter = ("is_open", ("courier", AutocompleteSelectFilter))
    search_fields = ("device_id__exact", "device_title__icontains", "courier__title__icontains")
    ordering = ("-is_open", "-session_start_at", "-id")
    list_before_template = "admin/couriers/licenses.html"
    actions = ("release_licence",)

    def has_release_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("couriers.change_license")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        usage = LicenseUsage.objects.order_by("-at").first()
        return super().changelist_view(request, {"usage": usage, **(extra_context or {})})

    @admin.display(description=gettext_lazy("state"), ordering="is_open")
    def state_badge(self, session: License) -> str:
        return badge(_("In use"), "success") if session.is_open else badge(_("Free"))

    @admin.action(description=gettext_lazy("Release licence"), permissions=["release"])
    def release_licence(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Close sessions at iRECA, which frees their licences; tells for each what was asked for, or why not."""
        sessions = list(queryset.select_related("courier")[:100])
        if not is_confirmed(request):
            return confirmation(
                self,
                request,
                action="release_licence",
                title=_("Release licence"),
                question=_("These sessions are closed at iRECA. The couriers must sign in again on their devices."),
                rows=[(session, _reason(session) or _describe(session)) for session in sessions],
            )
        on_their_way = _being_released(sessions)
        for session in sessions:
            if reason := _reason(session, on_their_way):
                messages.warning(request, f"{session}: {reason}")
                continue
            release(session)
            self.log_change(request, session, _("Release licence"))
            messages.success(request, _("%(session)s: iRECA is asked to close the session.") % {"session": session})
        return None


def _reason(session: License, on_their_way: set[int | None] | None = None) -> str:
    """Why a session is not to be released; empty when it is."""
    if not session.is_open:
        return _("closed already, it uses no licence")
    if on_their_way is not None and session.pk in on_their_way:
        return _("its closing is on its way already")
    return ""


def _describe(session: License) -> str:
    started = date_format(localtime(session.session_start_at), "DATETIME_FORMAT") if session.session_start_at else ""
    return " · ".join(filter(None, [str(session.courier or ""), started]))


def _being_released(sessions: list[License]) -> set[int | None]:
    return set(
        Push.objects.filter(
            entity="licenses",
            action=Push.Action.COMMAND,
            object_id__in=[session.pk for session in sessions],
            state__in=Push.OPEN,
        ).values_list("object_id", flat=True)
    )


@admin.register(LicenseUsage)
class LicenseUsageAdmin(ViewOnlyAdmin):
    list_display = ("at", "used", "total")
    list_filter = (("at", PeriodFilter),)
    ordering = ("-at", "-id")


@admin.register(Location)
class LocationAdmin(ViewOnlyAdmin):
    """Reached from a courier in most cases; newest first by key, which follows time closely and is indexed."""

    list_display = ("created_at", "courier", "order_text", "status_text", "place", "accuracy")
    list_select_related = ("courier",)
    list_filter = (("courier", AutocompleteSelectFilter),)
    ordering = ("-id",)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perms(PLACES)

    @admin.display(description=gettext_lazy("order"))
    def order_text(self, location: Location) -> str:
        return location.order_ireca_id or "–"

    @admin.display(description=gettext_lazy("delivery status"), ordering="delivery_status")
    def status_text(self, location: Location) -> str:
        return label("orderDeliveryStatuses", location.delivery_status)

    @admin.display(description=gettext_lazy("place"))
    def place(self, location: Location) -> str:
        if location.latitude is None or location.longitude is None:
            return "–"
        return f"{location.latitude:.6f}, {location.longitude:.6f}"
