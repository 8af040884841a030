"""All reports, in the order of the menu."""

from backoffice.reports.pages import orders
from backoffice.reports.report import Report

REPORTS: tuple[Report, ...] = (orders.REPORT,)
BY_NAME = {report.name: report for report in REPORTS}
