"""Every address we answer; nothing imports this."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from backoffice import health
from backoffice.sync import views as sync

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("backoffice/favicon.svg"))),
    # before the admin, which answers every address below its own
    path("admin/sync/health/", include("backoffice.sync.admin.health")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("callbacks/ireca/<str:secret>/<str:kind>", sync.ireca_callback, name="ireca-callback"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
