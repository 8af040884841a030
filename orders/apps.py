from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Orders")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.sync.changes import rows_changed
        from backoffice.sync.tasks import BLIND, TASKS, Task
        from orders import keeping, kept, mirror, notices, readers, resources, webhooks  # noqa: F401  registers what this app has
        from orders.bifit import callbacks, commands, outlet, pages, reader, statuses  # noqa: F401  and does for registers
        from orders.client_data import erase
        from orders.models import Erasure
        from orders.virtpos import cards, enrolment  # noqa: F401  likewise
        from orders.virtpos import pages as _pages  # noqa: F401  and its reader

        TASKS.append(Task("erasures", erase.drain, leased=(Erasure,), due=erase.due, every=BLIND))
        rows_changed.connect(kept.heard, dispatch_uid="kept")
        rows_changed.connect(statuses.heard, dispatch_uid="bifit-statuses")
