"""The WSGI application for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from backoffice import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")

application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018  # loads all views: now, and not while somebody waits for the first page
garbage.settle()
