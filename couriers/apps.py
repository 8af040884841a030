from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CouriersConfig(AppConfig):
    name = "couriers"
    verbose_name = _("Couriers")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from couriers import keeping, mirror, notices, webhooks  # noqa: F401  registers what this app has
