"""All reports, in the order of the menu."""

from backoffice.reports import cash
from backoffice.reports.pages import (
    clients,
    couriers,
    devices,
    differences,
    exchange,
    goods,
    orders,
    quality,
    receipts,
    shifts,
    stock,
)
from backoffice.reports.report import Page, Report

REPORTS: tuple[Report, ...] = (
    orders.REPORT,
    couriers.REPORT,
    shifts.REPORT,
    quality.REPORT,
    receipts.REPORT,
    differences.REPORT,
    clients.REPORT,
    goods.REPORT,
    stock.REPORT,
    stock.UNSOLD,
    *exchange.REPORTS,
    *devices.REPORTS,
)
MENU: tuple[Report | Page, ...] = (*REPORTS, cash.PAGE)
BY_NAME = {report.name: report for report in REPORTS}
