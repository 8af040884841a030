"""`manage.py doctor`: what is wrong and what to do, in plain words."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from backoffice.doctor.findings import Finding, Level, checks, examine
from backoffice.secrets import redacted


class Command(BaseCommand):
    help = (
        "Look at settings, database, disk, clocks, workers, queues, remotes, callbacks, receipts, licences and rights, "
        "and tell in plain words what is wrong and what to do, the worst first. Changes nothing and prints no secret. "
        "Exit status 0 only when nothing is wrong; warnings count with --strict."
    )
    requires_system_checks = ()  # they are checks of ours

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help="warnings count as wrong")
        parser.add_argument("--json", action="store_true", help="print one object: ok, findings")
        parser.add_argument("--offline", action="store_true", help="ask no remote")
        codes = [code for code, _title in settings.LANGUAGES]
        parser.add_argument("--language", choices=codes, help="of the sentences; default: LANGUAGE_CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override(options["language"] or settings.LANGUAGE_CODE):
            found = examine(is_offline=options["offline"])
            wrong = Level.WARNING if options["strict"] else Level.ERROR
            is_ok = all(finding.level < wrong for finding in found)
            try:
                if options["json"]:
                    self.stdout.write(redacted(_as_json(found, is_ok)))
                else:
                    self._print(found)
                self.stdout.flush()
            except BrokenPipeError:
                # Whoever reads has seen enough (`| head`). What is not written yet would break once more at the end.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if not is_ok:
                raise CommandError(_("Something is wrong."))

    def _print(self, found: list[Finding]) -> None:
        marks = {
            Level.ERROR: (pgettext("level", "WRONG"), self.style.ERROR),
            Level.WARNING: (pgettext("level", "WARNING"), self.style.WARNING),
            Level.NOTE: (pgettext("level", "NOTE"), self.style.NOTICE),
        }
        for finding in found:
            mark, style = marks[finding.level]
            self.stdout.write(f"{style(mark)}  {redacted(finding.text)}")
            self.stdout.write(f"    → {redacted(finding.todo)}\n")
        counts = Counter(finding.level for finding in found)
        self.stdout.write(
            _("%(checks)d checks: %(errors)d wrong, %(warnings)d warnings, %(notes)d notes.")
            % {
                "checks": len(checks()),
                "errors": counts[Level.ERROR],
                "warnings": counts[Level.WARNING],
                "notes": counts[Level.NOTE],
            }
        )


def _as_json(found: list[Finding], is_ok: bool) -> str:
    rows = [
        {"level": finding.level.name.lower(), "check": finding.check, "text": finding.text, "todo": finding.todo}
        for finding in found
    ]
    return json.dumps({"ok": is_ok, "findings": rows}, ensure_ascii=False, indent=2)
