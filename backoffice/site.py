"""The admin's site: the theme's, without what no page shows."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.admin.apps import AdminConfig
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class SiteConfig(AdminConfig):
    default_site = "backoffice.site.Site"


class Site(UnfoldAdminSite):
    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The list of all models, made where a template asks for it: each page is given it, and the menu is our own."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))
