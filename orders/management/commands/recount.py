"""`manage.py recount`: count again what is kept beside orders, from their lines and payments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from backoffice import arguments
from orders import kept


class Command(BaseCommand):
    help = (
        "Count again what is kept beside orders: the sums of their lines and payments, and the entries of couriers' "
        "cash ledgers. They keep themselves right; this is for what was written past the application, by an older "
        "version during an upgrade for one, and says of how many orders something was wrong."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--days", type=arguments.days, metavar="N", help="only orders that changed in so many days")

    def handle(self, *args: Any, days: int | None, **options: Any) -> None:
        seen = wrong = 0
        since = timezone.now() - timedelta(days=days) if days is not None else None
        for looked_at, were_wrong in kept.recount(since):
            seen, wrong = seen + looked_at, wrong + were_wrong
            if self.stdout.isatty():
                self.stdout.write(f"\r{seen} orders", ending="")
        start = "\r" if self.stdout.isatty() else ""
        self.stdout.write(f"{start}{seen} orders, of {wrong} something was wrong and is right now")
