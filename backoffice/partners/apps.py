from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    name = "backoffice.partners"
    label = "partners"
    verbose_name = _("Partners")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from backoffice.partners import notices, webhooks  # noqa: F401  registers the notices
        from backoffice.partners.api import idempotency
        from backoffice.sync.tasks import TASKS, Task

        webhooks.connect()
        TASKS.append(Task("idempotency keys", lambda holder: 0, threads=0, old=idempotency.old))
