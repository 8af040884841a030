from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "backoffice.accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from backoffice.accounts import letters, listening, retention
        from backoffice.accounts.models import Letter
        from backoffice.sync.tasks import BLIND, TASKS, Task

        listening.connect()
        TASKS.append(
            Task(
                "letters about logins",
                letters.step,
                leased=(Letter,),
                old=retention.old,
                due=letters.waiting,
                every=BLIND,
            )
        )
