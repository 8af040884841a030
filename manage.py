#!/usr/bin/env python
"""Entry point for Django's and our own commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        settings.INSTALLED_APPS  # noqa: B018  # loads the settings, so that a missing one is one line and no traceback
    except ImproperlyConfigured as error:
        sys.exit(f"Settings: {error}")
    from django.db import Error

    from backoffice.database import explained

    try:
        execute_from_command_line(sys.argv)
    except Error as error:
        if "--traceback" in sys.argv or (told := explained(error)) is None:
            raise
        sys.exit(f"{told} (--traceback tells where.)")


if __name__ == "__main__":
    main()
