"""Every address we answer; nothing imports this."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.utils.functional import lazy
from django.views.generic import RedirectView

from backoffice import health
from backoffice.metrics.view import metrics
from backoffice.partners.api import dictionaries, webhooks
from backoffice.partners.api.views import NotFoundView
from backoffice.sync import views as sync
from catalog import api as catalog
from couriers import api as couriers
from fiscal import api as fiscal
from orders import api as orders

# The contract of iRECA, served to partners.
api_v1 = [
    *orders.urlpatterns,
    *catalog.urlpatterns,
    *couriers.urlpatterns,
    *fiscal.urlpatterns,
    *webhooks.urlpatterns,
    *dictionaries.urlpatterns,
    re_path("", NotFoundView.as_view()),
]

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=lazy(static, str)("backoffice/favicon.svg"))),
    # before the admin, which answers every address below its own
    path("admin/account/", include("backoffice.accounts.views")),
    path("admin/sync/health/", include("backoffice.sync.admin.health")),
    path("admin/fiscal/", include("orders.admin.fiscal")),
    path("admin/notices/", include("backoffice.sync.admin.notices_page")),
    path("admin/", admin.site.urls),
    path("reports/", include("backoffice.reports.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/v1/", include(api_v1)),
    path("api/", include("backoffice.partners.openapi.views")),
    path("callbacks/ireca/<str:secret>/<str:kind>", sync.ireca_callback, name="ireca-callback"),
    path("callbacks/<str:remote>/<str:secret>/<str:kind>", sync.register_callback, name="register-callback"),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics, name="metrics"),
]

handler400 = "backoffice.failures.bad_request"
handler403 = "backoffice.failures.permission_denied"
handler404 = "backoffice.failures.not_found"
handler500 = "backoffice.failures.server_error"
