from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "backoffice.reports"
    verbose_name = _("Reports")

    def ready(self) -> None:
        from backoffice.reports import days
        from backoffice.sync import worker

        worker.TASKS.append(worker.Task("days of couriers", days.Keeper().step))
