"""`manage.py sandbox`: the remotes emulated on loopback."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from backoffice.remotes import sandbox


class Command(BaseCommand):
    help = (
        "Emulate iRECA, BIFIT Kassa and VirtPos on a loopback address, with the sample data of their documents and "
        "couriers who deliver. "
        "GET /__sandbox__/ on it tells how to switch faults on. Refuses to start with production settings."
    )
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
        parser.add_argument("--port", type=int, default=settings.PORT + 1, help="default: PORT + 1")
        parser.add_argument(
            "--token", default=settings.IRECA_TOKEN or sandbox.SAMPLE_TOKEN, help="default: IRECA_TOKEN"
        )
        parser.add_argument(
            "--state", type=Path, help="a file that keeps its state over restarts; in memory without it"
        )
        parser.add_argument("--speed", type=float, default=60.0, help="seconds of its couriers' time in a second (60)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The sandbox does not start with production settings (DEBUG is off).")
        given = {"username": settings.BIFIT_USERNAME, "password": settings.BIFIT_PASSWORD}
        account = {name: value for name, value in given.items() if value}
        try:
            sandbox.serve(
                host=options["host"],
                port=options["port"],
                token=options["token"],
                state_path=options["state"],
                speed=options["speed"],
                bifit_account=account,
                virtpos_key=settings.VIRTPOS_API_KEY or sandbox.virtpos.SAMPLE_KEY,
                on_start=self._say,
            )
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from error

    def _say(self, running: sandbox.Sandbox) -> None:
        self.stdout.write(f"The sandbox answers at {running.url}")
        self.stdout.write(f"BIFIT Kassa answers at {running.bifit.url}")
        self.stdout.write(f"VirtPos answers at {running.virtpos.url}")
