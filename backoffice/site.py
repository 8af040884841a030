"""The admin's site: the theme's, without what no page shows, and with our fields for passwords."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class SiteConfig(AdminConfig):
    default_site = "backoffice.site.Site"


class Site(UnfoldAdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The list of all models, made where a template asks for it: each page is given it, and the menu is our own."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """One's own password; the theme's view names its form itself."""
        from django.contrib.auth.views import PasswordChangeView

        from backoffice.accounts.passwords import OwnPasswordForm  # models: not before all apps are loaded

        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            template_name=self.password_change_template or "registration/password_change_form.html",
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        with transaction.atomic():  # with what follows: the trail, the letter, the end of other sessions
            return view(request)
