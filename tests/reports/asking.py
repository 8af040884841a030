"""How tests ask reports."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict

from backoffice.reports.access import Reader
from backoffice.reports.asked import Asked
from backoffice.reports.registry import REPORTS

YEAR = "period=year&since=2000-01-01&until=2100-01-01"
EVERY = pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)


def asked(report: Any, user: User, query: str = YEAR) -> Asked:
    found = Asked(report, Reader.of(user), QueryDict(query))
    assert found.is_valid, found.filters.errors
    return found
