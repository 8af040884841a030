from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    name = "backoffice.sync"
    label = "sync"
    verbose_name = _("Synchronisation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.sync import dictionaries, enqueue  # noqa: F401  registers the reader of dictionaries

        enqueue.connect_signals()
