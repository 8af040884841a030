from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SyncConfig(AppConfig):
    name = "backoffice.sync"
    label = "sync"
    verbose_name = _("Synchronisation")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice import database
        from backoffice.sync import dictionaries, enqueue, retention  # noqa: F401  registers the reader of dictionaries
        from backoffice.sync.models import NoticePreference
        from backoffice.sync.notices import mail, troubles, watch  # noqa: F401  registers the notices of this app
        from backoffice.sync.tasks import TASKS, Task

        database.connect_signals()
        enqueue.connect_signals()
        TASKS.append(Task("retention", retention.step, due=retention.due, every=60))
        TASKS.append(Task("notices", watch.step, old=watch.old, every=10))
        TASKS.append(Task("notices-mail", mail.step, leased=(NoticePreference,), every=10))
