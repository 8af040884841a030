"""`manage.py cash_entries`: gather the entries of couriers' ledgers from all payments anew."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from orders import cash_entries


class Command(BaseCommand):
    help = (
        "Write the entries of couriers' cash ledgers from the payments of all orders. They keep themselves right; this "
        "is for payments that were written past the application, and says of how many orders the entries were wrong."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        seen = wrong = 0
        for looked_at, were_wrong in cash_entries.gather_all():
            seen, wrong = seen + looked_at, wrong + were_wrong
            if self.stdout.isatty():
                self.stdout.write(f"\r{seen} orders", ending="")
        start = "\r" if self.stdout.isatty() else ""
        self.stdout.write(f"{start}{seen} orders, entries of {wrong} written anew")
