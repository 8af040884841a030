"""`manage.py push`: send what is open now, whatever its due time."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from tqdm import tqdm

from backoffice.sync import clients, commands, connection, lease, outbox, outlets, push
from backoffice.sync.mirror import registry
from backoffice.sync.models import Push


class Command(BaseCommand):
    help = (
        "Send all open changes now, also those that wait for their time and those that were refused before. "
        "Exit status 0 only when nothing is left open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "entities", nargs="*", metavar="ENTITY", help="wire names such as orders or goods; all when none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        entities = options["entities"] or None
        known = {mirror.entity for mirror in registry.ranked()} | {entity for entity, _ in commands.COMMANDS}
        known |= {entity for _, entity in outlets.OUTLETS}
        if unknown := set(entities or ()) - known:
            raise CommandError(f"unknown: {', '.join(sorted(unknown))}. Known: {', '.join(sorted(known))}")
        on = [client for remote in connection.TITLES if (client := clients.client(remote)) is not None]
        if not on:
            with translation.override("en"):  # as the rest of what commands say
                raise CommandError(" ".join(map(connection.why_off, connection.TITLES)))
        lease.release_dead((Push,))
        total = 0
        with tqdm(unit="", desc="push", disable=None) as bar:
            for client in on:
                remote = client.session.remote
                connection.unblock(remote)
                total += outbox.make_due(remote, entities)
                bar.total = total
                while handled := push.drain(client, lease.owner("push"), entities=entities):
                    bar.update(handled)
        self._report(total, entities)

    def _report(self, total: int, entities: list[str] | None) -> None:
        left = Push.objects.filter(state__in=Push.OPEN).order_by("id")
        if entities:
            left = left.filter(entity__in=entities)
        count = left.count()
        self.stdout.write(f"{total} were open, {max(total - count, 0)} went through, {count} are left.")
        for row in left[:50]:
            reason = row.waits_for if row.state == Push.State.WAITING else row.error
            self.stdout.write(f"  {row}: {row.get_state_display()}: {reason}")
        if count:
            raise CommandError(f"{count} changes are still open.")
