"""`manage.py worker`: carries changes between us and the remotes until it is stopped."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import translation

from backoffice import garbage
from backoffice.sync import connection, worker


class Command(BaseCommand):
    help = (
        "Send changes, process callbacks and run scheduled pulls until interrupted (Ctrl-C or SIGTERM). "
        "Any number of workers may run at once, on any number of machines."
    )
    requires_system_checks = ()  # a fault of some page must not stop the changes

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="do all that is due, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        for remote in connection.TITLES:
            if not connection.is_on(remote):
                with translation.override("en"):  # as the rest of what commands say
                    self.stderr.write(f"{connection.why_off(remote)} Changes are kept until it is on.")
        if options["once"]:
            handled = worker.once()
            self.stdout.write(f"{handled} handled; nothing more is due.")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        garbage.settle()
        self.stdout.write("The worker is running.")
        worker.run_forever(stop)
        self.stdout.write("The worker has stopped.")
