"""The WSGI application for gunicorn."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from backoffice import garbage, gunicorn_log

CANNOT_LOAD = 4  # with which gunicorn ends, too, and starts no more of us

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

try:
    application = get_wsgi_application()
except ImproperlyConfigured as error:
    sys.stderr.write(f"Settings: {error}\n")
    sys.exit(CANNOT_LOAD)
gunicorn_log.adopt()
get_resolver().url_patterns  # noqa: B018  # loads all views: now, and not while somebody waits for the first page
garbage.settle()
