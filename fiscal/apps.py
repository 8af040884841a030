from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FiscalConfig(AppConfig):
    name = "fiscal"
    verbose_name = _("Fiscal documents")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from fiscal import commands, mirror, notices, readers  # noqa: F401  registers what this app mirrors, reads, tells
