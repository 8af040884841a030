from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    name = "backoffice.transfer"
    label = "transfer"
    verbose_name = _("Import and export")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.sync import worker
        from backoffice.transfer import running
        from backoffice.transfer.models import Import

        worker.TASKS.append(worker.Task("imports", running.work, threads=1, leased=(Import,), old=running.old))
