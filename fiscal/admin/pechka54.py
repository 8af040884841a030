"""The address that is pasted into the Pechka54 print server at the shop: one page, with a button that copies it.

There is one address at most, so the list of the model is that page.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backoffice.sync import pull
from backoffice.sync.admin.base import ViewOnlyAdmin
from backoffice.sync.connection import IRECA
from backoffice.sync.models import Pull
from backoffice.sync.refresh import unavailable
from fiscal.models import Pechka54

WHAT = "pechka54Settings"
LABEL = gettext_lazy("address for the print server")


@admin.register(Pechka54)
class Pechka54Admin(ViewOnlyAdmin):
    ordering = ("id",)
    fields = ("copy_url", "pulled_at")
    readonly_fields = ("copy_url",)

    class Media:
        js = ("backoffice/copy.js",)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.refresh_view)
        return [path("refresh/", view, name="fiscal_pechka54_refresh"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The address, when it was read, and whether it is being read right now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = Pull.objects.filter(what=WHAT).order_by("-id").first()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": self.opts.verbose_name_plural,
            "label": LABEL,
            "row": Pechka54.objects.order_by("-pulled_at", "-id").first(),
            "run": run,
            "is_moving": run is not None and run.state in (Pull.State.QUEUED, Pull.State.RUNNING),
            "has_failed": run is not None and run.state == Pull.State.FAILED,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/fiscal/pechka54.html", context)

    def refresh_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the address to be read. Whoever may see it may: nothing is changed at iRECA."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        pull.request(WHAT, user=request.user)
        messages.success(request, _("iRECA is asked for the address."))
        if why := unavailable(IRECA):
            messages.warning(request, why)
        return HttpResponseRedirect(reverse("admin:fiscal_pechka54_changelist"))

    @admin.display(description=LABEL)
    def copy_url(self, settings: Pechka54) -> SafeString:
        return render_to_string("admin/copy.html", {"value": settings.url, "label": LABEL})
