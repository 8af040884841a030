"""`manage.py restored`: after a backup was put back, and before the first worker starts."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Value
from django.db.models.functions import Greatest
from django.utils import timezone

from backoffice.sync import lease
from backoffice.sync.models import Push, Worker


class Command(BaseCommand):
    help = (
        "Tell a database that was restored from a backup that its commands may have been carried out since: workers "
        "ask the remote first, and where it cannot tell, a person decides. Leases of that time are over."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        waiting = Push.objects.filter(action=Push.Action.COMMAND, state__in=(Push.State.QUEUED, Push.State.WAITING))
        doubtful = waiting.update(attempts=Greatest("attempts", Value(1)))
        Push.objects.exclude(lease_owner="").update(**lease.RELEASED)
        Worker.objects.filter(stopped_at=None).update(stopped_at=timezone.now())
        self.stdout.write(f"{doubtful} commands are looked up before they are given again.")
