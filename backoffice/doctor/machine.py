"""This machine: free disk, collected static files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from backoffice.doctor.findings import Finding, check, error, warning

LITTLE, NEXT_TO_NOTHING = 2 * 2**30, 200 * 2**20  # bytes
STATIC = ("backoffice/admin.css", "backoffice/bell.css", "backoffice/names.js", "backoffice/favicon.svg")


def used_directories() -> Iterator[Path]:
    """Where this machine's processes write: a database in a file, and temporary files of exports and imports."""
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3") and "memory" not in str(database["NAME"]):
        yield Path(database["NAME"]).parent
    yield Path(tempfile.gettempdir())


@check()
def free_disk(now: datetime) -> Iterator[Finding]:
    told = set()
    for directory in used_directories():
        if not directory.is_dir() or (device := directory.stat().st_dev) in told:
            continue
        told.add(device)
        disk = shutil.disk_usage(directory)
        free = disk.free
        # A container's /tmp is small from the beginning: there, what is used counts.
        if free < min(LITTLE, disk.total // 2):
            level = error if free < min(NEXT_TO_NOTHING, disk.total // 10) else warning
            yield level(
                _("Only %(free)s are free on the disk of %(directory)s.")
                % {"free": filesizeformat(free), "directory": directory},
                _("Make room before it is full: a full disk stops every change. Old logs and backups go first."),
            )


@check()
def static_files(now: datetime) -> Iterator[Finding]:
    if settings.DEBUG:
        return
    missing = []
    for name in STATIC:
        try:
            path = staticfiles_storage.stored_name(name) if hasattr(staticfiles_storage, "stored_name") else name
        except ValueError:
            missing.append(name)
        else:
            if not Path(settings.STATIC_ROOT, path).is_file():
                missing.append(name)
    if missing:
        yield error(
            _("Static files are not collected, so pages fail or have no style: %(names)s is missing.")
            % {"names": ", ".join(missing)},
            _("Run: manage.py collectstatic --noinput, and restart the web process."),
        )
