"""`manage.py count_days`: count couriers' days again."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from backoffice import arguments
from backoffice.reports import days


class Command(BaseCommand):
    help = (
        "Count again what couriers' devices say of each day: the way, the hours on shift, the errors. The worker does "
        "this by itself for new days, and once for each day before; this is for days whose positions came later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=arguments.day, metavar="YYYY-MM-DD", help="the first day; 30 days back")
        parser.add_argument("--until", type=arguments.day, metavar="YYYY-MM-DD", help="the last day; today")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        last = options["until"] or timezone.localdate(now)
        first = options["since"] or last - timedelta(days=29)
        if last < first:
            raise CommandError("The last day is before the first one.")
        for day, couriers in days.count_between(first, last, now):
            self.stdout.write(f"{day}: {couriers} couriers")
