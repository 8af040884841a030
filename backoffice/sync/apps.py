from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    name = "backoffice.sync"
    label = "sync"
    verbose_name = _("Synchronisation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.sync import dictionaries, enqueue, worker  # noqa: F401  registers the reader of dictionaries
        from backoffice.sync.models import NoticePreference
        from backoffice.sync.notices import mail, troubles, watch  # noqa: F401  registers the notices of this app

        enqueue.connect_signals()
        worker.TASKS.append(worker.Task("notices", watch.step, old=watch.old))
        worker.TASKS.append(worker.Task("notices-mail", mail.step, leased=(NoticePreference,)))
