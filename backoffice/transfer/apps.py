from collections.abc import Iterator
from datetime import datetime

from django.apps import AppConfig
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    name = "backoffice.transfer"
    label = "transfer"
    verbose_name = _("Import and export")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.sync import lease
        from backoffice.sync.tasks import BLIND, TASKS, Task
        from backoffice.transfer import running
        from backoffice.transfer.models import Import

        def due(now: datetime) -> Iterator[QuerySet]:
            yield running.due(now).filter(lease.is_free())

        TASKS.append(Task("imports", running.work, leased=(Import,), old=running.old, due=due, every=BLIND))
