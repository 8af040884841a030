from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "backoffice.reports"
    verbose_name = _("Reports")

    def ready(self) -> None:
        from backoffice.reports import days, mails, spans
        from backoffice.reports.models import ReportSubscription
        from backoffice.sync.tasks import TASKS, Task

        spans.connect()
        TASKS.append(Task("days of couriers", days.Keeper().step))
        TASKS.append(Task("reports-mail", mails.step, leased=(ReportSubscription,), every=10))
