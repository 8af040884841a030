"""`manage.py demo`: data to look at."""

import io
import os
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from backoffice.partners.curl import curl
from backoffice.sync import connection
from orders import demo
from orders.bifit import demo as bifit_demo


class Command(BaseCommand):
    help = (
        "Load demo data: users with known passwords, the directories of the sandbox, a day of orders, which a worker "
        "then sends, and a partner whose token is DEMO_TOKEN, where the environment has one. Loading twice makes "
        "nothing twice. Refuses to run with production settings."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo's passwords are known to everyone: it does not load with production settings.")
        demo.load_people()
        if connection.is_on():
            call_command("pull", "all", stdout=io.StringIO())
            if settings.CALLBACK_SECRET:
                call_command("register_callbacks", stdout=io.StringIO())
        created = demo.load_day(timezone.localtime())
        self.stdout.write(f"{created} orders for today were added.")
        if connection.is_on(connection.BIFIT):
            self.stdout.write(f"{bifit_demo.load_day(timezone.localtime())} orders were added at BIFIT Kassa.")
        self.stdout.write("Sign in as (name / password):")
        for person in demo.PEOPLE:
            self.stdout.write(f"  {person.name} / {person.password}")
        if token := os.environ.get("DEMO_TOKEN"):  # `make run` makes it up; it is nobody's setting in production
            source = demo.load_partner(token)
            self.stdout.write(f"Use the API as the partner {source}:")
            self.stdout.write(f"  {curl(source, token)}")
