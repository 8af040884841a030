"""All reports, in the order of the menu."""

from backoffice.reports.pages import clients, goods, orders, stock
from backoffice.reports.report import Report

REPORTS: tuple[Report, ...] = (orders.REPORT, clients.REPORT, goods.REPORT, stock.REPORT, stock.UNSOLD)
BY_NAME = {report.name: report for report in REPORTS}
