from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "backoffice.accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from backoffice.accounts import listening, retention
        from backoffice.sync.tasks import TASKS, Task

        listening.connect()
        # No thread: it has nothing to do but to name the rows whose time is over.
        TASKS.append(Task("accounts", lambda holder: 0, threads=0, old=retention.old))
